// Checks the types: installs TypeScript and @types/node in a temporary folder and compiles types.test-d.ts there, as
// ESM and as CommonJS. Needs the network; run by `npm run test:types`.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

// `node --test` runs every file of this folder; this one is a check of its own.
if (!process.env.NODE_TEST_CONTEXT) {
  const here = path.dirname(fileURLToPath(import.meta.url));
  const folder = mkdtempSync(path.join(tmpdir(), 'trialplate-types-'));
  const run = (command, ...args) => execFileSync(command, args, { cwd: folder, stdio: 'inherit', shell: process.platform === 'win32' });
  try {
    writeFileSync(path.join(folder, 'package.json'), '{"private":true}');
    run('npm', 'install', '--no-audit', '--no-fund', '--loglevel=error', 'typescript@5', '@types/node@20');
    const installed = path.join(folder, 'node_modules', 'trialplate');
    mkdirSync(installed);
    for (const name of ['package.json', 'index.d.ts', 'index.d.mts']) cpSync(path.join(here, '..', name), path.join(installed, name));
    for (const name of ['types.mts', 'types.cts']) {
      const source = path.join(folder, name);
      cpSync(path.join(here, 'types.test-d.ts'), source);
    }
    const flags = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2023', '--module', 'node16', '--types', 'node'];
    run(path.join(folder, 'node_modules', '.bin', 'tsc'), ...flags, '--esModuleInterop', 'types.mts');
    // CommonJS has no default export.
    const cts = path.join(folder, 'types.cts');
    writeFileSync(cts, readFileSync(cts, 'utf8').replace('import trialplate, {', 'import trialplate = require("trialplate");\nimport {'));
    run(path.join(folder, 'node_modules', '.bin', 'tsc'), ...flags, 'types.cts');
    console.log('the types are sound');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
