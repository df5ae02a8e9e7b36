import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Canary, output } from '../index.mjs';
import { code, temporary } from './helpers.mjs';

function shop(t) {
  const store = temporary(t);
  const v = store.publish('p', 'Answer: {{q}}', { labels: ['production'] });
  const items = store.dataset('daily');
  items.add(Array.from({ length: 20 }, (_, i) => ({ key: `q${i + 10}`, input: { q: i } })));
  store.metric('quality', { min: 0, max: 100 });
  const c = store.canary('c', { version: v, dataset: items, metrics: ['quality'], baseline: 10 });
  const run = (score) => c.evaluate({ task: () => output('x', { scores: { quality: score } }), scorers: ['quality'] });
  return { store, v, items, c, run };
}

test('a canary is registered once', async (t) => {
  const { store, v, items, c } = shop(t);
  assert.ok(c instanceof Canary && Object.isFrozen(c));
  assert.deepEqual([c.prompt, c.version, c.versionId, c.items, c.metrics.quality.max], ['p', 1, v.id, 20, 100]);
  assert.deepEqual({ ...store.canary('c') }, { ...c });
  const same = { prompt: 'p', label: 'production', dataset: 'daily', datasetVersion: 1, metrics: ['quality'], baseline: 10 };
  assert.deepEqual({ ...(await store.canaryAsync('c', same)) }, { ...c });
  assert.equal(store.canary('c', { ...same, dataset: items.at(1) }).registeredAt, c.registeredAt);
  assert.throws(() => store.canary('c', { ...same, baseline: 20 }), code('canary-exists'));
  assert.throws(() => store.canary('nope'), code('canary-not-found'));
});

test('the life of a canary', async (t) => {
  const { store, c, run } = shop(t);
  let status;
  for (let i = 0; i < 12; i++) {
    status = await run(80 + (i % 3));
    assert.equal(status.state, i < 10 ? 'baseline' : 'quiet');
  }
  for (let i = 0; i < 6 && status.state !== 'alarm'; i++) status = await run(60);
  assert.deepEqual([status.state, status.cause, status.movedMost, status.onset.number], ['alarm', 'model', 'quality', 13]);
  assert.match(status.sentence, /^\*\*The model's answers changed around/);
  assert.equal(status.mostAffected.length, 3);
  assert.deepEqual(store.canaries(), [status]);
  assert.throws(() => c.dismiss(''), code('reason-required'));
  assert.equal((await c.confirmAsync('a new snapshot')).series, 2);
  assert.throws(() => c.dismiss('x'), code('no-alarm'));
  const steps = c.history();
  assert.deepEqual([steps[0].kind, steps.at(-1).kind, steps[0].means], ['run', 'confirmed', { quality: 80 }]);
  assert.equal(store.verify().canaries, 1);
});

test('a run and its anchor', (t) => {
  const { store, v, items, c } = shop(t);
  const finished = (score) => {
    const run = store.startRun(v, items, { scorers: ['quality'] });
    run.recordAll(run.pending().map(({ key, trial }) => ({ key, trial, output: 'stored', scores: { quality: score } })));
    return run.finish();
  };
  const [run, anchor] = [finished(80), finished(50)];
  assert.deepEqual(c.record(run, { anchor }).anchor, { runs: 1, m: null, alarm: false });
  assert.throws(() => c.record(run.id), code('invalid-argument'));
});
