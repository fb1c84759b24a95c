// The cases for any Node pool. make(workers) gives { run(task, argument), stop() }.
// Neither pool has chunks; what a careful user does by hand stands beside it.
'use strict';
const { clock } = require('./serving.js');

const CHUNKS = 64;

function check(ok) { if (!ok) throw new Error('wrong results'); }

module.exports = (label, make) => {
  async function onWarm(workers, body) {
    const pool = await make(workers);
    await Promise.all(Array.from({ length: 1000 }, (_, i) => pool.run('same', i)));
    try {
      return await body(pool);
    } finally {
      await pool.stop();
    }
  }

  const each = (n) => onWarm(2, (pool) => clock(async () => {
    const results = await Promise.all(Array.from({ length: n }, (_, i) => pool.run('same', i)));
    check(results[n - 1] === n - 1);
  }));

  const byHand = (n) => onWarm(2, (pool) => clock(async () => {
    const size = Math.ceil(n / CHUNKS), calls = [];
    for (let at = 0; at < n; at += size) calls.push(pool.run('range', [at, Math.min(n, at + size)]));
    const results = (await Promise.all(calls)).flat();
    check(results.length === n && results[n - 1] === n - 1);
  }));

  const roundTrips = (n, data) => onWarm(1, (pool) => clock(async () => {
    for (let i = 0; i < n; i++) check((await pool.run('same', data)).length === data.length);
  }));

  const ten = (n) => onWarm(2, (pool) => clock(async () => {
    for (let i = 0; i < n; i++) {
      await Promise.all(Array.from({ length: 10 }, (_, k) => pool.run('same', k)));
    }
  }));

  const start = (n, values) => clock(async () => {
    for (let i = 0; i < n; i++) {
      const pool = await make(values.workers);
      await Promise.all(Array.from({ length: values.workers }, (_, k) => pool.run('same', k)));
      await pool.stop();
    }
  });

  const idle = (n, values) => onWarm(2, async () => {
    const before = process.cpuUsage();
    await new Promise((done) => setTimeout(done, values.ms * n));
    const used = process.cpuUsage(before);
    return (used.user + used.system) / 1e6;
  });

  return {
    adaptive: { [label]: each, [label + ', chunks by hand']: byHand },
    single: { [label]: each },
    apply: { [label]: (n) => roundTrips(n, 'x') },
    payload: { [label]: (n, values) => roundTrips(n, 'x'.repeat(values.size)) },
    ten: { [label]: ten },
    start: { [label]: start },
    idle: { [label]: idle },
  };
};
