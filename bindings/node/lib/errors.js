'use strict';

const { camel } = require('./names.js');

/** Every error of this library: `code` never changes its meaning, `kind` says what a handler would do about it. */
class TrialplateError extends Error {
  constructor(code, kind, message) {
    super(message);
    this.code = code;
    this.kind = kind;
  }
}
Object.defineProperty(TrialplateError.prototype, 'name', { value: 'TrialplateError', configurable: true, writable: true });

/** The error of a code and the facts that the native part gives, as JSON. */
function fromFacts(code, text) {
  const { message, kind, verdict } = JSON.parse(text);
  const error = new TrialplateError(code, kind, message);
  if (verdict) error.verdict = camel(verdict);
  return error;
}

/** An error of the native part as it is thrown to users. */
function translate(error) {
  if (typeof error?.code === 'string' && error.message?.startsWith('{')) {
    const translated = fromFacts(error.code, error.message);
    Error.captureStackTrace?.(translated, translate);
    return translated;
  }
  return error;
}

/** Calls the native part. */
function native(call) {
  try {
    return call();
  } catch (error) {
    throw translate(error);
  }
}

const invalidJson = (reason, at) => new TrialplateError('invalid-json', 'invalid', `${reason} at=\`${at}\``);
const invalidArgument = (argument, reason) =>
  new TrialplateError('invalid-argument', 'invalid', `${reason} argument=\`${argument}\``);

module.exports = { TrialplateError, fromFacts, invalidArgument, invalidJson, native };
