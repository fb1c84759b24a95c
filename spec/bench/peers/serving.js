// A Node contender's side of the protocol in ../program.lua.
'use strict';
const readline = require('readline');

exports.clock = async (call) => {
  const began = process.hrtime.bigint();
  await call();
  return Number(process.hrtime.bigint() - began) / 1e9;
};

async function answer(cases, line) {
  const [name, label, count, ...words] = line.split('\t');
  const values = {};
  for (const word of words) {
    const [key, value] = word.split('=');
    values[key] = /^-?\d+$/.test(value) ? Number(value) : value;
  }
  const seconds = await cases[name][label](Number(count), values);
  return String(seconds);
}

// cases: { case: { label: async (count, values) => seconds } }
exports.serve = async (version, cases) => {
  const lines = [version];
  for (const name of Object.keys(cases)) {
    for (const label of Object.keys(cases[name])) lines.push(`${name}\t${label}`);
  }
  process.stdout.write(lines.join('\n') + '\n\n');
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let text;
    try {
      text = await answer(cases, line);
    } catch (error) {
      text = '!' + String(error).replace(/\s+/g, ' ');
    }
    process.stdout.write(text + '\n');
  }
  process.exit(0);
};
