'use strict';

// Objects that are written for the core as they are: no defaults and no rules, those are the core's.

const pick = (value, name) => (value !== null && typeof value === 'object' ? value : { [name]: value });

/** Checks of a gate. */
class Check {
  static itemFloor(metric, atLeast) {
    return { check: 'item_floor', metric, ...pick(atLeast, 'atLeast') };
  }
  static noRegression(metric, options) {
    return { check: 'no_regression', metric, ...options };
  }
  static mean(metric, atLeast, options) {
    return { check: 'mean', metric, ...pick(atLeast, 'atLeast'), ...options };
  }
  static rate(metric, options) {
    return { check: 'rate', metric, ...options };
  }
  static format(options) {
    return { check: 'format', ...options };
  }
  static notMorePermissive(options) {
    return { check: 'not_more_permissive', ...options };
  }
}

/** A list of checks over a dataset, for `protect`. */
class Gate {
  constructor(gate) {
    Object.assign(this, gate);
    Object.freeze(this);
  }
}

/** What turns an output into a score. The built-in ones run in the core; `function` and `judge` are yours. */
class Scorer {
  constructor(spec, score) {
    Object.assign(this, spec);
    if (score !== undefined) Object.defineProperty(this, 'score', { value: score });
    Object.freeze(this);
  }
  static exact(options) {
    return new Scorer({ ...options, kind: 'exact' });
  }
  static contains(options) {
    return new Scorer({ ...options, kind: 'contains' });
  }
  static regex(pattern, options) {
    return new Scorer({ ...options, kind: 'regex', pattern });
  }
  static numeric(options) {
    return new Scorer({ ...options, kind: 'numeric' });
  }
  static levenshtein(options) {
    return new Scorer({ ...options, kind: 'levenshtein' });
  }
  static jsonValid(options) {
    return new Scorer({ ...options, kind: 'json_valid' });
  }
  static jsonSchema(options) {
    return new Scorer({ ...options, kind: 'json_schema' });
  }
  static length(options) {
    return new Scorer({ ...options, kind: 'length' });
  }
  static function(name, score, options) {
    return new Scorer({ ...options, kind: 'function', name }, score);
  }
  static judge(name, config, score) {
    return new Scorer({ kind: 'judge', name, config }, score);
  }
}

class Output {
  constructor(output, figures) {
    Object.assign(this, figures, { output });
  }
}

/** What a task returns when it knows more than the output: its cost, tokens, latency or scores. */
function output(value, figures) {
  return new Output(value, figures);
}

module.exports = { Check, Gate, Output, Scorer, output };
