import assert from 'node:assert/strict';
import { test } from 'node:test';
import { code, temporary } from './helpers.mjs';

function shop(t) {
  const store = temporary(t);
  const a = store.publish('p', 'Say {{x}}', { labels: ['production'] });
  const b = store.publish('p', 'Say it: {{x}}');
  store.metric('quality', { min: 1, max: 5 });
  const tone = (more) =>
    store.experiment('tone', { prompt: 'p', variants: { b, a: 1 }, metric: 'quality', minEffect: 0.5, sd: 0.6, ...more });
  return { store, a, b, tone };
}

test('the first variant is the control', (t) => {
  const { store, tone } = shop(t);
  const exp = tone({ weights: { a: 1, b: 3 } });
  assert.deepEqual(exp.plan.variants.map((v) => [v.name, v.weight]), [['b', 0.75], ['a', 0.25]]);
  assert.deepEqual([exp.plan.control, exp.state, String(exp)], [0, 'running', 'tone']);
  assert.equal(tone({ weights: [3, 1] }).planId, exp.planId);
  assert.equal(store.experiment('tone').planId, exp.planId);
  assert.equal(store.experiments().length, 1);
  assert.throws(() => tone({ weights: [1, 1] }), code('experiment-exists', 'already-exists'));
  assert.throws(() => store.experiment('nope'), code('experiment-not-found', 'not-found'));
});

test('from traffic to the promotion', async (t) => {
  const { store, tone } = shop(t);
  const exp = tone({ nPlanned: 20, variants: { a: 1, b: 2 }, guardrails: [{ metric: 'latency_ms', tolerance: 500 }] });
  assert.throws(() => exp.conclude(), code('experiment-not-decided', 'refused'));
  let trace;
  for (let i = 0; i < 100; i++) {
    const { variant, version, takesPart } = exp.assign(`u${i}`);
    assert.ok(takesPart);
    trace = store.log(version, { prompt: 'p', user: `u${i}`, experiment: exp, latencyMs: 100 + (i % 7) });
    store.score(trace, 'quality', 2 + Number(variant === 'b') + ((i * 37) % 100) / 100);
  }
  const result = await exp.resultAsync();
  assert.deepEqual([result.verdict, result.winner, result.isFinal], ['b_better', 'b', true]);
  assert.ok(Math.abs(result.comparisons[0].diff - 1) < 0.3);
  assert.equal(result.comparisons[0].nA + result.comparisons[0].nB, result.cutoff);
  assert.equal(result.guardrails[0].outcome, 'pass');
  assert.equal(store.trace(trace).variant, exp.assign('u99').variant);
  const done = exp.conclude({ promote: 'production' });
  assert.deepEqual([done.experiment.winner, done.promoted.to, exp.state], ['b', 2, 'concluded']);
  assert.equal(store.get('p').number, 2);
  assert.throws(() => exp.setWeights([1, 3]), code('experiment-ended', 'conflict'));
  assert.equal(exp.assign('u1').takesPart, false);
});

test('weights, coverage, exposure', async (t) => {
  const { tone } = shop(t);
  const exp = tone({ salt: 's', start: false });
  assert.equal(exp.assign('u').why, 'not-started');
  assert.equal((await exp.startAsync()).state, 'running');
  assert.equal(exp.setWeights({ a: 1, b: 4 }), 0.3);
  assert.deepEqual(exp.epochs.at(-1).weights, [0.8, 0.2]);
  assert.equal(exp.setCoverage(0.25).coverage, 0.25);
  const before = await exp.exposeAsync('u-x', { stratum: 'hard', covariate: 1.5 });
  assert.deepEqual(exp.expose('u-x', { durable: true }), before);
  assert.equal(exp.stop('enough').state, 'stopped');
});
