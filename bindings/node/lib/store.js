'use strict';

const { fileURLToPath } = require('node:url');
const { camel, snake } = require('./names.js');
const { encodeArguments } = require('./json.js');
const { fromFacts, invalidArgument, native } = require('./errors.js');
const { Prompt } = require('./prompt.js');
const { Dataset } = require('./dataset.js');
const { Run } = require('./run.js');
const { Canary } = require('./canary.js');
const { Experiment, variants } = require('./experiment.js');
const { define } = require('./verbs.js');
const { evaluate } = require('./evaluate.js');
const { watch } = require('./exit.js');
const record = require('./record.js');
const wire = require('./wire.js');
const { NativeStore } = require('../native.js');

/** More answers than that are forgotten together. */
const MOST_ANSWERS = 1 << 18;
const NOT_BY_LABEL = Symbol('not by label');

/** The label that a `get` asks for and nothing else, or NOT_BY_LABEL. */
function onlyLabel(options) {
  let label;
  for (const key in options) {
    if (key !== 'label') return NOT_BY_LABEL;
    label = options.label;
  }
  return label === undefined || typeof label === 'string' ? label : NOT_BY_LABEL;
}

/** Calls that are under way, by number. It must not hold on to a store: the native part holds on to it. */
class Pending {
  #calls = new Map();
  #last = 0;

  constructor() {
    this.done = (number, code, text) => {
      const { resolve, reject, store } = this.#calls.get(number);
      this.#calls.delete(number);
      if (this.#calls.size === 0) store.rest();
      if (typeof code === 'string') reject(fromFacts(code, text));
      else resolve(text);
    };
  }

  call(store, verb, text) {
    return new Promise((resolve, reject) => {
      const number = (this.#last = (this.#last + 1) >>> 0);
      this.#calls.set(number, { resolve, reject, store });
      store.callAsync(number, verb, text);
    });
  }
}

/** One file of versioned prompts, datasets, runs, traces, scores and gates. */
class Store {
  #native;
  #calls;
  /** What was got by label: label, then name. Good while `#stale` says nothing. */
  #answers = new Map();
  #count = 0;
  #stale;
  #underWay = new Set();
  /** The usual `log` and `score`, once the process's end waits for this store. */
  #log;
  #score;
  #signals;

  constructor(path, options) {
    if (path instanceof URL) path = fileURLToPath(path);
    if (typeof path !== 'string') throw invalidArgument('path', 'a path is text, or a file: URL');
    const pending = new Pending();
    const { flush_on_signal: signals, ...known } = snake(options);
    const store = native(() => new NativeStore(path, encodeArguments(known), pending.done));
    this.#signals = signals !== false;
    this.#native = store;
    this.#stale = store.staleCheck();
    this.#calls = {
      sync: (verb, text) => store.call(verb, text),
      async: (verb, text) => {
        const call = pending.call(store, verb, text);
        this.#underWay.add(call);
        const over = () => this.#underWay.delete(call);
        call.then(over, over);
        return call;
      },
    };
  }

  static calls(store) {
    return store.#calls;
  }

  get(name, options) {
    const label = options === undefined ? undefined : onlyLabel(options);
    if (label === NOT_BY_LABEL) return this.#get(name, options);
    // Asked BEFORE the answer is read from the store: an answer is never older than what it is filed under.
    if (this.#stale() === true) {
      this.#answers = new Map();
      this.#count = 0;
    }
    const known = this.#answers.get(label)?.get(name);
    return known === undefined ? this.#ask(name, label, options) : known;
  }

  #ask(name, label, options) {
    const prompt = this.#get(name, options);
    if (++this.#count > MOST_ANSWERS) {
      this.#answers = new Map();
      this.#count = 1;
    }
    let names = this.#answers.get(label);
    if (names === undefined) this.#answers.set(label, (names = new Map()));
    names.set(name, prompt);
    return prompt;
  }

