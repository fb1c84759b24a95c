// piscina, found by NODE_PATH.
'use strict';
const { Piscina } = require('piscina');
const path = require('path');
const cases = require('./node_cases.js');
const { serve } = require('./serving.js');

async function make(workers) {
  const pool = new Piscina({
    filename: path.join(__dirname, 'node_tasks.js'), minThreads: workers, maxThreads: workers,
  });
  return { run: (name, argument) => pool.run(argument, { name }), stop: () => pool.destroy() };
}

serve(`piscina ${Piscina.version}, Node ${process.version}`,
  cases('piscina', make));
