'use strict';

// snake_case of the core, camelCase of JavaScript. What users wrote is never touched.

/** Members whose values are the users' own: content, data, and objects with names of theirs as keys. */
const THEIRS = new Set([
  'input', 'expected', 'metadata', 'output', 'params', 'tools', 'response_schema', 'prompt', 'schema', 'config',
  'scores', 'means', 'labels', 'categories', 'data', 'from', 'to', 'a', 'b', 'diff', 'prevalence', 'stratum_weights', 'kept',
]);
/** Members whose keys are the users' names and whose values are ours. */
const NAMED = new Set(['metrics', 'strata', 'lengths']);

const remembered = new Map();

function camelName(name) {
  let camel = remembered.get(name);
  if (camel === undefined) {
    camel = name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
    if (remembered.size < 1000) remembered.set(name, camel);
  }
  return camel;
}

const snakeName = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function put(object, key, value) {
  if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else object[key] = value;
}

/** A result of the core with the names of its members in camelCase. */
function camel(value) {
  if (Array.isArray(value)) return value.map(camel);
  if (value === null || typeof value !== 'object') return value;
  const out = {};
  for (const [key, member] of Object.entries(value)) {
    if (THEIRS.has(key)) out[camelName(key)] = member;
    else if (NAMED.has(key) && member !== null && typeof member === 'object' && !Array.isArray(member)) {
      const named = (out[camelName(key)] = {});
      for (const [name, each] of Object.entries(member)) put(named, name, camel(each));
    } else put(out, camelName(key), camel(member));
  }
  return out;
}

/** Options as the core names them: one level, values untouched. */
function snake(options) {
  const out = {};
  if (options === undefined || options === null) return out;
  for (const [key, value] of Object.entries(options)) put(out, snakeName(key), value);
  return out;
}

module.exports = { camel, snake };
