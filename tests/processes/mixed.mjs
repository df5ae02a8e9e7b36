// As mixed.py, through the Node package: `node mixed.mjs FILE JOURNAL WHO`.
import fs from 'node:fs';
import path from 'node:path';
import { open } from '../../bindings/node/index.mjs';

const [file, journal, who] = process.argv.slice(2);
const out = fs.openSync(journal, 'a');
const stop = path.join(path.dirname(file), 'stop');
const store = open(file, { busyTimeout: 10 });
const version = store.get('shared', { version: 1 });

async function told(what, call, facts = {}) {
  const begin = process.hrtime.bigint();
  let [act, answer] = [what, null];
  try {
    answer = await call();
  } catch (error) {
    if (error.code !== 'busy') throw error;
    [act, answer] = ['busy', what];
  }
  // The nanoseconds of a machine's uptime are exact in a double for a hundred days.
  const line = { do: act, begin: Number(begin), end: Number(process.hrtime.bigint()), answer, ...facts };
  fs.writeSync(out, JSON.stringify(line) + '\n');
  return act === 'busy' ? null : answer;
}

async function gets() {
  for (let n = 0; n < 5; n += 1) await told('get', () => store.get('shared').number);
  await told('latest', () => store.get('shared', { label: 'latest' }).number);
}

let run = null;
for (let i = 0; !fs.existsSync(stop); i += 1) {
  const tag = `${who} ${i}`;
  // Every other round the asynchronous form of a write.
  const later = i % 2 === 1;
  const number = await told(
    'publish',
    async () => (later ? await store.publishAsync('shared', tag) : store.publish('shared', tag)).number,
    { text: tag },
  );
  await gets();
  if (number !== null) {
    const move = later ? 'setLabelAsync' : 'setLabel';
    const call = async () => (await store[move]('shared', 'production', number, { reason: tag })).seq;
    await told('move', call, { to: number, reason: tag });
  }
  await gets();
  if (run === null) {
    await told('start', () => (run = store.startRun(version, 'items', { trials: 100, name: who })).id);
  }
  if (run !== null) {
    const [key, trial] = [`k${i % 10}`, (Math.floor(i / 10) % 100) + 1];
    const record = later ? 'recordAsync' : 'record';
    const call = async () => void (await run[record]({ key, trial }, { output: tag }));
    await told('record', call, { run: run.id, key, trial, output: tag });
  }
  await gets();
  const ids = [0, 1, 2, 3, 4].map((n) => `${tag} ${n}`);
  await told('trace', async () => {
    for (const id of ids) {
      store.log(version, { traceId: id, output: id });
      store.score(id, 'quality', 0.5);
    }
    if (later) await store.flushAsync();
    else store.flush();
    return ids;
  });
  // Every item and trial of the run is recorded.
  if (run !== null && i % 1000 === 999) break;
}
store.close();
