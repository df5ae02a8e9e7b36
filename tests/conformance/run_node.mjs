#!/usr/bin/env node
// Runs every scenario through the public Node API.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { doctor, open } from '../../bindings/node/index.mjs';

const FOLDER = path.dirname(fileURLToPath(import.meta.url));

class Mismatch extends Error {}

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
const camelName = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
/** Options in JavaScript's names: one level, values are the user's. */
const camel = (options) => Object.fromEntries(Object.entries(options).map(([key, value]) => [camelName(key), value]));

/** A result as plain JSON, with its members as they are named here. */
function plain(value) {
  if (value === undefined) return null;
  const text = JSON.stringify(value, (_, member) => {
    // A run's `rows` is a method; the figure is `rowCount`.
    if (isObject(member) && 'rowCount' in member) return { ...member, rows: member.rowCount };
    return member;
  });
  return JSON.parse(text);
}

/** A member by the core's name: as it stands, or in camelCase. */
const has = (value, name) => Object.hasOwn(value, name) || Object.hasOwn(value, camelName(name));
const own = (value, name) => (Object.hasOwn(value, name) ? value[name] : value[camelName(name)]);

function member(value, at) {
  if (at === '') return value;
  return at.split('.').reduce((value, step) => (Array.isArray(value) ? value[Number(step)] : own(value, step)), value);
}

function fill(value, saved) {
  if (Array.isArray(value)) return value.map((element) => fill(element, saved));
  if (!isObject(value)) return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === '$') {
    if (!saved.has(value.$)) throw new Error(`nothing is saved as ${value.$}`);
    return saved.get(value.$);
  }
  if ('$repeat' in value) return value.$repeat.repeat(value.times);
  return Object.fromEntries(keys.map((key) => [key, fill(value[key], saved)]));
}

const TYPES = {
  string: (v) => typeof v === 'string',
  number: (v) => typeof v === 'number',
  object: isObject,
  list: Array.isArray,
  id: (v) => /^(b3:[0-9a-f]{64}|[0-9a-f-]{36})$/.test(v),
  time: (v) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(v),
};

function fits(expected, actual, at) {
  const short = (value) => String(JSON.stringify(value)).slice(0, 300);
  const need = (yes) => {
    if (!yes) throw new Mismatch(`${at}: expected ${short(expected)}, found ${short(actual)}`);
  };
  if (Array.isArray(expected)) {
    need(Array.isArray(actual) && actual.length === expected.length);
    expected.forEach((element, i) => fits(element, actual[i], `${at}[${i}]`));
  } else if (!isObject(expected)) {
    need(expected === actual || (expected === 0 && actual === 0));
  } else if ('$type' in expected) {
    need(TYPES[expected.$type](actual));
  } else if ('$near' in expected) {
    need(typeof actual === 'number' && Math.abs(actual - expected.$near) <= expected.rel * Math.abs(expected.$near));
  } else if ('$length' in expected) {
    const length = typeof actual === 'string' ? [...actual].length : isObject(actual) ? Object.keys(actual).length : actual?.length;
    need(length === expected.$length);
  } else if ('$not' in expected) {
    let fitted = true;
    try {
      fits(expected.$not, actual, at);
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error;
      fitted = false;
    }
    need(!fitted);
  } else {
    need(isObject(actual));
    for (const [name, value] of Object.entries(expected)) {
      if (!has(actual, name)) throw new Mismatch(`${at}.${name}: expected ${short(value)}, but there is no such member`);
      fits(value, own(actual, name), `${at}.${name}`);
    }
  }
}

/** The arguments without those that are given by position, in JavaScript's names. */
function rest(args, ...names) {
  return camel(Object.fromEntries(Object.entries(args).filter(([name]) => !names.includes(name))));
}

const which = (args) => rest(args, 'name', 'variables', 'mode');
const dataset = (store, a) => (a.version === undefined ? store.dataset(a.name) : store.dataset(a.name).at(a.version));
const gate = (given) => ({ ...given, checks: given.checks?.map((check) => camel(check)) });
const scorer = (given) => (isObject(given) ? camel(given) : given);

const ofExperiment = (s, a) => s.experiment(a.name);

