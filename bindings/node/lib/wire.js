'use strict';

// How what JavaScript users hand over is written for the core.

const { snake } = require('./names.js');
const { invalidArgument } = require('./errors.js');

/** A version: its number, its id, or the version itself. */
function version(value) {
  if (value !== null && typeof value === 'object' && 'number' in value && 'id' in value) {
    return { name: value.name, number: value.number, id: value.id };
  }
  return value;
}

/** Where a label must be found: null says nowhere, which the core writes as version 0. */
const expected = (value) => (value === null ? 0 : version(value));

/** A time: a Date, milliseconds since 1970, or RFC 3339 text. */
function time(value) {
  if (typeof value === 'number') value = new Date(value);
  if (!(value instanceof Date)) return value;
  return Number.isNaN(value.getTime()) ? 'NaN' : value.toISOString();
}

/** A dataset by its name: the name, or a Dataset. */
const datasetName = (value) => (value !== null && typeof value === 'object' && 'name' in value ? value.name : value);

/** An experiment by its name: the name, or an Experiment. */
const experimentName = datasetName;

/** A run by its id: the id, or a Run. */
const runId = (value) => (value !== null && typeof value === 'object' && 'id' in value ? value.id : value);

/** A trace by its id: the id, or a trace. */
const traceId = (value) => (value !== null && typeof value === 'object' && 'traceId' in value ? value.traceId : value);

function gate(value) {
  if (value === null || typeof value !== 'object') return value;
  // What `store.gate` says beside the gate itself is no part of it.
  const { dataset, checks, id: _, auto: __, ...rest } = value;
  const check = (one) => (one !== null && typeof one === 'object' ? snake({ ...one, dataset: datasetName(one.dataset) }) : one);
  return { ...rest, dataset: datasetName(dataset), checks: Array.isArray(checks) ? checks.map(check) : checks };
}

function scorer(value) {
  if (typeof value === 'function') return value.name;
  if (value === null || typeof value !== 'object') return value;
  const { score: _, ...spec } = value;
  return snake(spec);
}

/** A row's figures. */
function row(fields) {
  const out = snake(fields);
  if (out.error instanceof Error) out.error = `${out.error.name}: ${out.error.message}`;
  return out;
}

/** A prompt's version where its prompt must be known. */
function ofPrompt(value) {
  if (value === null || typeof value !== 'object' || !('name' in value) || !('number' in value)) {
    throw invalidArgument('version', 'give a version itself, as `publish` and `get` return it');
  }
  return { prompt: value.name, version: version(value) };
}

function dataset(value) {
  if (value === null || typeof value !== 'object') return { dataset: value };
  return { dataset: value.name, dataset_version: value.pinned };
}

module.exports = { dataset, datasetName, expected, experimentName, gate, ofPrompt, row, runId, scorer, time, traceId, version };
