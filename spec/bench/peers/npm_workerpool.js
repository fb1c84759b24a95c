// npm's workerpool, found by NODE_PATH.
'use strict';
const workerpool = require('workerpool');
const path = require('path');
const cases = require('./node_cases.js');
const { serve } = require('./serving.js');

async function make(workers) {
  const pool = workerpool.pool(path.join(__dirname, 'npm_workerpool_tasks.js'),
    { minWorkers: workers, maxWorkers: workers });
  return { run: (name, argument) => pool.exec(name, [argument]), stop: () => pool.terminate() };
}

serve(`workerpool of npm, Node ${process.version}`, cases('npm workerpool', make));
