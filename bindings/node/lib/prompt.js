'use strict';

const { native } = require('./errors.js');
const { encode } = require('./json.js');
const { NativePrompt } = require('../native.js');

const hasOwn = Object.prototype.hasOwnProperty;

function freeze(value) {
  if (value !== null && typeof value === 'object') {
    for (const member of Object.values(value)) freeze(member);
    Object.freeze(value);
  }
  return value;
}

/** One immutable version of a prompt. Frozen, and shared by everybody who gets it. */
class Prompt {
  #json;
  #native;
  /** For a text prompt: renders from one text and the lengths of the values in it. */
  #render;
  #lengths;

  /** From a version's JSON as the core gives it. */
  constructor(json, raw = JSON.parse(json)) {
    this.#json = json;
    this.name = raw.name;
    this.number = raw.number;
    this.id = raw.id;
    this.type = raw.type;
    this.prompt = freeze(raw.prompt);
    this.model = raw.model;
    this.params = freeze(raw.params);
    this.tools = freeze(raw.tools);
    this.responseSchema = freeze(raw.response_schema);
    this.variables = freeze(raw.variables);
    this.placeholders = freeze(raw.placeholders);
    this.message = raw.message;
    this.author = raw.author;
    this.createdAt = raw.created_at;
    this.parent = raw.parent;
    this.tags = freeze(raw.tags);
    Object.freeze(this);
  }

  /** The version in the native part: made when it is first rendered, from the JSON. */
  #handle() {
    if (this.#native === undefined) {
      this.#native = native(() => NativePrompt.fromJson(this.#json));
      this.#json = undefined;
      if (this.type === 'text') {
        this.#lengths = new Uint32Array(this.variables.length);
        this.#render = this.#native.renderer();
      }
    }
    return this.#native;
  }

  compile(values) {
    const render = this.#render;
    if (render !== undefined) {
      // Texts go over as one text and their lengths: one crossing, whatever their number. Anything else
      // (and whatever that crossing is not sure about) goes as JSON.
      const names = this.variables;
      const lengths = this.#lengths;
      let joined = '';
      let i = 0;
      for (; i < names.length; i++) {
        const name = names[i];
        const value = values?.[name];
        if (typeof value !== 'string' || !hasOwn.call(values, name)) break;
        joined += value;
        lengths[i] = value.length;
      }
      if (i === names.length) {
        const text = render(joined, lengths);
        if (text !== undefined) return text;
      }
    }
    return this.#compile('strict', values, true);
  }

  compilePartial(values) {
    return this.#compile('partial', values, true);
  }

  compileAs(mode, values) {
    return this.#compile(mode, values, mode === 'strict' || mode === 'partial');
  }

  #compile(mode, values = {}, only) {
    const handle = this.#handle();
    let text;
    if (values === null || typeof values !== 'object' || Array.isArray(values) || values instanceof Map) {
      text = encode(values, 'values');
    } else {
      // A value that the template does not ask for is named (an error may mention it), but not read.
      const parts = Object.keys(values).map((key) => {
        const asked = !only || this.variables.includes(key) || this.placeholders.includes(key);
        return `${encode(key)}:${asked ? encode(values[key], key) : 'null'}`;
      });
      text = `{${parts.join(',')}}`;
    }
    const compiled = native(() => handle.compile(String(mode), text));
    return this.type === 'chat' ? JSON.parse(compiled) : compiled;
  }

  otelAttributes() {
    const handle = this.#handle();
    return JSON.parse(native(() => handle.otelAttributes()));
  }

  toJSON() {
    return { ...this };
  }
}

module.exports = { Prompt };
