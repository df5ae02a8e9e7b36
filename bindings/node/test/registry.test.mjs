import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import trialplate, { open, Prompt, TrialplateError } from '../index.mjs';
import { code, temporary } from './helpers.mjs';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

test('publish and get', (t) => {
  const store = temporary(t, { actor: 'ada' });
  const schema = { type: 'object', properties: { some_key: { type: 'string' } } };
  const tools = [{ type: 'function', function: { name: 'find_it', parameters: { some_key: 1 } } }];
  const v = store.publish('extraction', 'Extract from: {{document}}', {
    model: 'claude-sonnet-4-6',
    params: { temperature: 0, max_tokens: 1024, someCase: { inner_key: 1 } },
    tools,
    responseSchema: schema,
    message: 'first',
    author: 'bob',
    tags: ['a', 'b'],
    labels: ['production', 'staging'],
  });
  assert.ok(v instanceof Prompt);
  const { createdAt, id, ...rest } = { ...v };
  assert.match(createdAt, TIME);
  assert.match(id, /^b3:[0-9a-f]{64}$/);
  assert.deepEqual(rest, {
    name: 'extraction',
    number: 1,
    type: 'text',
    prompt: 'Extract from: {{document}}',
    model: 'claude-sonnet-4-6',
    params: { temperature: 0, max_tokens: 1024, someCase: { inner_key: 1 } },
    tools,
    responseSchema: schema,
    variables: ['document'],
    placeholders: [],
    message: 'first',
    author: 'bob',
    parent: null,
    tags: ['a', 'b'],
  });
  assert.deepEqual(JSON.parse(JSON.stringify(v)), { createdAt, id, ...rest });
  assert.equal(store.get('extraction').id, id);
  // The same content is the same version.
  const again = { model: 'claude-sonnet-4-6', params: v.params, tools, responseSchema: schema };
  assert.equal(store.publish('extraction', v.prompt, again).number, 1);
  const second = store.publish('extraction', 'Other {{document}}', { parent: v });
  assert.deepEqual([second.number, second.parent, second.author], [2, 1, 'ada']);
  assert.equal(store.get('extraction', { version: 2 }).id, second.id);
  assert.equal(store.get('extraction', { version: second }).id, second.id);
  assert.equal(store.get('extraction', { version: second.id }).number, 2);
  assert.equal(store.get('extraction', { id }).number, 1);
  assert.equal(store.get('extraction', { label: 'latest' }).number, 2);
  assert.deepEqual(store.versions('extraction').map((p) => [p.number, p.compile({ document: 'd' })]), [
    [1, 'Extract from: d'],
    [2, 'Other d'],
  ]);
  assert.equal(v.otelAttributes()['gen_ai.request.model'], 'claude-sonnet-4-6');
});

test('every verb of the core is here', async () => {
  const { createRequire } = await import('node:module');
  const { verbs } = createRequire(import.meta.url)('../native.js');
  const { readFileSync, readdirSync } = await import('node:fs');
  const folder = new URL('../lib/', import.meta.url);
  const text = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), 'utf8')).join('\n');
  // What a version does by itself, without a store.
  const by_version = ['compile', 'otel_attributes'];
  // What looks at a file that may not open: a function of the package.
  const by_path = ['doctor'];
  for (const name of by_path) assert.equal(typeof trialplate[name], 'function');
  const elsewhere = [...by_version, ...by_path];
  const lacking = verbs().filter((verb) => !elsewhere.includes(verb) && !text.includes(`'${verb}'`));
  assert.deepEqual(lacking, []);
});

