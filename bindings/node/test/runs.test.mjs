import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Check, Dataset, Gate, output, Run, Scorer, stats, TrialplateError } from '../index.mjs';
import { code, temporary } from './helpers.mjs';

const items = (n) =>
  Array.from({ length: n }, (_, i) => ({
    key: `k${String(i).padStart(2, '0')}`,
    input: { some_key: i },
    expected: String(i),
    metadata: { source_file: 'a' },
    stratum: i % 2 ? 'odd' : 'even',
  }));

test('datasets', async (t) => {
  const store = temporary(t);
  const ds = store.dataset('golden');
  assert.ok(ds instanceof Dataset);
  assert.throws(() => ds.version, code('dataset-not-found'));
  const first = ds.add(items(3));
  assert.deepEqual([first.version, first.items, first.added], [1, 3, 3]);
  await ds.addAsync([{ key: 'k01', input: 'changed' }, { key: 'new', sourceTrace: 't1' }]);
  ds.archive(['k00']);
  assert.equal(ds.version, 3);
  assert.equal(ds.at(1).version, 1);
  assert.deepEqual(ds.at(1).items().map((i) => i.input), [{ some_key: 0 }, { some_key: 1 }, { some_key: 2 }]);
  assert.deepEqual(ds.items().map((i) => [i.key, i.sourceTrace]), [['k01', null], ['k02', null], ['new', 't1']]);
  assert.deepEqual(ds.keys(), ['k01', 'k02', 'new']);
  assert.deepEqual(ds.keys({ after: 'k01', limit: 1 }), ['k02']);
  assert.deepEqual(ds.at(1).items({ after: 'k00', limit: 1 }).map((i) => i.input), [{ some_key: 1 }]);
  for (const page of [1, 2, 1000]) assert.deepEqual([...ds.iterItems({ page })], ds.items());
  assert.deepEqual([...ds.at(1).iterItems({ page: 2 })].map((i) => i.key), ['k00', 'k01', 'k02']);
  assert.deepEqual(ds.diff(1, 3), { added: ['new'], changed: ['k01'], archived: ['k00'] });
  assert.deepEqual(ds.versions().map((v) => v.version), [1, 2, 3]);
  assert.throws(() => ds.add([{ key: 'x', inputt: 1 }]), code('invalid-item'));
  assert.deepEqual(ds.schema({ input: { type: ['object', 'string', 'null'] } }).input, { type: ['object', 'string', 'null'] });
  assert.equal(store.datasets().length, 1);
});

