'use strict';

const { Output } = require('./helpers.js');

/** The user's own scorers of a list: those that bring a function. */
function functions(scorers = []) {
  return scorers.flatMap((scorer) => {
    if (typeof scorer === 'function') return [[scorer.name, scorer]];
    return typeof scorer?.score === 'function' ? [[scorer.name ?? scorer.kind, scorer.score]] : [];
  });
}

async function scored(own, result, item, prompt, warned) {
  const scores = { ...result.scores };
  for (const [name, score] of own) {
    if (name in scores) continue;
    try {
      scores[name] = (await score(result.output, item, prompt)) ?? null;
    } catch (error) {
      // A score that could not be read is missing, and counted; never 0.
      scores[name] = null;
      if (!warned.has(name)) {
        warned.add(name);
        process.emitWarning(`the scorer ${name} threw, and its score is missing: ${error}`, 'TrialplateWarning');
      }
    }
  }
  return scores;
}

async function row(task, own, item, prompt, warned) {
  const started = performance.now();
  let result;
  try {
    const returned = await task(item, prompt);
    result = returned instanceof Output ? { ...returned } : { output: returned };
  } catch (error) {
    return { error: error instanceof Error ? error : String(error), latencyMs: performance.now() - started };
  }
  result.latencyMs ??= performance.now() - started;
  // A task that returns nothing has said null: the row is there, and nothing to repeat.
  result.output ??= null;
  result.scores = await scored(own, result, item, prompt, warned);
  return result;
}

/** The loop over what a run has no row for yet, `concurrency` at a time. */
async function evaluate(store, version, dataset, { task, concurrency = 1, ...options }) {
  const run = await store.startRunAsync(version, dataset, options);
  const own = functions(options.scorers);
  const queue = run.pending().values();
  const warned = new Set();
  let failed = false;
  const worker = async () => {
    for (const item of queue) {
      if (failed) return;
      try {
        await run.recordAsync(item, await row(task, own, item, version, warned));
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: concurrency }, worker);
  // Every call that was begun comes to its end before an error is thrown.
  const ends = await Promise.allSettled(workers);
  const end = ends.find(({ status }) => status === 'rejected');
  if (end) throw end.reason;
  return run.finishAsync();
}

module.exports = { evaluate };
