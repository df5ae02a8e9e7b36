// How processes and worker threads end that have just logged: nothing is lost, and the end is what it was.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { open } from '../index.mjs';
import { temporary } from './helpers.mjs';

const CALLS = 300;
const INDEX = fileURLToPath(new URL('../index.js', import.meta.url));
const BEGIN = `
  const { open } = require(${JSON.stringify(INDEX)});
  const file = process.env.STORE;
  function logged(store, prefix, calls = ${CALLS}) {
    const v = store.get('p');
    for (let i = 0; i < calls; i++) store.log(v, { traceId: prefix + ' ' + i, output: 'o'.repeat(200) });
  }
  const wait = () => setTimeout(() => {}, 60_000);
`;

function shop(t, options) {
  const store = temporary(t, options);
  store.publish('p', '{{x}}', { labels: ['production'] });
  return store;
}

function begin(store, body) {
  const script = `${store.path}.${body.length}.cjs`;
  writeFileSync(script, BEGIN + body);
  const child = spawn(process.execPath, [script], { env: { ...process.env, STORE: store.path }, stdio: ['ignore', 'pipe', 'pipe'] });
  child.said = '';
  child.complained = '';
  child.stdout.on('data', (data) => (child.said += data));
  child.stderr.on('data', (data) => (child.complained += data));
  return child;
}

/** `[exit code, signal]` */
const ended = (child) => once(child, 'close');

async function ready(child) {
  while (!child.said.includes('ready')) await Promise.race([once(child.stdout, 'data'), once(child, 'close')]);
}

function there(store, prefix) {
  let found = 0;
  for (let cursor; ; ) {
    const page = store.traces({ prompt: 'p', limit: 1000, cursor });
    found += page.traces.filter((trace) => trace.traceId.startsWith(`${prefix} `)).length;
    if (page.next === null) return found;
    cursor = page.next;
  }
}

async function check(t, body, end, calls = CALLS) {
  const store = shop(t);
  const child = begin(store, body);
  assert.deepEqual([...(await ended(child)), there(store, 'a')], [...end, calls], child.complained);
  return child;
}

test('the end of the script, process.exit and an exception', async (t) => {
  await check(t, `logged(open(file), 'a')`, [0, null]);
  await check(t, `logged(open(file), 'a'); process.exit(7)`, [7, null]);
  const child = await check(t, `logged(open(file), 'a'); throw new Error('mine')`, [1, null]);
  assert.match(child.complained, /Error: mine/);
});

