'use strict';

const { camel } = require('./names.js');
const { define } = require('./verbs.js');
const wire = require('./wire.js');

/** A few fixed items that are run again and again, and whether the model changed since. It never changes itself. */
class Canary {
  #store;
  #calls;

  constructor(store, calls, facts) {
    this.#store = store;
    this.#calls = calls;
    Object.assign(this, facts);
    Object.freeze(this);
  }

  static calls(canary) {
    return canary.#calls;
  }

  /** Runs a task on every item, as `Store.evaluate` does, and records the run. */
  async evaluate({ anchor, ...options }) {
    const version = this.#store.get(this.prompt, { version: this.version });
    const dataset = this.#store.dataset(this.dataset).at(this.datasetVersion);
    const run = await this.#store.evaluate(version, dataset, options);
    return this.recordAsync(run, { anchor });
  }
}

const { calls } = Canary;
delete Canary.calls;

const parsed = (text) => camel(JSON.parse(text));
const answer = (verb) => ({
  verb,
  args(reason) { return { name: this.name, reason }; },
  shape: parsed,
  writes: true,
});

define(Canary, calls, {
  record: {
    verb: 'canary_record',
    args(run, options) { return { name: this.name, run: wire.runId(run), anchor: wire.runId(options?.anchor) }; },
    shape: parsed,
    writes: true,
  },
  status: { verb: 'canary_status', args() { return { name: this.name }; }, shape: parsed },
  history: { verb: 'canary_history', args() { return { name: this.name }; }, shape: (text) => parsed(text).steps },
  confirm: answer('canary_confirm'),
  dismiss: answer('canary_dismiss'),
});

module.exports = { Canary };