test('a run, row by row', async (t) => {
  const store = temporary(t);
  const v = store.publish('p', 'x');
  const ds = store.dataset('golden');
  ds.add(items(3));
  store.metric('quality', { kind: 'numeric', min: 0, max: 5 });
  assert.deepEqual([store.metrics().quality.min, store.metrics().quality.max], [0, 5]);
  const run = store.startRun(v, ds, { scorers: [Scorer.exact(), 'quality'], trials: 2, name: 'first' });
  assert.ok(run instanceof Run);
  assert.deepEqual([run.prompt, run.version, run.dataset, run.datasetVersion, run.trials], ['p', 1, 'golden', 1, 2]);
  const pending = run.pending();
  assert.equal(pending.length, 6);
  assert.deepEqual(Object.keys(pending[0]).sort(), ['expected', 'id', 'input', 'key', 'metadata', 'sourceTrace', 'stratum', 'trial']);
  const row = run.record(pending[0], { output: '0', scores: { quality: 4.5 }, latencyMs: 12, costUsd: 0.5, tokensIn: 3, tokensOut: 4 });
  assert.deepEqual([row.scores, row.latencyMs, row.tokensIn], [{ exact: true, quality: 4.5 }, 12, 3]);
  assert.throws(() => run.record(pending[0], { output: 'again' }), code('row-exists', 'already-exists'));
  for (const quality of [NaN, Infinity, -Infinity]) {
    assert.throws(() => run.record(pending[1], { output: 'x', scores: { quality } }), code('invalid-score', 'invalid'));
  }
  assert.throws(() => run.record(pending[1], { output: 'x', scores: { quality: 6 } }), code('score-out-of-range'));
  assert.throws(() => run.record(pending[1], { output: 'x', latencyMs: NaN }), code('invalid-json'));
  assert.throws(() => run.record(pending[1], { outputt: 'x' }), code('invalid-argument'));
  await run.recordAsync(pending[1], { error: new TypeError('bad') });
  assert.equal(run.recordAll(pending.slice(2).map(({ key, trial }) => ({ key, trial, output: { any_key: 1 }, scores: { quality: null } }))), 4);
  assert.equal(store.startRun(v, ds, { scorers: [Scorer.exact(), 'quality'], trials: 2, name: 'first' }).id, run.id);
  assert.throws(() => store.startRun(v, ds, { trials: 3, name: 'first' }), code('run-differs', 'conflict'));
  assert.throws(() => store.startRun('p', ds), code('invalid-argument'));
  assert.equal(run.finishedAt, null);
  assert.equal(run.finish(), run);
  assert.deepEqual([typeof run.finishedAt, run.rowCount], ['string', 6]);
  const rows = run.rows();
  assert.equal(rows.length, 6);
  assert.equal(rows.find((r) => r.error)?.error, 'TypeError: bad');
  assert.deepEqual(rows.at(-1).output, { any_key: 1 });
  const summary = run.summary();
  assert.deepEqual([summary.rows, summary.rowsExpected, summary.errors], [6, 6, 1]);
  assert.deepEqual([summary.metrics.quality.n, summary.metrics.quality.nMissing], [1, 2]);
  assert.equal(store.run(run.id).id, run.id);
  assert.equal(store.run(run).id, run.id);
  assert.deepEqual(store.runs({ prompt: 'p' }).map((r) => r.id), [run.id]);
  assert.equal(store.runs().length, 1);
  assert.throws(() => store.run('nonsense'), TrialplateError);
});

test('compare', async (t) => {
  const store = temporary(t);
  const a = store.publish('p', 'one');
  const b = store.publish('p', 'two');
  const ds = store.dataset('golden');
  ds.add(items(20));
  const some_metric = Scorer.function('some_metric', (out) => out);
  const one = await store.evaluate(a, ds, { task: (item) => item.input.some_key % 3, scorers: [some_metric] });
  const two = await store.evaluate(b, ds, { task: (item) => 2 + (item.input.some_key % 2), scorers: [some_metric] });
  const found = store.compare(one, two.id);
  const metric = found.metrics.some_metric;
  assert.equal(metric.n, 20);
  for (const name of ['nMissing', 'meanA', 'meanB', 'sdA', 'sdB', 'seA', 'seB', 'diff', 'se', 'df', 't', 'pValue', 'ciLow', 'ciHigh']) {
    assert.equal(typeof metric[name], 'number', name);
  }
  assert.equal(metric.verdict, 'b_better');
  assert.deepEqual(Object.keys(found.strata), ['even', 'odd']);
  assert.equal(typeof found.strata.even.metrics.some_metric.meanA, 'number');
  assert.equal(typeof found.items[0].diff.some_metric, 'number');
  assert.equal(found.runA.versionId, a.id);
  assert.match(found.sentence, /some_metric/);
  const again = await store.evaluate(a, ds, { task: (item) => item.input.some_key % 3, scorers: [some_metric] });
  const more = store.compare(one, two, { primary: ['some_metric'], alpha: 0.1, margin: { some_metric: 5 }, cluster: 'stratum', noise: [again] });
  assert.deepEqual([more.alpha, more.cluster, more.noise], [0.1, 'stratum', [again.id]]);
  assert.equal(more.metrics.some_metric.nClusters, 2);
  assert.deepEqual([more.metrics.some_metric.margin, more.metrics.some_metric.noiseFloor.halfWidth], [5, 0]);
  assert.equal(found.strata.even.metrics.some_metric.verdict, 'exploratory');
  assert.equal(typeof more.figures.latencyMs.p90.diff, 'number');
  assert.throws(() => store.compare(one, two, { alpha: 1 }), { code: 'invalid-argument' });
  assert.throws(() => store.compare(one, two, { nonsense: 1 }), { code: 'invalid-argument' });
});

