// W1 and W7 in Node: the hot `get` by label, and rendering. Medians of 31 rounds, in nanoseconds: by the clock, and
// of the processor's time, which says more where other work is going on.
//
//     node bindings/node/build.mjs && node tests/bench/bench_node.mjs [prompts …]

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { open } from '../../bindings/node/index.mjs';

/** The median time of one call of `work(i)`: by the clock and of the processor, in nanoseconds. */
function median(work) {
  let count = 0;
  for (const started = process.hrtime.bigint(); process.hrtime.bigint() - started < 100_000_000n; ) {
    for (let i = 0; i < 1000; i++) work(count++);
  }
  const each = Math.ceil(count / 5);
  const samples = Array.from({ length: 31 }, () => {
    const [clock, cpu] = [process.hrtime.bigint(), process.cpuUsage()];
    for (let i = 0; i < each; i++) work(i);
    const { user, system } = process.cpuUsage(cpu);
    return [Number(process.hrtime.bigint() - clock) / each, ((user + system) * 1000) / each];
  });
  const middle = (column) => samples.map((sample) => sample[column]).sort((a, b) => a - b)[15];
  return { clock: middle(0), cpu: middle(1) };
}

/** A template of exactly `size` bytes with `variables` variables, evenly spread over lines of prose. */
function template(size, variables) {
  const prose = 'Extract every party, date and amount from the text below, and cite the line.\n';
  const fill = (length) => prose.repeat(Math.ceil(length / prose.length)).slice(0, Math.max(0, length));
  let source = '';
  for (let i = 0; i < variables; i++) {
    source += fill(Math.floor(((size - 16) * (i + 1)) / variables) - source.length - 16);
    source += `{{ field_${String(i).padStart(2, '0')} }}`;
  }
  return source + fill(size - source.length);
}

const table = [];
const row = (what, { clock, cpu }, goal = '') =>
  table.push({ what, 'clock ns': Math.round(clock), 'cpu ns': Math.round(cpu), 'goal ns': goal, 'cpu / goal': goal && +(cpu / goal).toFixed(2) });

const folder = mkdtempSync(path.join(tmpdir(), 'trialplate-bench-'));
try {
  const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1, 1000, 100_000];
  for (const size of sizes) {
    const store = open(path.join(folder, `${size}.tp`));
    const names = Array.from({ length: size }, (_, i) => `folder/prompt-${i}`);
    const text = template(1024 - 12, 5);
    // In slices: a promise for each of 100,000 at once is memory that the figures would suffer from.
    for (let at = 0; at < size; at += 2000) {
      const slice = names.slice(at, at + 2000);
      await Promise.all(
        slice.map((name, i) => store.publishAsync(name, text + String(at + i).padStart(12), { labels: ['production'] })),
      );
    }
    for (const name of names) store.get(name);
    for (const name of names) store.get(name, { label: 'production' });
    // Names in another order than that of the file, and the same text each time, as code has it.
    const order = Array.from({ length: 1 << 16 }, (_, i) => names[(i * 7919) % size]);
    row(`W1 get(name), ${size} prompts`, median((i) => store.get(order[i & 0xffff])), 100);
    row(`W1 get(name, {label}), ${size} prompts`, median((i) => store.get(order[i & 0xffff], { label: 'production' })), 100);
    // What the same look-ups cost in a Map alone: with 100,000 names they wait for memory.
    const map = new Map(names.map((name) => [name, store.get(name)]));
    let sink = 0;
    row(`   a bare Map, ${size} names`, median((i) => (sink += map.get(order[i & 0xffff]).number)));
    store.close();
  }

  const store = open(path.join(folder, 'render.tp'));
  for (const [size, variables, goal] of [[1024, 5, 1200], [20480, 50, 6000]]) {
    const source = template(size, variables);
    const prompt = store.publish(`render-${size}`, source);
    const value = (i) => `value ${i} of the benchmark`;
    const values = Object.fromEntries(prompt.variables.map((name, i) => [name, value(i)]));
    const check = source.replace(/\{\{ (\w+) \}\}/g, (_, name) => values[name]);
    if (prompt.compile(values) !== check) throw new Error('rendered otherwise than expected');
    const what = `${size} bytes, ${variables} variables`;
    row(`W7 compile, ${what}`, median(() => prompt.compile(values)), goal);
    row(`   the same and every character read`, median(() => Buffer.byteLength(prompt.compile(values))));
    const wide = { ...values, [prompt.variables[0]]: 'Übergröße 😀' };
    row(`   the same with text beyond ASCII`, median(() => prompt.compile(wide)));
    const mixed = { ...values, [prompt.variables[0]]: 42 };
    row(`   the same with a number (by JSON)`, median(() => prompt.compile(mixed)));
  }
  store.close();
} finally {
  rmSync(folder, { recursive: true });
}
console.table(table);