test('what failed is said, and spoils no other store', async (t) => {
  const child = await check(t, `const [one, two] = [open(file), open(file)];
    one.score('nobody', 'q', 1); two.score('nobody', 'q', 1); logged(two, 'a');`, [1, null]);
  assert.equal(child.complained.match(/trace-not-found/g)?.length >= 2, true, child.complained);
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} kills as it would, and loses nothing`, async (t) => {
    const store = shop(t);
    const child = begin(store, `logged(open(file), 'a'); console.log('ready'); wait();`);
    await ready(child);
    child.kill(signal);
    assert.deepEqual(await ended(child), [null, signal]);
    assert.equal(there(store, 'a'), CALLS);
  });

  test(`listeners of others stay: ${signal}`, async (t) => {
    const store = shop(t);
    const set = `process.on('${signal}', () => { console.log('mine'); process.exit(3); });`;
    for (const [place, [before, after]] of [[set, ''], ['', set]].entries()) {
      const child = begin(store, `const store = open(file); ${before} logged(store, 'at ${place}'); ${after} console.log('ready'); wait();`);
      await ready(child);
      child.kill(signal);
      assert.deepEqual(await ended(child), [3, null]);
      assert.match(child.said, /mine/);
      assert.equal(there(store, `at ${place}`), CALLS);
    }
  });
}

test('no listener where it was not wanted, or nothing was logged', async (t) => {
  await check(t, `const store = open(file, { flushOnSignal: false }); logged(store, 'a');
    const other = open(file); other.get('p');
    if (process.listenerCount('SIGTERM') + process.listenerCount('SIGINT') !== 0) process.exit(1);`, [0, null]);
});

test('a signal keeps no process alive', async (t) => {
  await check(t, `globalThis.store = open(file); logged(store, 'a');`, [0, null]);
});

test('a worker thread that ends or is terminated loses nothing, also if it alone has the module', async (t) => {
  const store = shop(t);
  const body = (prefix, end) => `${BEGIN.replace('process.env.STORE', JSON.stringify(store.path))}
    logged(open(file), ${JSON.stringify(prefix)}); require('node:worker_threads').parentPort?.postMessage('ready'); ${end}`;
  for (const [prefix, end] of [['ends', ''], ['exits', 'process.exit(0)'], ['waits', 'wait()']]) {
    const worker = new Worker(body(prefix, end), { eval: true });
    await once(worker, 'message');
    if (prefix === 'waits') await worker.terminate();
    else await once(worker, 'exit');
    assert.equal(there(store, prefix), CALLS, prefix);
  }
  // The main thread of this process never loads it.
  const script = `const { Worker } = require('node:worker_threads');
    (async () => {
      for (let n = 0; n < 10; n++) {
        const worker = new Worker(process.env.BODY.replaceAll('PREFIX', 'alone ' + n), { eval: true });
        await new Promise((done) => worker.once('message', done));
        await worker.terminate();
      }
    })();`;
  const child = spawn(process.execPath, ['-e', script], { env: { ...process.env, BODY: body('PREFIX', 'wait()') }, stdio: ['ignore', 'inherit', 'pipe'] });
  let complained = '';
  child.stderr.on('data', (data) => (complained += data));
  assert.deepEqual(await ended(child), [0, null], complained);
  assert.equal(there(store, 'alone'), 10 * CALLS);
});

test('a cluster: several processes on one file, told to end', async (t) => {
  const store = shop(t);
  const child = begin(store, `
    const cluster = require('node:cluster');
    if (cluster.isPrimary) {
      const workers = [1, 2, 3].map(() => cluster.fork());
      let count = 0;
      const ends = [];
      cluster.on('message', () => {
        if (++count === 3) { workers[0].kill(); workers[1].process.kill('SIGTERM'); workers[2].disconnect(); }
      });
      cluster.on('exit', (worker, code, signal) => {
        ends.push(signal ?? code);
        if (ends.length === 3) console.log('ends ' + ends.sort().join());
      });
    } else {
      logged(open(file), 'a ' + cluster.worker.id);
      process.send('logged');
    }`);
  assert.deepEqual(await ended(child), [0, null], child.complained);
  assert.match(child.said, /ends (0,0|0,SIGTERM),SIGTERM/);
  assert.equal(there(store, 'a'), 3 * CALLS);
});

test('a full queue drops what it was told to drop, and says so', (t) => {
  const store = shop(t, { whenFull: 'drop', maxQueueSize: 2 });
  const v = store.get('p');
  for (let i = 0; i < 2_000; i++) store.log(v, { traceId: `a ${i}` });
  store.flush();
  const { recorded, dropped, failed, waiting } = store.recorder();
  assert.deepEqual([recorded + dropped, failed, waiting], [2_000, 0, 0]);
  assert.ok(dropped > 0);
  assert.equal(there(store, 'a'), recorded);
  assert.throws(() => open(store.path, { whenFull: 'drown' }), { code: 'invalid-argument' });
  assert.throws(() => open(store.path, { maxQueueSize: 0 }), { code: 'invalid-argument' });
});

test('the usual call and the general one are the same call', (t) => {
  const store = shop(t);
  const v = store.get('p');
  store.log(v);
  const toJSON = () => ({ inner: store.log(v, { traceId: 'inner', output: 'within' }) });
  const cases = [
    { input: 'a\ud83d\ude00', output: '\ufffd', user: 'Übergröße' },
    { input: { some_key: [1, -0, 1e300] }, output: '', latencyMs: -0, tokensIn: 0 },
    { input: null, output: undefined, metadata: 0 },
    { output: { toJSON } },
    Object.create({ output: 'inherited' }),
  ];
  for (const [i, options] of cases.entries()) {
    store.log(v, Object.assign(Object.create(Object.getPrototypeOf(options)), options, { traceId: `quick ${i}` }));
    // `durable` is no usual option.
    if (options.output?.toJSON) continue;
    store.log(v, { ...options, traceId: `slow ${i}`, durable: true });
    const [{ traceId: _, at: __, ...quick }, { traceId: ___, at: ____, ...slow }] = [store.trace(`quick ${i}`), store.trace(`slow ${i}`)];
    assert.deepEqual(quick, slow);
  }
  assert.deepEqual(store.trace('quick 3').output, { inner: 'inner' });
  assert.equal(store.trace('inner').output, 'within');
  for (const input of ['half \ud83d', { a: '\ude00' }]) assert.throws(() => store.log(v, { input, traceId: 'x' }), { code: 'invalid-json' });
  assert.throws(() => store.log(v, { input: '\ud83d', output: '\ude00' }), { code: 'invalid-json' });
  assert.throws(() => store.log(v, { toString: 'x' }), { code: 'invalid-argument' });
  assert.throws(() => store.log(v, { latencyMs: NaN }), { name: 'TrialplateError' });
  assert.throws(() => store.score('quick 0', 'q', Infinity), { code: 'invalid-score' });
  assert.throws(() => store.score('quick 0', 'q', 1, { source: 'x' }), { code: 'invalid-argument' });
  store.close();
  assert.throws(() => store.log(v), { code: 'closed' });
  assert.throws(() => store.score('quick 0', 'q', 1), { code: 'closed' });
});