test('evaluate: concurrency, errors, scorers, resume', async (t) => {
  const store = temporary(t);
  const v = store.publish('p', 'Say {{x}}');
  const ds = store.dataset('golden');
  ds.add(items(12));
  let [now, most, calls] = [0, 0, 0];
  const task = async (item, prompt) => {
    most = Math.max(most, ++now);
    calls++;
    await new Promise((resolve) => setTimeout(resolve, 2));
    now--;
    assert.equal(prompt.compile({ x: 'it' }), 'Say it');
    if (item.key === 'k03') throw new RangeError('model refused');
    return item.key === 'k04' ? output('4', { costUsd: 0.25, tokensIn: 7, latencyMs: 1 }) : item.expected;
  };
  const warnings = [];
  const listen = (warning) => warnings.push(warning);
  process.on('warning', listen);
  const bad = Scorer.function('bad', () => {
    throw new Error('judge is away');
  });
  const options = { task, scorers: [Scorer.exact(), Scorer.function('half', (out, item) => (item.key === 'k05' ? undefined : 0.5)), bad], concurrency: 4, name: 'e' };
  // The disk is full, as it were, at the seventh row: the run stays unfinished.
  const { recordAsync } = Run.prototype;
  let records = 0;
  Run.prototype.recordAsync = function (...given) {
    if (++records === 7) return Promise.reject(new Error('no space'));
    return recordAsync.apply(this, given);
  };
  await assert.rejects(store.evaluate(v, ds, options), /no space/);
  Run.prototype.recordAsync = recordAsync;
  const open = store.runs()[0];
  const left = open.pending().length;
  assert.equal(open.finishedAt, null);
  assert.ok(left >= 1 && left <= 6, String(left));
  calls = 0;
  const run = await store.evaluate(v, ds, options);
  assert.equal(run.id, open.id);
  assert.equal(calls, left, 'nothing is repeated');
  assert.equal(most, 4);
  assert.equal(run.rowCount, 12);
  const rows = Object.fromEntries(run.rows().map((row) => [row.key, row]));
  assert.deepEqual([rows.k03.error, rows.k03.output], ['RangeError: model refused', null]);
  assert.deepEqual([rows.k04.costUsd, rows.k04.tokensIn, rows.k04.latencyMs, rows.k04.scores.exact], [0.25, 7, 1, true]);
  assert.ok(rows.k01.latencyMs >= 1);
  assert.deepEqual(rows.k05.scores, { bad: null, exact: true, half: null });
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listen);
  assert.ok(warnings.some((w) => /bad.*judge is away/.test(w.message)));
});

