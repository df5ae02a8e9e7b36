// A worker of host.test.mjs; run by itself (`node --test` runs every file of this folder) it does nothing.
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { open } from '../index.mjs';

if (!isMainThread) await work();

async function work() {
  const store = open(workerData.path, { actor: 'worker' });
  const before = store.get('p').number;
  const version = await store.publishAsync('p', 'from the worker', { labels: ['production'] });
  if (workerData.leave) {
    // Ends with calls under way, whose promises nobody will settle.
    for (let i = 0; i < 50; i++) store.publishAsync('left', `text ${i}`);
    process.exit(0);
  }
  await store.closeAsync();
  parentPort.postMessage({ before, number: version.number });
}