test('labels move, and their history stays', (t) => {
  const store = temporary(t, { actor: 'ada' });
  const v1 = store.publish('p', 'one');
  const v2 = store.publish('p', 'two');
  store.publish('q', 'other');
  const step = store.setLabel('p', 'staging', v1, { reason: 'first' });
  assert.deepEqual([step.prompt, step.label, step.from, step.to, step.reason, step.actor], ['p', 'staging', null, 1, 'first', 'ada']);
  assert.match(step.at, TIME);
  store.setLabel('p', 'staging', v2.id, { expected: v1 });
  assert.deepEqual(store.labels('p'), { staging: 2 });
  assert.throws(() => store.setLabel('p', 'staging', 1, { expected: 1 }), code('label-moved', 'conflict'));
  assert.throws(() => store.setLabel('p', 'staging', 1, { expected: null }), code('label-moved'));
  store.setLabel('p', 'new', 1, { expected: null });
  assert.throws(() => store.setLabel('p', 'x', store.get('q', { label: 'latest' })), code('version-of-another-prompt'));
  assert.equal(store.rollback('p', 'staging', { reason: 'worse' }).to, 1);
  store.setLabel('p', 'staging', v2);
  assert.equal(store.rollback('p', 'staging', { to: v1 }).to, 1);
  assert.throws(() => store.rollback('p', 'staging'), code('nothing-to-roll-back', 'refused'));
  assert.equal(store.unsetLabel('p', 'new', { reason: 'gone' }).to, null);
  assert.deepEqual(store.history('p', 'staging').map((m) => [m.from, m.to, m.rollback]), [
    [null, 1, false],
    [1, 2, false],
    [2, 1, true],
    [1, 2, false],
    [2, 1, true],
  ]);
  assert.deepEqual(store.labels('p'), { staging: 1 });
});

test('get by time takes Date, text and milliseconds', async (t) => {
  const store = temporary(t);
  store.publish('p', 'one', { labels: ['production'] });
  await sleep(5);
  const between = new Date();
  await sleep(5);
  store.publish('p', 'two', { labels: ['production'] });
  for (const at of [between, between.getTime(), between.toISOString()]) {
    assert.equal(store.get('p', { at }).number, 1);
    assert.equal(store.get('p', { label: 'production', at }).number, 1);
  }
  assert.equal(store.get('p').number, 2);
  assert.throws(() => store.get('p', { at: new Date(NaN) }), code('invalid-time'));
  assert.throws(() => store.get('p', { at: 'yesterday' }), code('invalid-time'));
});

test('prompts and diff', (t) => {
  const store = temporary(t);
  store.publish('billing/invoice', 'Send the invoice.', { labels: ['production'], tags: ['money'] });
  store.publish('billing/reminder', 'Remind them.');
  store.publish('other', 'x', { params: { max_tokens: 1 } });
  store.publish('other', 'y', { params: { max_tokens: { some_key: 1 } } });
  assert.deepEqual(store.prompts({ prefix: 'billing/' }).map((p) => p.name), ['billing/invoice', 'billing/reminder']);
  assert.deepEqual(store.prompts({ tag: 'money' }).map((p) => p.labels), [{ production: 1 }]);
  assert.deepEqual(store.prompts({ search: 'REMIND' }).map((p) => p.latest), [1]);
  assert.equal(store.prompts().length, 3);
  assert.match(store.prompts()[0].updatedAt, TIME);
  const diff = store.diff('other', 1, 2);
  assert.deepEqual(diff.changes.find((c) => c.path === 'params.max_tokens'), {
    path: 'params.max_tokens',
    kind: 'changed',
    from: 1,
    to: { some_key: 1 },
  });
  assert.match(diff.unified, /params\.max_tokens/);
});

test('errors carry code and kind', async (t) => {
  const store = temporary(t);
  store.publish('p', 'x');
  const cases = [
    [() => store.get('nope'), 'prompt-not-found', 'not-found'],
    [() => store.get('p'), 'label-not-found', 'not-found'],
    [() => store.get('p', { version: 9 }), 'version-not-found', 'not-found'],
    [() => store.get(' p'), 'invalid-name', 'invalid'],
    [() => store.get('p', { label: 'Not A Label' }), 'invalid-label', 'invalid'],
    [() => store.get('p', { labell: 'staging' }), 'invalid-argument', 'invalid'],
    [() => store.get('p', { label: 'a', version: 1 }), 'invalid-argument', 'invalid'],
    [() => store.get(5), 'invalid-argument', 'invalid'],
    [() => store.get(), 'invalid-argument', 'invalid'],
    [() => store.publish('p', 'x', { responsSchema: {} }), 'invalid-argument', 'invalid'],
    [() => store.publish('p', 7), 'invalid-content', 'invalid'],
    [() => store.setLabel('p', 'latest', 1), 'invalid-label', 'invalid'],
    [() => open(5), 'invalid-argument', 'invalid'],
    [() => open(store.path, { readonly: true }), 'invalid-argument', 'invalid'],
    [() => open(store.path, { busyTimeout: -1 }), 'invalid-argument', 'invalid'],
    [() => open('/no/such/folder/x.tp', { readOnly: true }), 'store-not-found', 'not-found'],
    [() => open(new URL(import.meta.url), { readOnly: true }), 'not-a-store', 'incompatible'],
  ];
  for (const [call, ...expected] of cases) assert.throws(call, code(...expected), String(call));
  assert.throws(() => store.get('nope'), (e) => e instanceof TrialplateError && e instanceof Error && e.message.includes('name=`nope`'));
  await assert.rejects(store.setLabelAsync('p', 'x', 9), code('version-not-found', 'not-found'));
  await assert.rejects(store.publishAsync('p', () => 1), code('invalid-json', 'invalid'));
});

