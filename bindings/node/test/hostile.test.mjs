// Hostile values for every public function: an error with a code or of JavaScript's own, or a result; never the end of
// the process. They are handed over in a process of their own, so that a crash is seen as one.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import * as trialplate from '../index.mjs';

const deep = (n, make) => {
  let value = 1;
  for (let i = 0; i < n; i++) value = make(value);
  return value;
};
const cyclic = () => {
  const value = [];
  value.push({ a: value });
  return value;
};
const OWN = 'a value that fails';
const fails = () => {
  throw new Error(OWN);
};

const values = () => ({
  undefined, null: null, true: true, zero: 0, 'minus one': -1, 'minus zero': -0, half: 0.5, 'two to 53': 2 ** 53, huge: 1e308,
  nan: NaN, infinity: Infinity, bigint: 2n ** 70n, 'small bigint': 1n, empty: '', nul: 'a\0b', 'lone surrogate': '\ud800',
  'lone low': 'x\udfffy', astral: '\u{10ffff}', long: 'x'.repeat(100_000), braces: '{{x}}{{{{', array: [], object: {},
  strange: [null, NaN, '\ud800', undefined, 1n], holes: [, 1], 'odd keys': { '\ud800': 1, '': 2, __proto__: null },
  deep: deep(100_000, (v) => [v]), members: deep(100_000, (a) => ({ a })), 'deep 200': deep(200, (v) => [v]), cyclic: cyclic(),
  symbol: Symbol('s'), function: () => 1, throwing: fails, date: new Date(NaN), regexp: /x/, map: new Map([[1, 2]]),
  set: new Set([1]), buffer: Buffer.from([255, 0]), typed: new Float64Array(3), 'json fails': { toJSON: fails },
  'json lies': { toJSON: () => undefined }, getter: Object.defineProperty({}, 'a', { enumerable: true, get: fails }),
  proxy: new Proxy({}, { get: fails, ownKeys: fails, has: fails }), 'no prototype': Object.create(null), promise: Promise.resolve(1),
  class: class {}, time: '2026-13-45T99:99:99Z', boxed: new String('p'),
});

// They would end the test, or write where they are told to.
const LEFT_OUT = new Set(['constructor', 'close', 'closeAsync', 'backup', 'backupAsync']);

function* functions(things) {
  for (const [owner, thing] of Object.entries(things)) {
    const names = new Set();
    for (let at = thing; at && at !== Object.prototype && at !== Function.prototype; at = Object.getPrototypeOf(at)) {
      for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
        if (typeof value === 'function' && !name.startsWith('_') && !LEFT_OUT.has(name)) names.add(name);
      }
    }
    for (const name of names) if (!/^[A-Z]/.test(name)) yield [`${owner}.${name}`, (...args) => thing[name](...args)];
  }
}

async function child(folder) {
  process.chdir(folder);
  const store = trialplate.open('store.tp', { busyTimeout: 1 });
  store.publish('p', 'Hi {{x}}', { labels: ['production'] });
  store.metric('quality', { kind: 'numeric' });
  const data = store.dataset('d');
  data.add([{ key: 'k', input: 1 }]);
  const seen = { calls: 0, functions: 0, coded: 0, own: 0, results: 0, wrong: [] };
  const { open, doctor, stats, output } = trialplate;
  const things = { trialplate: { open, doctor, output }, stats, store, prompt: store.get('p'), dataset: data };
  const call = async (name, run) => {
    seen.calls++;
    try {
      const result = run();
      // What never settles is none of ours.
      await Promise.race([result, new Promise((done) => setImmediate(() => setImmediate(done)))]);
      seen.results++;
    } catch (error) {
      if (error instanceof trialplate.TrialplateError) {
        seen.coded++;
        if (!error.code || /engine stopped/.test(error.message)) seen.wrong.push(`${name}: ${error.message}`);
      } else if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError || error?.message === OWN) {
        seen.own++;
      } else {
        seen.wrong.push(`${name}: ${error?.name} ${error?.code} ${error?.message}`.slice(0, 300));
      }
    }
  };
  process.on('unhandledRejection', (error) => {
    if (!(error instanceof Error)) seen.wrong.push(`unhandled: ${error}`);
  });
  for (const [name, run] of functions(things)) {
    seen.functions++;
    for (const [text, value] of Object.entries(values())) {
      await call(`${name}(${text})`, () => run(value));
      await call(`${name}('p', ${text})`, () => run('p', value));
      await call(`${name}('p', 1, ${text})`, () => run('p', 1, value));
      await call(`${name}('p', 'production', ${text})`, () => run('p', 'production', value));
      await call(`${name}(${text} x 4)`, () => run(value, value, value, value));
    }
    try {
      store.info();
    } catch (error) {
      seen.wrong.push(`after ${name}: ${error.message}`);
      break;
    }
  }
  seen.whole = seen.wrong.length === 0 && store.verify().ok;
  seen.wrong = seen.wrong.slice(0, 20);
  process.stdout.write(`${JSON.stringify(seen)}\n`, () => process.exit(0));
}

if (process.argv[2] === 'child') {
  await child(process.argv[3]);
} else {
  test('no value ends the process', { timeout: 280_000 }, () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hostile-'));
    try {
      const self = fileURLToPath(import.meta.url);
      const done = spawnSync(process.execPath, [self, 'child', folder], { encoding: 'utf8', timeout: 270_000, maxBuffer: 1 << 26 });
      assert.equal(done.status, 0, `${done.signal} ${done.stderr.slice(-4000)}`);
      const seen = JSON.parse(done.stdout.trim().split('\n').at(-1));
      assert.deepEqual(seen.wrong, []);
      assert.ok(seen.whole);
      assert.ok(seen.functions > 40 && seen.calls > 5000 && seen.coded > 500 && seen.results > 100, JSON.stringify(seen));
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });
}
