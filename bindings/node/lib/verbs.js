'use strict';

// A verb here is its name in the core, how its arguments are written, and what is made of its result. Verbs that
// write get a second method that returns a promise.

const { encodeArguments } = require('./json.js');
const { native } = require('./errors.js');

/**
 * Gives a class its verbs. `calls(self)` is `{ sync, async }`: both take a verb and JSON text.
 * A verb is `[name, args, shape, writes]`; `args` and `shape` are called with the object as `this`.
 */
function define(Class, calls, verbs) {
  for (const [method, { verb, args, shape, writes = false }] of Object.entries(verbs)) {
    const put = (name, value) => {
      Object.defineProperty(value, 'name', { value: name });
      Object.defineProperty(Class.prototype, name, { value, configurable: true, writable: true });
    };
    put(method, function (...given) {
      const text = encodeArguments(args.apply(this, given));
      return shape.call(this, native(() => calls(this).sync(verb, text)));
    });
    if (writes) {
      put(`${method}Async`, async function (...given) {
        const text = encodeArguments(args.apply(this, given));
        return shape.call(this, await calls(this).async(verb, text));
      });
    }
  }
}

module.exports = { define };
