// The tasks of node_tasks.js, as npm's workerpool wants them.
'use strict';
require('workerpool').worker(require('./node_tasks.js'));
