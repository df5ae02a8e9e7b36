'use strict';

const { camel, snake } = require('./names.js');
const { define } = require('./verbs.js');

/** An A/B test on traffic. */
class Experiment {
  #calls;

  constructor(calls, facts) {
    this.#calls = calls;
    Object.assign(this, facts);
  }

  toString() {
    return this.name;
  }

  static calls(experiment) {
    return experiment.#calls;
  }
}

const { calls } = Experiment;
delete Experiment.calls;

const parsed = (text) => camel(JSON.parse(text));
const named = (rest) => function (...given) { return { ...rest(...given), name: this.name }; };
const nameOnly = named(() => ({}));
const renewed = function (text) { return Object.assign(this, parsed(text)); };

define(Experiment, calls, {
  assign: { verb: 'assign', args: named((unit) => ({ unit })), shape: parsed },
  expose: { verb: 'expose', args: named((unit, options) => ({ ...snake(options), unit })), shape: parsed, writes: true },
  start: { verb: 'experiment_start', args: nameOnly, shape: renewed, writes: true },
  setWeights: {
    verb: 'experiment_weights',
    args: named((weights) => ({ weights })),
    shape(text) {
      const { experiment, moved } = parsed(text);
      Object.assign(this, experiment);
      return moved;
    },
    writes: true,
  },
  setCoverage: { verb: 'experiment_coverage', args: named((coverage) => ({ coverage })), shape: renewed, writes: true },
  result: { verb: 'experiment_result', args: nameOnly, shape: parsed, writes: true },
  conclude: {
    verb: 'experiment_conclude',
    args: named((options) => snake(options)),
    shape(text) {
      const found = parsed(text);
      Object.assign(this, found.experiment);
      return found;
    },
    writes: true,
  },
  stop: { verb: 'experiment_stop', args: named((reason) => ({ reason })), shape: renewed, writes: true },
  refresh: { verb: 'experiment', args: nameOnly, shape: renewed },
});

/** The variants in the order in which they were given; the first one is the control. */
function variants(given, version) {
  if (given === null || typeof given !== 'object') return given;
  if (Array.isArray(given)) return given.map((one) => (one !== null && typeof one === 'object' ? { ...one, version: version(one.version) } : one));
  return Object.entries(given).map(([name, value]) => ({ name, version: version(value) }));
}

module.exports = { Experiment, variants };