const VERBS = {
  experiment: (s, a) => s.experiment(a.name, Object.keys(a).length === 1 ? undefined : rest(a, 'name')),
  experiments: (s) => ({ experiments: s.experiments() }),
  experiment_start: (s, a) => ofExperiment(s, a).start(),
  assign: (s, a) => ofExperiment(s, a).assign(a.unit),
  expose: (s, a) => ofExperiment(s, a).expose(a.unit, rest(a, 'name', 'unit')),
  experiment_weights(s, a) {
    const experiment = ofExperiment(s, a);
    const moved = experiment.setWeights(a.weights);
    return { experiment, moved };
  },
  experiment_coverage: (s, a) => ofExperiment(s, a).setCoverage(a.coverage),
  experiment_result: (s, a) => ofExperiment(s, a).result(),
  experiment_conclude: (s, a) => ofExperiment(s, a).conclude(rest(a, 'name')),
  experiment_stop: (s, a) => ofExperiment(s, a).stop(a.reason),
  publish: (s, a) => s.publish(a.name, a.prompt, rest(a, 'name', 'prompt')),
  get: (s, a) => s.get(a.name, which(a)),
  compile(s, a) {
    const version = s.get(a.name, which(a));
    if (a.mode === undefined) return { prompt: version.compile(a.variables) };
    return { prompt: a.mode === 'partial' ? version.compilePartial(a.variables) : version.compileAs(a.mode, a.variables) };
  },
  otel_attributes: (s, a) => s.get(a.name, which(a)).otelAttributes(),
  versions: (s, a) => ({ versions: s.versions(a.name, { after: a.after, limit: a.limit }) }),
  prompts: (s, a) => ({ prompts: s.prompts(a) }),
  diff: (s, a) => s.diff(a.name, a.a, a.b),
  set_label: (s, a) => s.setLabel(a.name, a.label, a.version, rest(a, 'name', 'label', 'version')),
  unset_label: (s, a) => s.unsetLabel(a.name, a.label, rest(a, 'name', 'label')),
  labels: (s, a) => ({ labels: s.labels(a.name) }),
  history: (s, a) => ({ moves: s.history(a.name, a.label) }),
  rollback: (s, a) => s.rollback(a.name, a.label, rest(a, 'name', 'label')),
  protect: (s, a) => ({ gate: s.protect(a.name, a.label, gate(a.gate), rest(a, 'name', 'label', 'gate')) }),
  unprotect: (s, a) => s.unprotect(a.name, a.label, { reason: a.reason }) ?? {},
  gate: (s, a) => s.gate(a.name, a.label),
  check: (s, a) => s.check(a.name, a.version, a.label, rest(a, 'name', 'version', 'label')),
  promote: (s, a) => s.promote(a.name, a.version, rest(a, 'name', 'version')),
  verdicts: (s, a) => ({ verdicts: s.verdicts(a.name, a.label) }),
  datasets: (s) => ({ datasets: s.datasets() }),
  dataset: (s, a) => dataset(s, a).info(),
  dataset_versions: (s, a) => ({ versions: s.dataset(a.name).versions() }),
  dataset_add: (s, a) => s.dataset(a.name).add(a.items.map((item) => (isObject(item) ? camel(item) : item))),
  dataset_archive: (s, a) => s.dataset(a.name).archive(a.keys),
  dataset_items: (s, a) => ({ items: dataset(s, a).items(rest(a, 'name', 'version')) }),
  dataset_keys: (s, a) => ({ keys: dataset(s, a).keys(rest(a, 'name', 'version')) }),
  dataset_diff: (s, a) => s.dataset(a.name).diff(a.a, a.b),
  dataset_schema: (s, a) => s.dataset(a.name).schema(rest(a, 'name')),
  metric: (s, a) => s.metric(a.name, rest(a, 'name')) ?? {},
  metrics: (s) => ({ metrics: s.metrics() }),
  scorer: (s, a) => s.scorer(camel(a)),
  start_run(s, a) {
    // A run is started with a version itself.
    const version = isObject(a.version) ? a.version : s.get(a.prompt, { version: a.version });
    if (version.name !== a.prompt) {
      // Here the version says which prompt it is of, so there is none to contradict it.
      throw Object.assign(new Error('a version of another prompt'), { code: 'version-of-another-prompt' });
    }
    const set = a.dataset_version === undefined ? s.dataset(a.dataset) : s.dataset(a.dataset).at(a.dataset_version);
    const options = rest(a, 'prompt', 'version', 'dataset', 'dataset_version');
    if (options.scorers) options.scorers = options.scorers.map(scorer);
    return s.startRun(version, set, options);
  },
  run: (s, a) => s.run(a.run),
  runs: (s, a) => ({ runs: s.runs(a) }),
  pending: (s, a) => ({ items: s.run(a.run).pending() }),
  record: (s, a) => s.run(a.run).record({ key: a.key, trial: a.trial }, camel(a.row ?? {})),
  record_all: (s, a) => ({ rows: s.run(a.run).recordAll(a.rows.map((r) => ({ key: r.key, trial: r.trial, ...camel(r.row ?? {}) }))) }),
  finish_run: (s, a) => s.run(a.run).finish(),
  withdraw_run: (s, a) => s.withdrawRun(a.run, { reason: a.reason }),
  calibrate: (s, a) => s.calibrate(a.metric, rest(a, 'metric')),
  calibrations: (s, a) => ({ calibrations: s.calibrations(a) }),
  rows: (s, a) => ({ rows: s.run(a.run).rows() }),
  summary: (s, a) => ('run' in a ? s.run(a.run).summary() : s.summary(a.prompt, a.metric, rest(a, 'prompt', 'metric'))),
  compare: (s, a) => s.compare(a.a, a.b, rest(a, 'a', 'b')),
  log(s, a) {
    // As with `start_run`: a number or an id says of which prompt in the options.
    const options = isObject(a.version) ? rest(a, 'prompt', 'version') : rest(a, 'version');
    return { trace_id: s.log(a.version, options) };
  },
  score: (s, a) => s.score(a.trace_id, a.metric, a.value, rest(a, 'trace_id', 'metric', 'value')) ?? {},
  log_many: (s, a) => ({ trace_ids: s.logMany(a.calls.map((call) => camel(call))) }),
  score_many: (s, a) => ({ scores: s.scoreMany(a.scores.map((score) => camel(score))) }),
  prune: (s, a) => s.prune(a),
  summaries: (s, a) => ({ summaries: s.summaries(a.prompt, a.metrics, rest(a, 'prompt', 'metrics')) }),
  flush: (s) => s.flush() ?? {},
  recorder: (s) => s.recorder(),
  trace: (s, a) => s.trace(a.trace_id),
  traces: (s, a) => s.traces(camel(a)),
  dataset_add_from_trace: (s, a) => s.dataset(a.name).addFromTrace(a.trace_id, rest(a, 'name', 'trace_id')),
  canary(s, a) {
    const options = rest(a, 'name');
    if (options.scorers) options.scorers = options.scorers.map(scorer);
    return s.canary(a.name, options);
  },
  canaries: (s) => ({ canaries: s.canaries() }),
  canary_record: (s, a) => s.canary(a.name).record(a.run, rest(a, 'name', 'run')),
  canary_status: (s, a) => s.canary(a.name).status(),
  canary_history: (s, a) => ({ steps: s.canary(a.name).history() }),
  canary_confirm: (s, a) => s.canary(a.name).confirm(a.reason),
  canary_dismiss: (s, a) => s.canary(a.name).dismiss(a.reason),
  events: (s, a) => ({ events: s.events(a) }),
  verify: (s) => s.verify(),
  backup: (s, a) => s.backup(a.to),
  space: (s) => s.space(),
  compact: (s) => s.compact(),
  doctor: (s, a) => doctor(s.path, a),
  info: (s) => s.info(),
};

