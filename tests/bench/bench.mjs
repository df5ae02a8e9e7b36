// The Node half of the benchmarks; run.py calls it and reads one JSON line per figure.
import { createRequire } from 'node:module';
import path from 'node:path';
import { open } from '../../bindings/node/index.mjs';

const [folder, mode, ...works] = process.argv.slice(2);
const require = createRequire(path.join(process.env.BENCH_MODULES, 'x.js'));
const quick = mode === 'quick';
const say = (work, what, who, figure, unit) => console.log(JSON.stringify({ work, what, who, figure, unit }));
const median = (xs) => xs.sort((a, b) => a - b)[xs.length >> 1];

const WORDS = ('extract the following fields from the document and return strict json only when a value is present otherwise null '
  + 'never invent facts cite the source span keep the order of keys use metric units dates in iso format').split(' ');
let seed = 20261123;
const next = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
const filler = (size) => { let s = ''; while (s.length < size + 16) s += `${WORDS[next(WORDS.length)]} `; return s.slice(0, size); };

function template(size, variables) {
  const marks = Array.from({ length: variables }, (_, i) => `{{var_${i}}}`);
  const share = Math.floor((size - marks.join('').length) / (variables + 1));
  let text = marks.map((mark) => filler(share) + mark).join('');
  text += filler(size - text.length);
  return [text, Object.fromEntries(marks.map((_, i) => [`var_${i}`, filler(32)]))];
}

// Nanoseconds a call, median of seven repeats of at least 100 ms.
function rate(f) {
  let n = 1;
  for (;;) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < n; i++) f(i);
    if (process.hrtime.bigint() - start > 100_000_000n) break;
    n *= 2;
  }
  return median(Array.from({ length: 7 }, () => {
    const start = process.hrtime.bigint();
    for (let i = 0; i < n; i++) f(i);
    return Number(process.hrtime.bigint() - start) / n;
  }));
}

async function w1() {
  for (const n of quick ? [1, 1000] : [1, 1000, 100_000]) {
    const what = `hot get, Node, ${n.toLocaleString('en')} prompts`;
    const store = open(path.join(folder, `w1-ours-${n}.tp`));
    const names = Array.from({ length: 1024 }, (_, i) => `prompt-${String((i * 7919) % n).padStart(6, '0')}`);
    const label = { label: 'production' };
    const texts = new Map(names.map((name) => [name, store.get(name, label).prompt]));
    const map = new Map(names.map((name) => [name, { until: Date.now() + 6e7, text: texts.get(name) }]));
    say('W1', what, 'Map with a TTL', rate((i) => { const e = map.get(names[i & 1023]); return Date.now() < e.until ? e.text : null; }), 'ns');
    if (n <= 1000) {
      const { LangfuseClient } = require('@langfuse/client');
      const http = await import('node:http');
      const server = http.createServer((request, response) => {
        const name = decodeURIComponent(new URL(request.url, 'http://x').pathname.split('/').pop());
        const now = '2026-01-01T00:00:00.000Z';
        response.setHeader('Content-Type', 'application/json');
        response.end(JSON.stringify({ type: 'text', id: name, name, version: 1, prompt: texts.get(name) ?? '', config: {}, labels: ['production'], tags: [], createdAt: now, updatedAt: now }));
      });
      await new Promise((done) => server.listen(0, '127.0.0.1', done));
      const client = new LangfuseClient({ publicKey: 'pk', secretKey: 'sk', baseUrl: `http://127.0.0.1:${server.address().port}` });
      for (const name of new Set(names)) await client.prompt.get(name, label);
      const per = [];
      for (let repeat = 0; repeat < 7; repeat++) {
        const start = process.hrtime.bigint();
        for (let i = 0; i < 100_000; i++) await client.prompt.get(names[i & 1023], label);
        per.push(Number(process.hrtime.bigint() - start) / 100_000);
      }
      say('W1', what, 'Langfuse JS, cache hit', median(per), 'ns');
      server.closeAllConnections?.();
      server.close();
    }
    say('W1', what, 'trialplate', rate((i) => store.get(names[i & 1023], label)), 'ns');
    store.close();
  }
}

async function w7() {
  const mustache = require('mustache');
  const { TextPromptClient } = require('@langfuse/client');
  const store = open(path.join(folder, 'w7-node.tp'));
  for (const [size, variables, label] of [[1024, 5, '1 KiB, 5 variables'], [20480, 50, '20 KiB, 50 variables']]) {
    const [text, values] = template(size, variables);
    const what = `render, Node, ${label}`;
    const ours = store.publish('p', text);
    const expected = ours.compile(values);
    const plain = (t, v) => mustache.render(t, v, {}, { escape: (x) => x });
    if (plain(text, values) !== expected) throw new Error('mustache renders something else');
    if (TextPromptClient) {
      const langfuse = new TextPromptClient({ type: 'text', prompt: text, name: 'p', version: 1, config: {}, labels: [], tags: [] });
      if (langfuse.compile(values) !== expected) throw new Error('Langfuse renders something else');
      say('W7', what, 'Langfuse JS', rate(() => langfuse.compile(values)), 'ns');
    }
    say('W7', what, 'mustache.js', rate(() => plain(text, values)), 'ns');
    say('W7', what, 'trialplate', rate(() => ours.compile(values)), 'ns');
  }
  store.close();
}

for (const work of works) await { w1, w7 }[work]();
process.exit(0);
