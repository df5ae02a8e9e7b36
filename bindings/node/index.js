'use strict';

const { fileURLToPath } = require('node:url');
const { Check, Gate, Scorer, output } = require('./lib/helpers.js');
const { Canary } = require('./lib/canary.js');
const { Dataset } = require('./lib/dataset.js');
const { Experiment } = require('./lib/experiment.js');
const { Prompt } = require('./lib/prompt.js');
const { Run } = require('./lib/run.js');
const { Store } = require('./lib/store.js');
const { TrialplateError, native } = require('./lib/errors.js');
const { encode } = require('./lib/json.js');
const { camel, snake } = require('./lib/names.js');
const { doctor: examine, runCase } = require('./native.js');

function open(path, options) {
  return new Store(path, options);
}

function doctor(path, options) {
  const file = path instanceof URL ? fileURLToPath(path) : String(path);
  const text = encode(snake(options), 'options');
  return camel(JSON.parse(native(() => examine(file, text))));
}

const stats = {
  runCase({ kind, inputs }) {
    const text = encode(inputs, 'inputs');
    return JSON.parse(native(() => runCase(String(kind), text)));
  },
};

module.exports = { Canary, Check, Dataset, Experiment, Gate, Prompt, Run, Scorer, Store, TrialplateError, doctor, open, output, stats };
