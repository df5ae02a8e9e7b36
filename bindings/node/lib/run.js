'use strict';

const { camel, snake } = require('./names.js');
const { define } = require('./verbs.js');
const wire = require('./wire.js');

/** One version on one dataset version. */
class Run {
  #calls;

  constructor(calls, facts) {
    this.#calls = calls;
    this.#take(facts);
  }

  #take({ rows, moves = [], ...facts }) {
    // `rows` is the method; the core's figure of that name is how many there were at the end.
    Object.assign(this, facts, { rowCount: rows, moves });
  }

  static calls(run) {
    return run.#calls;
  }

  static take(run, facts) {
    run.#take(facts);
    return run;
  }
}

const { calls, take } = Run;
delete Run.calls;
delete Run.take;

const parsed = (text) => camel(JSON.parse(text));
const place = (item) =>
  item !== null && typeof item === 'object' ? { key: item.key, trial: item.trial } : { key: item, trial: undefined };

define(Run, calls, {
  pending: { verb: 'pending', args() { return { run: this.id }; }, shape: (text) => parsed(text).items },
  record: {
    verb: 'record',
    args(item, fields) { return { run: this.id, ...place(item), row: wire.row(fields) }; },
    shape: parsed,
    writes: true,
  },
  recordAll: {
    verb: 'record_all',
    args(rows) {
      const one = ({ key, trial, ...fields }) => ({ key, trial, row: wire.row(fields) });
      return { run: this.id, rows: rows.map(one) };
    },
    shape: (text) => parsed(text).rows,
    writes: true,
  },
  finish: {
    verb: 'finish_run',
    args() { return { run: this.id }; },
    shape(text) { return take(this, parsed(text)); },
    writes: true,
  },
  withdraw: {
    verb: 'withdraw_run',
    args(options) { return { ...(typeof options === 'string' ? { reason: options } : snake(options)), run: this.id }; },
    shape(text) { return take(this, parsed(text)); },
    writes: true,
  },
  rows: { verb: 'rows', args() { return { run: this.id }; }, shape: (text) => parsed(text).rows },
  summary: { verb: 'summary', args() { return { run: this.id }; }, shape: parsed },
});

module.exports = { Run };
