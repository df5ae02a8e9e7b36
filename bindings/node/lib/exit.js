'use strict';

// The end of a process, or of a worker thread: what `log` and `score` were asked for is waited for, once one of them was
// called. `exit` is told of every end but an `abort` or a SIGKILL. A signal that nobody handles would end the process
// without it: where that is so when it arrives, we wait, and raise it again. Listeners of others are never touched.

const { isMainThread } = require('node:worker_threads');

const SIGNALS = ['SIGTERM', 'SIGINT'];
/** Stores whose `log` or `score` was called. */
const loggers = new Set();
const logging = new WeakSet();
const collected = new FinalizationRegistry((reference) => loggers.delete(reference));

function watch(store, signals) {
  if (logging.has(store)) return;
  logging.add(store);
  if (loggers.size === 0) {
    process.removeListener('exit', flushAll);
    process.on('exit', flushAll);
  }
  const reference = new WeakRef(store);
  loggers.add(reference);
  collected.register(store, reference);
  if (!signals || !isMainThread) return;
  for (const signal of SIGNALS) if (process.listenerCount(signal) === 0) process.on(signal, terminated);
}

/** Waits for every store; throws the first error when it has waited for all. */
function flushAll() {
  const errors = [];
  for (const reference of loggers) {
    const store = reference.deref();
    if (store === undefined || store.closed) continue;
    try {
      store.flush();
    } catch (error) {
      errors.push(error);
    }
  }
  for (const error of errors.slice(1)) console.error(error);
  if (errors.length > 0) throw errors[0];
}

function terminated(signal) {
  // Others have come to listen: what becomes of the process is theirs to say, and its `exit` waits.
  if (process.listenerCount(signal) > 1) return;
  // First of all: a second one waits for nothing.
  process.removeListener(signal, terminated);
  try {
    flushAll();
  } catch (error) {
    console.error(error);
  } finally {
    process.kill(process.pid, signal);
  }
}

module.exports = { watch };