function play(steps, store, folder) {
  // A path that is free.
  const plains = new Map([['copy', path.join(folder, 'copy.tp')]]);
  const values = new Map(plains);
  steps.forEach((step, i) => {
    const at = `step ${i + 1} (${step.call})`;
    let whole;
    try {
      whole = VERBS[step.call](store, fill(step.args ?? {}, values));
    } catch (error) {
      if (error.code === undefined) throw error;
      if (error.code !== step.error) {
        throw new Mismatch(`${at}: expected ${step.error ? `the error ${step.error}` : 'a result'}, found ${error.code}: ${error.message}`);
      }
      if (step.verdict) fits(fill(step.verdict, plains), plain(error.verdict), `${at}: verdict`);
      return;
    }
    const result = plain(whole);
    if (step.error) throw new Mismatch(`${at}: expected the error ${step.error}, found ${JSON.stringify(result).slice(0, 300)}`);
    if ('expect' in step) fits(fill(step.expect, plains), result, at);
    for (const [name, where] of Object.entries(step.save ?? {})) {
      plains.set(name, member(result, where));
      values.set(name, where === '' ? whole : plains.get(name));
    }
  });
  if (!store.verify().ok) throw new Mismatch('verify says that the store is broken');
}

const at = process.argv.indexOf('--only');
const only = at < 0 ? '' : process.argv[at + 1];
let passed = 0;
let failed = 0;
for (const file of fs.readdirSync(FOLDER).filter((name) => name.endsWith('.json')).sort()) {
  for (const scenario of JSON.parse(fs.readFileSync(path.join(FOLDER, file), 'utf8')).scenarios) {
    const name = `${file}: ${scenario.name}`;
    if (scenario.skip?.node || !name.includes(only)) continue;
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'trialplate-conformance-'));
    const store = open(path.join(folder, 'store.tp'));
    try {
      play(scenario.steps, store, folder);
      passed++;
    } catch (error) {
      failed++;
      console.log(`FAILED ${name}\n    ${error instanceof Mismatch ? error.message : error.stack}`);
    } finally {
      store.close();
      fs.rmSync(folder, { recursive: true, force: true });
    }
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