  #get(name, options) {
    const args = { ...snake(options), name };
    if ('at' in args) args.at = wire.time(args.at);
    args.version = wire.version(args.version);
    const text = encodeArguments(args);
    return new Prompt(native(() => this.#native.call('get', text)));
  }

  log(version, options) {
    const id = this.#log?.(version, options);
    return id === undefined ? this.#general('log', [version, options]) : id;
  }

  score(trace, metric, value, options) {
    if (this.#score?.(trace, metric, value, options) !== true) this.#general('score', [trace, metric, value, options]);
  }

  #general(verb, given) {
    if (this.#log === undefined) this.#watch();
    return general[verb].apply(this, given);
  }

  #watch() {
    watch(this, this.#signals);
    this.#log = record.log(this.#native);
    this.#score = record.score(this.#native);
  }

  dataset(name) {
    return new Dataset(this.#calls, name, undefined);
  }

  evaluate(version, dataset, options) {
    return evaluate(this, version, dataset, options);
  }

  registryEpoch() {
    return native(() => this.#native.registryEpoch());
  }

  get path() {
    return this.#native.path;
  }

  get closed() {
    return this.#native.closed;
  }

  close() {
    native(() => this.#native.close());
    this.#answers = new Map();
  }

  /** All traces that `traces` finds, newest first; never more than a page of them in memory. */
  *iterTraces(filter) {
    let page = { next: undefined };
    do {
      page = this.traces({ ...filter, limit: 1000, cursor: page.next });
      yield* page.traces;
    } while (page.next !== null);
  }

  /** Closes it when the calls that are under way are over. */
  async closeAsync() {
    await Promise.allSettled(this.#underWay);
    this.close();
  }
}

if (Symbol.dispose) {
  Store.prototype[Symbol.dispose] = function () {
    this.close();
  };
}
if (Symbol.asyncDispose) {
  Store.prototype[Symbol.asyncDispose] = function () {
    return this.closeAsync();
  };
}

const { calls } = Store;
delete Store.calls;
const quick = { log: Store.prototype.log, score: Store.prototype.score };

const parsed = (text) => camel(JSON.parse(text));
const member = (name) => (text) => parsed(text)[name];
const nothing = () => undefined;
const prompt = (text) => new Prompt(text);
const nameOnly = (name) => ({ name });
const nameLabel = (name, label) => ({ name, label });
const none = () => ({});
const asRun = function (text) {
  return new Run(calls(this), parsed(text));
};

const asExperiment = function (text) {
  return new Experiment(calls(this), parsed(text));
};

/** Which traces: options with their times as the core reads them. */
function selecting(options) {
  const out = snake(options);
  for (const name of ['since', 'until']) if (name in out) out[name] = wire.time(out[name]);
  return { ...out, version: wire.version(out.version) };
}

/** A call as the core logs it. */
function logged(version, options) {
  const out = wire.row(options);
  if ('at' in out) out.at = wire.time(out.at);
  out.experiment = wire.experimentName(out.experiment);
  return { ...out, ...('prompt' in out ? { version: wire.version(version) } : wire.ofPrompt(version)) };
}

/** Options with their versions as the core reads them. */
function moving(options) {
  const out = snake(options);
  if ('expected' in out) out.expected = wire.expected(out.expected);
  return out;
}

define(Store, calls, {
  publish: {
    verb: 'publish',
    args(name, prompt, options) {
      const out = snake(options);
      return { ...out, parent: out.parent?.number ?? out.parent, name, prompt };
    },
    shape: prompt,
    writes: true,
  },
  versions: {
    verb: 'versions',
    args: (name, page) => ({ ...snake(page), name }),
    shape: (text) => JSON.parse(text).versions.map((raw) => new Prompt(JSON.stringify(raw), raw)),
  },
  prompts: { verb: 'prompts', args: snake, shape: member('prompts') },
  diff: {
    verb: 'diff',
    args: (name, a, b) => ({ name, a: wire.version(a), b: wire.version(b) }),
    shape: parsed,
  },
  setLabel: {
    verb: 'set_label',
    args: (name, label, version, options) => ({ ...moving(options), name, label, version: wire.version(version) }),
    shape: parsed,
    writes: true,
  },
  unsetLabel: {
    verb: 'unset_label',
    args: (name, label, options) => ({ ...snake(options), name, label }),
    shape: parsed,
    writes: true,
  },
  labels: { verb: 'labels', args: nameOnly, shape: member('labels') },
  history: { verb: 'history', args: nameLabel, shape: member('moves') },
  rollback: {
    verb: 'rollback',
    args(name, label, options) {
      const out = snake(options);
      return { ...out, to: wire.version(out.to), name, label };
    },
    shape: parsed,
    writes: true,
  },
  protect: {
    verb: 'protect',
    args: (name, label, gate, options) => ({ ...snake(options), name, label, gate: wire.gate(gate) }),
    shape: member('gate'),
    writes: true,
  },
  unprotect: {
    verb: 'unprotect',
    args: (name, label, options) => ({ ...(typeof options === 'string' ? { reason: options } : snake(options)), name, label }),
    shape: nothing,
    writes: true,
  },
  gate: { verb: 'gate', args: nameLabel, shape: parsed },
  check: {
    verb: 'check',
    args: (name, version, label, options) => ({ ...snake(options), name, version: wire.version(version), label }),
    shape: parsed,
    writes: true,
  },
  promote: {
    verb: 'promote',
    args: (name, version, options) => ({ ...moving(options), name, version: wire.version(version) }),
    shape: parsed,
    writes: true,
  },
  verdicts: { verb: 'verdicts', args: nameLabel, shape: member('verdicts') },
  datasets: { verb: 'datasets', args: none, shape: member('datasets') },
  metric: { verb: 'metric', args: (name, options) => ({ ...snake(options), name }), shape: nothing, writes: true },
  metrics: { verb: 'metrics', args: none, shape: member('metrics') },
  startRun: {
    verb: 'start_run',
    args(version, dataset, options) {
      const out = snake(options);
      if (Array.isArray(out.scorers)) out.scorers = out.scorers.map(wire.scorer);
      return { ...out, ...wire.ofPrompt(version), ...wire.dataset(dataset) };
    },
    shape: asRun,
    writes: true,
  },
  run: { verb: 'run', args: (id) => ({ run: wire.runId(id) }), shape: asRun },
  runs: {
    verb: 'runs',
    args: snake,
    shape(text) {
      return parsed(text).runs.map((facts) => new Run(calls(this), facts));
    },
  },
  withdrawRun: {
    verb: 'withdraw_run',
    args: (run, options) => ({ ...(typeof options === 'string' ? { reason: options } : snake(options)), run: wire.runId(run) }),
    shape: asRun,
    writes: true,
  },
  calibrate: {
    verb: 'calibrate',
    args(metric, options) {
      const out = selecting(options);
      return { ...out, run: wire.runId(out.run), judge: wire.scorer(out.judge), metric };
    },
    shape: parsed,
    writes: true,
  },
  calibrations: { verb: 'calibrations', args: snake, shape: member('calibrations') },
  compare: {
    verb: 'compare',
    args(a, b, options) {
      const out = snake(options);
      if (Array.isArray(out.noise)) out.noise = out.noise.map(wire.runId);
      return { ...out, a: wire.runId(a), b: wire.runId(b) };
    },
    shape: parsed,
  },
  scorer: { verb: 'scorer', args: (scorer) => { const s = wire.scorer(scorer); return typeof s === 'string' ? { kind: 'function', name: s } : s; }, shape: parsed },
  log: {
    verb: 'log',
    args(version, options) {
      return logged(version, options);
    },
    shape: member('traceId'),
    writes: true,
  },
  logMany: {
    verb: 'log_many',
    args: (calls) => ({ calls: Array.from(calls, ({ version, ...options }) => logged(version, options)) }),
    shape: member('traceIds'),
    writes: true,
  },
  scoreMany: {
    verb: 'score_many',
    args(scores) {
      const one = (score) => {
        const out = snake(score);
        return { ...out, judge: wire.scorer(out.judge), trace_id: wire.traceId(out.trace_id) };
      };
      return { scores: Array.from(scores, one) };
    },
    shape: member('scores'),
    writes: true,
  },
  prune: {
    verb: 'prune',
    args(options) {
      const out = snake(options);
      return { ...out, before: wire.time(out.before) };
    },
    shape: parsed,
    writes: true,
  },
  score: {
    verb: 'score',
    args(trace, metric, value, options) {
      const out = snake(options);
      return { ...out, judge: wire.scorer(out.judge), trace_id: wire.traceId(trace), metric, value };
    },
    shape: nothing,
    writes: true,
  },
  recorder: { verb: 'recorder', args: none, shape: parsed },
  flush: { verb: 'flush', args: none, shape: nothing, writes: true },
  trace: { verb: 'trace', args: (trace) => ({ trace_id: wire.traceId(trace) }), shape: parsed },
  traces: {
    verb: 'traces',
    args(filter) {
      const out = selecting(filter);
      return { ...out, prompt: out.prompt ?? filter?.version?.name };
    },
    shape: parsed,
  },
  summary: { verb: 'summary', args: (prompt, metric, options) => ({ ...selecting(options), prompt, metric }), shape: parsed },
  summaries: {
    verb: 'summaries',
    args: (prompt, metrics, options) => ({ ...selecting(options), prompt, metrics: Array.from(metrics) }),
    shape: member('summaries'),
  },
  canary: {
    verb: 'canary',
    args(name, options) {
      const out = snake(options);
      const prompt = out.prompt ?? out.version?.name;
      if (Array.isArray(out.scorers)) out.scorers = out.scorers.map(wire.scorer);
      const dataset = out.dataset?.name === undefined ? {} : wire.dataset(out.dataset);
      return { ...out, ...dataset, name, prompt, version: wire.version(out.version) };
    },
    shape(text) { return new Canary(this, calls(this), parsed(text)); },
    writes: true,
  },
  canaries: { verb: 'canaries', args: none, shape: member('canaries') },
  experiment: {
    verb: 'experiment',
    args(name, options) {
      const out = snake(options);
      if ('variants' in out) out.variants = variants(out.variants, wire.version);
      return { ...out, name };
    },
    shape: asExperiment,
    writes: true,
  },
  experiments: {
    verb: 'experiments',
    args: none,
    shape(text) {
      return parsed(text).experiments.map((facts) => new Experiment(calls(this), facts));
    },
  },
  events: { verb: 'events', args: snake, shape: member('events') },
  verify: { verb: 'verify', args: none, shape: parsed },
  backup: { verb: 'backup', args: (to) => ({ to }), shape: parsed },
  space: { verb: 'space', args: none, shape: parsed },
  compact: { verb: 'compact', args: none, shape: parsed },
  info: { verb: 'info', args: none, shape: parsed },
});

/** `log` and `score` for all that they take; the class's own ones are for the usual. */
const general = { log: Store.prototype.log, score: Store.prototype.score };
for (const verb of ['log', 'score']) Object.defineProperty(Store.prototype, verb, { value: quick[verb], configurable: true, writable: true });

module.exports = { Store };
