// Runs a benchmark in a process and a temporary directory of its own, for a limited time; whatever it leaves behind there, engines included,
// is ended and removed.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { processesBelow } from '#test/support/program.ts';
import type { Told } from './bench-process.ts';
import type { Benchmark, Measurement, Progress } from './benchmark.ts';

const LIMIT_MS = 15 * 60_000;
const PATIENCE_MS = 10_000;

export type Outcome = { measurements: Measurement[] } | { cannot: string } | { failed: string };

export async function runIsolated(
  { name, node = [] }: Pick<Benchmark, 'name' | 'node'>,
  progress: Progress,
  signal: AbortSignal,
): Promise<Outcome> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'axiom47-bench-')));
  const child = fork(fileURLToPath(new URL('./bench-process.ts', import.meta.url)), [name], {
    env: { ...process.env, TMPDIR: folder },
    execArgv: [...process.execArgv, ...node],
    // What a benchmark prints is no figure: stdout belongs to the document.
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  let outcome: Outcome | null = null;
  child.on('message', (told: Told) => {
    if ('progress' in told) progress(told.progress);
    else outcome = told;
  });
  let killing: NodeJS.Timeout | undefined;
  const end = (why: string) => {
    outcome ??= { failed: why };
    child.kill('SIGTERM');
    // Busy in a loop, it hears nothing.
    killing = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  };
  const timer = setTimeout(() => end(`not done after ${LIMIT_MS / 60_000} minutes`), LIMIT_MS);
  const interrupted = () => end('interrupted');
  signal.addEventListener('abort', interrupted, { once: true });
  if (signal.aborted) interrupted();
  try {
    const [code, killedBy] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return outcome ?? { failed: `ended with ${killedBy ?? code} and no figures` };
  } finally {
    clearTimeout(timer);
    clearTimeout(killing);
    signal.removeEventListener('abort', interrupted);
    await endAllBelow(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Asked to end first: PostgreSQL then gives its shared memory back. */
async function endAllBelow(folder: string): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const pid of processesBelow(folder)) {
      try {
        process.kill(pid, signal);
      } catch {
        // Gone meanwhile.
      }
    }
    const until = performance.now() + PATIENCE_MS;
    while (processesBelow(folder).length > 0 && performance.now() < until) await sleep(20);
  }
}
