import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import * as esm from '../index.mjs';
import { temporary } from './helpers.mjs';

const run = promisify(execFile);
const worker = (path, leave = false) => new Worker(new URL('./worker.mjs', import.meta.url), { workerData: { path, leave } });

test('ESM and CommonJS are the same module', () => {
  const cjs = createRequire(import.meta.url)('trialplate');
  assert.equal(cjs, esm.default);
  const { default: _, ...names } = esm;
  assert.deepEqual(Object.keys(names).sort(), Object.keys(cjs).sort());
  for (const [name, value] of Object.entries(names)) assert.equal(cjs[name], value);
});

test('a worker thread has the same file open', async (t) => {
  const store = temporary(t);
  store.publish('p', 'one', { labels: ['production'] });
  assert.equal(store.get('p').number, 1);
  const [message] = await once(worker(store.path), 'message');
  assert.deepEqual(message, { before: 1, number: 2 });
  assert.equal(store.get('p').prompt, 'from the worker');
});

test('a worker thread may end with calls under way', async (t) => {
  const store = temporary(t);
  store.publish('p', 'one', { labels: ['production'] });
  const [status] = await once(worker(store.path, true), 'exit');
  assert.equal(status, 0);
  assert.equal(store.get('p').number, 2);
  assert.equal(store.verify().ok, true);
});

const script = (body, ...args) => run(process.execPath, ['--input-type=module', '-e', `import { open } from ${JSON.stringify(new URL('../index.mjs', import.meta.url).href)};${body}`, ...args], { timeout: 20_000 });

test('another process moves a label, and the next get sees it', async (t) => {
  const store = temporary(t);
  store.publish('p', 'one', { labels: ['production'] });
  store.publish('p', 'two');
  assert.equal(store.get('p').number, 1);
  await script(`const s = open(process.argv[1]); s.setLabel('p', 'production', 2); s.close();`, store.path);
  assert.equal(store.get('p').number, 2);
});

test('an open store keeps no process alive, a call under way does', async (t) => {
  const store = temporary(t);
  await script(`globalThis.store = open(process.argv[1]);`, store.path);
  await script(`const s = open(process.argv[1]); s.publishAsync('p', 'one').then(() => s.publishAsync('p', 'two'));`, store.path);
  assert.equal(store.versions('p').length, 2);
});

test('a store that nobody holds is collected, also after asynchronous calls', async (t) => {
  const store = temporary(t);
  const body = `
    const refs = [];
    for (let i = 0; i < 20; i++) { const s = open(process.argv[1]); await s.publishAsync('p', 'x'); refs.push(new WeakRef(s)); }
    for (let i = 0; i < 10; i++) { globalThis.gc(); await new Promise((r) => setTimeout(r, 5)); }
    console.log(refs.filter((ref) => ref.deref() !== undefined).length);`;
  const { stdout } = await run(
    process.execPath,
    ['--expose-gc', '--input-type=module', '-e', `import { open } from ${JSON.stringify(new URL('../index.mjs', import.meta.url).href)};${body}`, store.path],
    { timeout: 20_000 },
  );
  assert.ok(Number(stdout) <= 1, stdout);
});
