'use strict';

const { camel, snake } = require('./names.js');
const { define } = require('./verbs.js');
const wire = require('./wire.js');

/** A dataset by its name; it is there once something was added. */
class Dataset {
  #calls;

  constructor(calls, name, pinned) {
    this.#calls = calls;
    this.name = name;
    /** The version that `items` reads; undefined for the newest. */
    this.pinned = pinned;
    Object.freeze(this);
  }

  /** The number of the version that it stands for: the one it was pinned to, or the newest. */
  get version() {
    return this.info().version;
  }

  /** The dataset as it was at a version. */
  at(version) {
    return new Dataset(this.#calls, this.name, version);
  }

  /** Its items page by page, all of one version. */
  *iterItems({ page = 1000 } = {}) {
    const pinned = this.at(this.pinned ?? this.version);
    for (let after; ;) {
      const found = pinned.items({ after, limit: page });
      if (found.length === 0) return;
      yield* found;
      after = found.at(-1).key;
    }
  }

  toJSON() {
    return { name: this.name, pinned: this.pinned };
  }

  static calls(dataset) {
    return dataset.#calls;
  }
}

const parsed = (text) => camel(JSON.parse(text));
const { calls } = Dataset;
delete Dataset.calls;

/** An item in the names of the core; its values are the user's. */
const item = (value) => (value !== null && typeof value === 'object' ? snake(value) : value);

define(Dataset, calls, {
  info: { verb: 'dataset', args() { return { name: this.name, version: this.pinned }; }, shape: parsed },
  add: {
    verb: 'dataset_add',
    args(items) { return { name: this.name, items: Array.isArray(items) ? items.map(item) : items }; },
    shape: parsed,
    writes: true,
  },
  addFromTrace: {
    verb: 'dataset_add_from_trace',
    args(trace, options) { return { ...snake(options), name: this.name, trace_id: wire.traceId(trace) }; },
    shape: parsed,
    writes: true,
  },
  archive: { verb: 'dataset_archive', args(keys) { return { name: this.name, keys }; }, shape: parsed, writes: true },
  items: {
    verb: 'dataset_items',
    args(page) { return { ...snake(page), name: this.name, version: this.pinned }; },
    shape: (text) => parsed(text).items,
  },
  keys: {
    verb: 'dataset_keys',
    args(page) { return { ...snake(page), name: this.name, version: this.pinned }; },
    shape: (text) => JSON.parse(text).keys,
  },
  diff: { verb: 'dataset_diff', args(a, b) { return { name: this.name, a, b }; }, shape: parsed },
  versions: { verb: 'dataset_versions', args() { return { name: this.name }; }, shape: (text) => parsed(text).versions },
  schema: { verb: 'dataset_schema', args(schemas) { return { ...snake(schemas), name: this.name }; }, shape: parsed, writes: true },
});

module.exports = { Dataset };
