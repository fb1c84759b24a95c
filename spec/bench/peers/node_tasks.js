// The tasks of the Node contenders.
'use strict';

exports.same = (x) => x;

exports.range = ([from, to]) => {
  const list = [];
  for (let i = from; i < to; i++) list.push(i);
  return list;
};
