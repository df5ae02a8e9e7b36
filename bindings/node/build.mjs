// Builds the native part with cargo and puts it where `native.js` looks first. No npm package is needed.
import { spawn } from 'node:child_process';
import { copyFileSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const here = path.dirname(fileURLToPath(import.meta.url));
const { target } = createRequire(import.meta.url)('./lib/target.js');

const cargo = spawn(
  'cargo',
  ['build', '-p', 'trialplate-node', '--release', '--message-format=json-render-diagnostics', ...process.argv.slice(2)],
  { cwd: here, stdio: ['ignore', 'pipe', 'inherit'] },
);
let text = '';
cargo.stdout.setEncoding('utf8').on('data', (chunk) => (text += chunk));
cargo.on('error', (error) => {
  console.error(`cargo could not be started: ${error.message}`);
  process.exit(1);
});
cargo.on('close', (code) => {
  if (code !== 0) process.exit(code ?? 1);
  const built = text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .filter((message) => message.reason === 'compiler-artifact' && message.target.kind.includes('cdylib'))
    .flatMap((message) => message.filenames)
    .filter((name) => /\.(so|dylib|dll)$/.test(name))
    .pop();
  if (!built) {
    console.error('cargo built no dynamic library');
    process.exit(1);
  }
  const to = path.join(here, `trialplate.${target()}.node`);
  // By way of a rename, so that a process which has the old one loaded keeps it whole.
  copyFileSync(built, `${to}.new`);
  renameSync(`${to}.new`, to);
  console.log(path.relative(process.cwd(), to));
});
