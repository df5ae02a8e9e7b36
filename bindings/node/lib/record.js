'use strict';

// `log` and `score` in one crossing: see `src/record.rs`. Each function here says `undefined` if a call is none of the usual
// ones; the general way takes it up from the beginning then, and says also what is wrong with it.

const { Prompt } = require('./prompt.js');
const { encode } = require('./json.js');

/** What `log` takes, by where it stands: numbers first, then texts. */
const NUMBERS = { __proto__: null, latencyMs: 1, costUsd: 2, tokensIn: 3, tokensOut: 4 };
const TEXTS = { __proto__: null, traceId: 0, input: 1, output: 2, error: 3, user: 4, experiment: 5, variant: 6, stratum: 7, metadata: 8 };
/** Which texts may be any JSON: a bit each. */
const JSONS = { __proto__: null, input: 1, output: 2, metadata: 4 };
const OF_SCORE = { __proto__: null, source: 0, comment: 1, judge: 2 };
const ABSENT = -1;
const hasOwn = Object.prototype.hasOwnProperty;

/**
 * A function that fills buffers of its own. A call from inside of it (a `toJSON` that logs) finds them in use, and goes the general way.
 */
function alone(work) {
  let busy = false;
  return (a, b, c, d) => {
    if (busy) return undefined;
    busy = true;
    try {
      return work(a, b, c, d);
    } finally {
      busy = false;
    }
  };
}

function log(native) {
  const send = native.logger();
  const numbers = new Float64Array(17);
  const texts = new Array(9);
  return alone((version, options) => {
    if (!(version instanceof Prompt)) return undefined;
    numbers.fill(NaN, 1, 5);
    numbers.fill(ABSENT, 8);
    texts.fill('');
    let json = 0;
    for (const key in options) {
      if (!hasOwn.call(options, key)) return undefined;
      let value = options[key];
      if (value === undefined || value === null) {
        if (key in TEXTS || key in NUMBERS) continue;
        return undefined;
      }
      const number = NUMBERS[key];
      if (number !== undefined) {
        if (typeof value !== 'number' || !(value >= 0)) return undefined;
        // Zero has one sign in JSON.
        numbers[number] = value + 0;
        continue;
      }
      const place = TEXTS[key];
      if (place === undefined) return undefined;
      if (key === 'experiment' && typeof value.name === 'string') value = value.name;
      if (typeof value !== 'string') {
        if (JSONS[key] === undefined) return undefined;
        value = encode(value, key);
        json |= JSONS[key];
      }
      texts[place] = value;
      numbers[8 + place] = value.length;
    }
    numbers[0] = version.number;
    numbers[5] = json;
    numbers[6] = version.name.length;
    numbers[7] = version.id.length;
    let joined = version.name + version.id;
    for (let i = 0; i < 9; i++) joined += texts[i];
    return send(joined, numbers);
  });
}

function score(native) {
  const send = native.scorer();
  const numbers = new Float64Array(8);
  const texts = new Array(3);
  return alone((trace, metric, value, options) => {
    if (typeof trace !== 'string' || typeof metric !== 'string') return undefined;
    numbers[4] = ABSENT;
    let category = '';
    switch (typeof value) {
      case 'number':
        numbers[0] = 1;
        numbers[1] = value + 0;
        break;
      case 'boolean':
        numbers[0] = 2;
        numbers[1] = value ? 1 : 0;
        break;
      case 'string':
        numbers[0] = 3;
        category = value;
        numbers[4] = value.length;
        break;
      default:
        if (value !== null) return undefined;
        numbers[0] = 0;
    }
    numbers.fill(ABSENT, 5);
    texts.fill('');
    for (const key in options) {
      if (!hasOwn.call(options, key)) return undefined;
      const place = OF_SCORE[key];
      const text = options[key];
      if (place === undefined) return undefined;
      if (text === undefined || text === null) continue;
      if (typeof text !== 'string') return undefined;
      texts[place] = text;
      numbers[5 + place] = text.length;
    }
    numbers[2] = trace.length;
    numbers[3] = metric.length;
    return send(trace + metric + category + texts[0] + texts[1] + texts[2], numbers);
  });
}

module.exports = { log, score };
