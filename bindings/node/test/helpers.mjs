import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { open } from '../index.mjs';

/** A store in a folder of its own, gone after the test. */
export function temporary(t, options) {
  const folder = mkdtempSync(path.join(tmpdir(), 'trialplate-node-'));
  const file = path.join(folder, 'prompts.tp');
  const store = open(file, options);
  t.after(() => {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return store;
}

/** For `assert.throws` and `assert.rejects`. */
export const code = (code, kind) => (kind === undefined ? { name: 'TrialplateError', code } : { name: 'TrialplateError', code, kind });
