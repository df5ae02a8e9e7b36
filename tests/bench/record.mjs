// The Node half of W5; record.py calls it and reads one JSON line per figure.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { open } from '../../bindings/node/index.mjs';

const [folder, mode] = process.argv.slice(2);
const [burst, bursts] = mode === 'quick' ? [1_000, 3] : [4_000, 15];
const say = (what, figure, who = 'trialplate') => console.log(JSON.stringify({ what, who, figure, unit: 'ns' }));
const median = (xs) => xs.sort((a, b) => a - b)[xs.length >> 1];
const clock = () => Number(process.hrtime.bigint());
/** The processor's time of this thread, where the system tells it: says more than the clock where other work is going on. */
const own = () => {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[0]);
  } catch {
    return NaN;
  }
};

const output = 'The parties are Alice Sells of Springfield and Bob Buys of Shelbyville; no date is given, so it is null. '.repeat(2);
const input = 'Extract the parties from: Alice sells to Bob.';
const store = open(path.join(folder, 'w5-node.tp'));
const v = store.publish('extraction', 'Extract the parties from: {{document}}');
const call = () => store.log(v, { input, output, latencyMs: 812, user: 'user-17' });
const figures = { log: [], score: [], 'log, with its flush': [], 'score, with its flush': [], 'log, processor time': [], 'score, processor time': [] };
store.log(v);
for (let n = 0; n < bursts; n++) {
  const ids = new Array(burst);
  let [start, ownStart] = [clock(), own()];
  for (let i = 0; i < burst; i++) ids[i] = call();
  let [over, ownOver] = [clock(), own()];
  figures['log, processor time'].push((ownOver - ownStart) / burst);
  store.flush();
  figures.log.push((over - start) / burst);
  figures['log, with its flush'].push((clock() - start) / burst);
  [start, ownStart] = [clock(), own()];
  for (let i = 0; i < burst; i++) store.score(ids[i], 'quality', 4, { source: 'judge' });
  [over, ownOver] = [clock(), own()];
  figures['score, processor time'].push((ownOver - ownStart) / burst);
  store.flush();
  figures.score.push((over - start) / burst);
  figures['score, with its flush'].push((clock() - start) / burst);
}
const alone = [];
for (let n = 0; n < (mode === 'quick' ? 200 : 1_000); n++) {
  await new Promise((done) => setTimeout(done, 1));
  const start = clock();
  call();
  alone.push(clock() - start);
}
for (const [what, found] of Object.entries(figures)) if (!found.some(Number.isNaN)) say(`one ${what}, Node`, median(found));
say('one log, one each 1 ms, Node', median(alone));
store.close();

try {
  const { DatabaseSync } = await import('node:sqlite');
  const db = new DatabaseSync(path.join(folder, 'w5-node.sqlite'));
  db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL');
  db.exec('CREATE TABLE call(id TEXT PRIMARY KEY, at REAL, version INT, input, output, latency_ms REAL, user)');
  const insert = db.prepare('INSERT INTO call VALUES(?, ?, 1, ?, ?, 812.0, ?)');
  const times = [];
  for (let i = 0; i < (mode === 'quick' ? 100 : 1_000); i++) {
    const start = clock();
    insert.run(i.toString(16).padStart(32, '0'), Date.now(), input, output, 'user-17');
    times.push(clock() - start);
  }
  say('one log, Node', median(times), 'SQLite (WAL, FULL)');
} catch (error) {
  if (error.code !== 'ERR_UNKNOWN_BUILTIN_MODULE') throw error;
}
