'use strict';

// JSON that loses nothing: what `JSON.stringify` would drop or change without a word is refused.

const { invalidJson } = require('./errors.js');

/** The core reads no deeper; a circular value ends here too. */
const DEEPEST = 200;

const KINDS = [
  [Map, 'a Map; use Object.fromEntries(map)'],
  [Set, 'a Set; use [...set]'],
  [WeakMap, 'a WeakMap'],
  [WeakSet, 'a WeakSet'],
  [Promise, 'a Promise; await it first'],
  [RegExp, 'a RegExp'],
  [Error, 'an Error; use its message'],
  [ArrayBuffer, 'an ArrayBuffer'],
];

function text(value, path) {
  // A surrogate on its own has no UTF-8, and would become another character on its way.
  if (!value.isWellFormed()) throw invalidJson('a text holds half of a surrogate pair', path());
  return JSON.stringify(value);
}

function write(value, depth, path) {
  switch (typeof value) {
    case 'string':
      return text(value, path);
    case 'number':
      // NaN and Infinity go on as they are: the core says which score, or which figure, they were.
      return Object.is(value, -0) ? '0' : String(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'bigint':
      // In the JSON of this library a number is a double, in every language.
      if (!Number.isFinite(Number(value)) || BigInt(Number(value)) !== value) {
        throw invalidJson('no double holds this integer exactly; give it as text', path());
      }
      return value.toString();
    case 'object':
      break;
    default:
      throw invalidJson(`JSON has no ${typeof value}`, path());
  }
  if (value === null) return 'null';
  if (depth > DEEPEST) throw invalidJson('the value is nested too deeply, or contains itself', 'value');
  if (Array.isArray(value)) {
    const parts = [];
    for (let i = 0; i < value.length; i++) {
      parts.push(value[i] === undefined ? 'null' : write(value[i], depth + 1, () => `${path()}[${i}]`));
    }
    return `[${parts.join(',')}]`;
  }
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw invalidJson('this Date is no time', path());
    return `"${value.toISOString()}"`;
  }
  for (const [kind, name] of KINDS) {
    if (value instanceof kind) throw invalidJson(`JSON has no place for ${name}`, path());
  }
  if (ArrayBuffer.isView(value)) throw invalidJson('JSON has no place for bytes; use text, or [...array]', path());
  if (typeof value.toJSON === 'function') return write(value.toJSON(), depth + 1, path);
  if (value instanceof Number || value instanceof String || value instanceof Boolean) {
    return write(value.valueOf(), depth + 1, path);
  }
  const parts = [];
  for (const key of Object.keys(value)) {
    const member = value[key];
    if (member === undefined) continue;
    const inside = () => `${path()}.${key}`;
    parts.push(`${text(key, inside)}:${write(member, depth + 1, inside)}`);
  }
  return `{${parts.join(',')}}`;
}

/** A value as JSON text for the core. */
function encode(value, at = 'value') {
  return value === undefined ? 'null' : write(value, 0, () => at);
}

/** The arguments of a verb as JSON text. */
function encodeArguments(args) {
  const parts = [];
  for (const key of Object.keys(args)) {
    if (args[key] !== undefined) parts.push(`${text(key, () => key)}:${encode(args[key], key)}`);
  }
  return `{${parts.join(',')}}`;
}

module.exports = { encode, encodeArguments };
