import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Scorer } from '../index.mjs';
import { code, temporary } from './helpers.mjs';

function shop(t) {
  const store = temporary(t);
  const v = store.publish('p', 'Say {{x}}', { labels: ['production'] });
  return { store, v, w: store.publish('p', 'Say it: {{x}}') };
}

test('a call, its scores, its reader', (t) => {
  const { store, v } = shop(t);
  const facts = {
    traceId: 't1', input: { some_key: 1 }, output: ['o'], error: new RangeError('far'), latencyMs: 12.5, costUsd: 0.1, tokensIn: 3,
    tokensOut: 4, user: 'u1', experiment: 'e', variant: 'a', stratum: 'hard', metadata: { m_n: 1 }, at: new Date('2026-11-20T12:00:00Z'),
  };
  assert.equal(store.log(v, facts), 't1');
  store.score('t1', 'quality', 4, { source: 'judge', comment: 'good', judge: Scorer.judge('quality', { rubric: 'r' }) });
  const trace = store.trace('t1');
  const { scores, version, versionId, prompt, ...rest } = trace;
  assert.deepEqual(rest, { ...facts, error: 'RangeError: far', at: '2026-11-20T12:00:00.000000Z' });
  assert.deepEqual([prompt, version, versionId], ['p', 1, v.id]);
  assert.deepEqual([scores[0].value, scores[0].source, scores[0].comment], [4, 'judge', 'good']);
  assert.match(scores[0].judge, /^b3:/);
  store.score(trace, 'quality', null);
  assert.equal(store.trace(trace).scores.length, 2);
  assert.equal(store.log(2, { prompt: 'p', traceId: 't2' }), 't2');
  assert.equal(store.traces({ version: v }).traces.length, 1);
  assert.match(store.log(v), /^[0-9a-f-]{36}$/);
});

test('errors, at once and later', async (t) => {
  const { store, v } = shop(t);
  store.log(v, { traceId: 't1' });
  store.log(v, { traceId: 't1' });
  assert.throws(() => store.flush(), code('trace-exists', 'already-exists'));
  store.flush();
  assert.throws(() => store.log(v, { traceId: 't1', durable: true }), code('trace-exists'));
  assert.throws(() => store.score('t2', 'q', 1, { durable: true }), code('trace-not-found', 'not-found'));
  assert.throws(() => store.score('t1', 'q', NaN), { name: 'TrialplateError' });
  assert.throws(() => store.log(v, { latencyMs: -1 }), code('invalid-trace'));
  assert.throws(() => store.log(1), code('invalid-argument'));
  await assert.rejects(store.logAsync(v, { traceId: 't1' }), code('trace-exists'));
  assert.equal(await store.logAsync(v, { traceId: 't3' }), 't3');
  await store.scoreAsync('t3', 'q', true);
  store.score('nobody', 'q', 1);
  await assert.rejects(store.flushAsync(), code('trace-not-found'));
  await store.flushAsync();
});

test('a summary by group, pages and a dataset', (t) => {
  const { store, v, w } = shop(t);
  store.metric('quality', { min: 1, max: 5 });
  for (let i = 0; i < 10; i++) {
    store.log(i % 2 ? v : w, { traceId: `t${i}`, latencyMs: 100 + i, input: { i }, at: Date.UTC(2026, 10, 20 + i) });
    store.score(`t${i}`, 'quality', i === 9 ? null : 3 + (i % 2));
  }
  const all = store.summary('p', 'quality', { by: 'version' });
  assert.deepEqual([all.traces, all.n, all.missing, all.p50, all.histogram.declared], [10, 9, 1, 3, true]);
  assert.deepEqual(all.groups.map((g) => [g.group, g.n, g.mean]), [[1, 4, 4], [2, 5, 3]]);
  assert.ok(all.ciLow < all.mean && all.mean < all.ciHigh);
  const days = store.summary('p', 'latency_ms', { by: 'day', since: new Date('2026-11-28T00:00:00Z') });
  assert.deepEqual(days.groups.map((g) => g.group), ['2026-11-28', '2026-11-29']);
  const both = store.summary('p', 'latency_ms', { by: ['day', 'version'] });
  assert.deepEqual(both.by, ['day', 'version']);
  assert.deepEqual(both.groups.map((g) => g.traces).reduce((a, b) => a + b), 10);
  assert.deepEqual(store.summary('p', 'quality', { by: ['version'] }), all);
  assert.throws(() => store.summary('p', 'quality', { by: ['version', 'version'] }), code('invalid-argument'));
  const page = store.traces({ limit: 4 });
  assert.deepEqual(page.traces.map((trace) => trace.traceId), ['t9', 't8', 't7', 't6']);
  assert.equal(store.traces({ limit: 10, cursor: page.next }).traces.length, 6);
  const golden = store.dataset('golden');
  golden.addFromTrace('t1', { expected: 'e' });
  assert.deepEqual(golden.items().map((item) => [item.key, item.input, item.expected, item.sourceTrace]), [['t1', { i: 1 }, 'e', 't1']]);
});

test('the end of a process loses nothing', (t) => {
  const { store } = shop(t);
  const index = fileURLToPath(new URL('../index.js', import.meta.url));
  const script = `const store = require(process.argv[1]).open(process.argv[2]);
    for (let i = 0; i < 500; i++) store.log(1, { prompt: 'p', traceId: String(i) });
    process.exit(0);`;
  execFileSync(process.execPath, ['-e', script, index, store.path]);
  assert.equal(store.verify().traces, 500);
});

test('many at once, ranked, looped over, and taken away', async (t) => {
  const { store, v } = shop(t);
  const noon = Date.parse('2026-11-20T12:00:00Z');
  function* calls() {
    for (let i = 0; i < 2500; i++) yield { version: v, traceId: `t${i}`, at: noon + i * 1000, scores: { quality_x: i % 10 }, source: 'judge' };
  }
  const ids = store.logMany(calls());
  assert.equal(ids.length, 2500);
  assert.deepEqual(Array.from(store.iterTraces({ prompt: 'p' }), (trace) => trace.traceId), [...ids].reverse());
  assert.equal(await store.scoreManyAsync([{ traceId: store.trace('t0'), metric: 'quality_x', value: 99, source: 'judge' }]), 1);
  const top = store.traces({ prompt: 'p', order: 'highest', metric: 'quality_x', limit: 2 });
  assert.deepEqual(top.traces.map((trace) => trace.traceId), ['t0', 't2499']);
  const [quality, latency] = store.summaries('p', ['quality_x', 'latency_ms'], { version: v });
  assert.deepEqual([quality.n, quality.max, latency.n, latency.missing], [2500, 99, 0, 2500]);
  assert.throws(() => store.logMany([{ version: v, traceId: 'new' }, { version: v, traceId: 't1' }]), code('trace-exists', 'already-exists'));
  assert.throws(() => store.logMany([{ version: v, traceId: 'new' }, { version: v, traceId: 't1' }]), /in=`calls\[1\]`$/);
  assert.throws(() => store.scoreMany([{ traceId: 'none', metric: 'quality_x', value: 1 }]), /in=`scores\[0\]`$/);
  assert.throws(() => store.trace('new'), code('trace-not-found', 'not-found'));
  assert.deepEqual(store.prune({ before: new Date(noon + 2_000_000), prompt: 'p' }), { traces: 2000, scores: 2001, kept: {} });
  assert.equal([...store.iterTraces()].length, 500);
});