test('gates', async (t) => {
  const store = temporary(t, { actor: 'ada' });
  const good = store.publish('p', 'good', { labels: ['production'] });
  const poor = store.publish('p', 'poor');
  const ds = store.dataset('golden');
  ds.add(items(30));
  const gate = new Gate({ dataset: ds, checks: [Check.itemFloor('score', 0.5), Check.noRegression('score', { tolerance: 0.1 })] });
  const id = store.protect('p', 'production', gate);
  assert.match(id, /^b3:/);
  const bound = store.gate('p', 'production');
  assert.deepEqual([bound.id, bound.dataset, bound.checks[0]], [id, 'golden', { check: 'item_floor', metric: 'score', atLeast: 0.5 }]);
  assert.equal(store.protect('p', 'staging', bound), id, 'what `gate` returns can be bound again');
  assert.throws(() => store.setLabel('p', 'production', poor), code('label-protected', 'refused'));
  assert.equal(store.check('p', poor, 'production').outcome, 'cannot-tell');
  const score = (value) => ({ task: () => 'x', scorers: [Scorer.function('score', () => value)] });
  await store.evaluate(good, ds, score(0.9));
  await store.evaluate(poor, ds, score(0.2));
  assert.throws(
    () => store.promote('p', poor, { to: 'production' }),
    (error) => {
      assert.deepEqual([error.code, error.kind, error.name], ['gate-refused', 'refused', 'TrialplateError']);
      assert.equal(error.verdict.outcome, 'fail');
      assert.equal(error.verdict.key.versionId, poor.id);
      assert.equal(typeof error.verdict.checks[0].nMissing, 'number');
      return true;
    },
  );
  await assert.rejects(store.promoteAsync('p', poor, { to: 'production' }), (error) => error.verdict.outcome === 'fail');
  assert.throws(() => store.promote('p', poor, { to: 'production', override: ' ' }), code('reason-required'));
  const step = store.promote('p', poor, { to: 'production', override: 'the boss says so', expected: good });
  assert.deepEqual([step.to, step.override, step.reason], [2, true, 'the boss says so']);
  assert.equal(store.rollback('p', 'production', { reason: 'no' }).to, 1);
  const third = store.publish('p', 'third');
  await store.evaluate(third, ds, score(0.95));
  const passed = store.promote('p', third, { to: 'production' });
  assert.equal(passed.to, 3);
  const verdicts = store.verdicts('p', 'production');
  assert.equal(verdicts.find((v) => v.id === passed.verdict).outcome, 'pass');
  store.unprotect('p', 'staging', 'not needed');
  assert.throws(() => store.gate('p', 'staging'), code('gate-not-found'));
  assert.throws(() => store.protect('p', 'production', { dataset: 'golden', checks: [] }), code('invalid-gate'));
  const all = [
    Check.mean('score', 0.5, { mode: 'point' }), Check.rate('score', { atMost: 0.5 }), Check.format({ atLeast: 0.9 }), Check.format(),
    Check.notMorePermissive({ dataset: ds, metric: 'refused' }),
  ];
  store.protect('p', 'other', new Gate({ dataset: 'golden', checks: all }));
  assert.deepEqual(store.gate('p', 'other').checks.map((c) => c.atMost ?? c.atLeast ?? c.dataset), [0.5, 0.5, 0.9, 0.99, 'golden']);
});

test('scorers', (t) => {
  const store = temporary(t);
  const all = [
    Scorer.exact({ ignoreCase: true }), Scorer.contains({ text: 'x' }), Scorer.regex('a+', { name: 'as' }), Scorer.numeric({ absolute: 1 }),
    Scorer.levenshtein(), Scorer.jsonValid(), Scorer.jsonSchema({ schema: { some_key: 1 } }), Scorer.length({ max: 5 }),
    Scorer.function('mine', (x) => x, { version: '2' }), Scorer.judge('judge', { some_key: 1 }),
  ];
  const found = all.map((scorer) => store.scorer(scorer));
  assert.deepEqual(found.map((s) => s.builtIn), [true, true, true, true, true, true, true, true, false, false]);
  assert.deepEqual(found[6].schema, { some_key: 1 });
  assert.deepEqual(found[9].config, { some_key: 1 });
  assert.equal(new Set(found.map((s) => s.id)).size, 10);
  assert.throws(() => store.scorer(Scorer.regex('(')), code('invalid-scorer'));
});

test('statistics by the case', () => {
  assert.equal(stats.runCase({ kind: 'wilson', inputs: { k: 0, n: 10, conf: 0.95 } }).low, 0);
  assert.throws(() => stats.runCase({ kind: 'tea_leaves', inputs: {} }), code('invalid-argument'));
});
