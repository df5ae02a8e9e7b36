'use strict';

// Finds the native part: the file that `build.mjs` made, then the package for this platform.
const { existsSync } = require('node:fs');
const path = require('node:path');
const { target } = require('./lib/target.js');

function load() {
  const name = target();
  const local = path.join(__dirname, `trialplate.${name}.node`);
  if (existsSync(local)) return require(local);
  try {
    return require(`trialplate-${name}`);
  } catch (cause) {
    throw new Error(
      `trialplate has no native part for ${name}: install the package trialplate-${name}, ` +
        'or build it from the repository with `node bindings/node/build.mjs`',
      { cause },
    );
  }
}

module.exports = load();
