// A thread of jobs steps behind the others of its process, and only it.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const node = process.features.typescript ? process.execPath : join(root, 'node_modules', '.bin', 'node');

const linux = process.platform === 'linux';
const why = linux ? '' : ' [skipped: only Linux has a priority for each thread]';
test.skipIf(!linux)(`the calling thread alone has a lower priority, once${why}`, () => {
  const inside = `
    const { parentPort } = require('node:worker_threads');
    const { getPriority } = require('node:os');
    import(${JSON.stringify(new URL('../../processors/modest.ts', import.meta.url).href)}).then(({ stepBack }) => {
      const before = getPriority(0);
      stepBack();
      stepBack();
      parentPort.postMessage([before, getPriority(0)]);
    });`;
  const program = `
    const { Worker } = require('node:worker_threads');
    const { getPriority } = require('node:os');
    const before = getPriority(0);
    new Worker(${JSON.stringify(inside)}, { eval: true }).once('message', (thread) =>
      console.log(JSON.stringify({ thread, process: [before, getPriority(0)] })));`;
  const said = JSON.parse(execFileSync(node, ['-e', program], { encoding: 'utf8' }).trim().split('\n').at(-1)!);
  const before = said.process[0] as number;
  expect(said).toEqual({ thread: [before, Math.min(19, before + 5)], process: [before, before] });
});