test('read-only and closed', async (t) => {
  const store = temporary(t);
  store.publish('p', 'x', { labels: ['production'] });
  const reader = open(store.path, { readOnly: true });
  assert.equal(reader.get('p').prompt, 'x');
  assert.throws(() => reader.publish('p', 'y'), code('read-only', 'refused'));
  assert.equal(reader.closed, false);
  const kept = reader.get('p');
  reader.close();
  reader.close();
  assert.equal(reader.closed, true);
  assert.throws(() => reader.get('p'), code('closed'));
  assert.equal(kept.compile(), 'x');
  if (Symbol.dispose) {
    const other = open(store.path);
    other[Symbol.dispose]();
    assert.equal(other.closed, true);
  }
  store.close();
  assert.throws(() => store.publish('p', 'y'), code('closed'));
  await assert.rejects(store.publishAsync('p', 'y'), code('closed'));
});

test('the same object is given again until a label moves, by whomever', (t) => {
  const store = temporary(t);
  const other = open(store.path);
  t.after(() => other.close());
  store.publish('p', 'one', { labels: ['production'], params: { stop: ['a'] } });
  store.publish('p', 'two');
  const got = store.get('p');
  assert.equal(store.get('p'), got);
  assert.equal(store.get('p', {}), got);
  assert.equal(store.get('p', { label: undefined }), got);
  assert.equal(store.get('p', { label: 'production' }), store.get('p', { label: 'production' }));
  store.metric('quality', { min: 0, max: 5 });
  assert.equal(store.get('p'), got, 'a write that moves no label cools nothing');
  const epoch = store.registryEpoch();
  other.setLabel('p', 'production', 2);
  assert.notEqual(store.registryEpoch(), epoch);
  assert.equal(store.get('p').number, 2);
  assert.equal(store.get('p', { label: 'production' }).number, 2);
  assert.equal(got.number, 1);
  assert.throws(() => (got.number = 5), TypeError);
  assert.throws(() => got.params.stop.push('b'), TypeError);
});

test('200 publishAsync keep their order and have unique numbers', async (t) => {
  const store = temporary(t);
  const calls = Array.from({ length: 200 }, (_, i) => store.publishAsync('p', `text ${i}`));
  const versions = await Promise.all(calls);
  assert.deepEqual(versions.map((v) => v.number), Array.from({ length: 200 }, (_, i) => i + 1));
  assert.deepEqual(versions.map((v) => v.prompt), Array.from({ length: 200 }, (_, i) => `text ${i}`));
  store.publishAsync('p', 'last');
  await store.closeAsync();
  const again = open(store.path);
  assert.equal(again.get('p', { label: 'latest' }).prompt, 'last');
  again.close();
});

test('events, verify and info', (t) => {
  const store = temporary(t, { actor: 'ada' });
  store.publish('p', 'one', { params: { max_tokens: 1 } });
  store.setLabel('p', 'production', 1);
  const events = store.events();
  assert.deepEqual(events.map((e) => [e.seq, e.actor]), events.map((_, i) => [i + 1, 'ada']));
  assert.deepEqual(store.events({ after: 1, limit: 1 }), events.slice(1, 2));
  assert.equal(store.verify().ok, true);
  assert.equal(store.info().events, events.length);
});
