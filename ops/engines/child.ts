// A server process of ours: spawned with its output in a file, kept running until it is told to stop.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { reasonOf } from './engine-error.ts';
import { endProcesses } from './processes.ts';

type Exit = { code: number | null; signal: NodeJS.Signals | null };
export type EngineState = 'starting' | 'ready' | 'down' | 'stopped';

export type Child = {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  hasExited(): boolean;
  /** What it wrote since it was spawned, at most the last 8 kB. */
  output(): string;
  signal(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
};

export type ChildCommand = {
  command: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
  logFile: string;
  /** Signals of an orderly stop, each with its patience in ms. */
  stopSteps: [NodeJS.Signals, number][];
};

const LOG_LIMIT = 16 * 2 ** 20;

/** Its own session: Ctrl-C in our terminal reaches us, and we stop it in order. */
export function spawnChild(options: ChildCommand): Promise<Child> {
  if (existsSync(options.logFile) && statSync(options.logFile).size > LOG_LIMIT)
    renameSync(options.logFile, `${options.logFile}.1`);
  const log = openSync(options.logFile, 'a', 0o600);
  const from = fstatSync(log).size;
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  let exit: Exit | undefined;
  return new Promise((resolve, reject) => {
    const exited = new Promise<Exit>((resolveExit) => {
      child.once('exit', (code, signal) => {
        exit = { code, signal };
        resolveExit(exit);
      });
    });
    child.once('error', reject);
    child.once('spawn', () => {
      const pid = child.pid!;
      resolve({
        pid,
        exited,
        hasExited: () => exit !== undefined,
        output: () => readLog(options.logFile, from),
        signal: (signal) => void child.kill(signal),
        stop: async () => {
          await endProcesses([pid], options.stopSteps);
          await exited;
        },
      });
    });
  });
}

export type Supervised = {
  pid(): number | undefined;
  state(): EngineState;
  signal(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
};

/** An engine that answered for so long was well: its death is no sign that the next start fails. */
const WELL_MS = 1_000;
const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 5_000;

/**
 * How long to wait before the next start: not at all behind an engine that was well; behind one that never answered, or died as soon as it did,
 * 0.2 s, doubling to 5 s.
 * @param lastMs what was waited before the start that ended now. @param answeredMs how long it had answered; null: it never did.
 */
export const delayBefore = (lastMs: number, answeredMs: number | null): number =>
  answeredMs !== null && answeredMs >= WELL_MS ? 0 : Math.min(Math.max(lastMs * 2, FIRST_DELAY_MS), LONGEST_DELAY_MS);

type Clock = { now(): number; wait(ms: number, signal: AbortSignal): Promise<void> };
const clockOfTheMachine: Clock = {
  now: () => performance.now(),
  wait: (ms, signal) => sleep(ms, undefined, { signal }),
};

/**
 * Keeps one server running: `start` spawns it and resolves when it answers. When it dies it is started again, at once if it was well, else after
 * `delayBefore`. The first start's failure is the caller's; later ones are logged and tried again.
 */
export async function supervise(
  start: () => Promise<Child>,
  log: Logger,
  onState: (state: EngineState) => void,
  clock: Clock = clockOfTheMachine,
): Promise<Supervised> {
  let state: EngineState = 'starting';
  const stopping = new AbortController();
  const enter = (next: EngineState) => {
    state = next;
    onState(next);
  };
  enter('starting');
  let child: Child | undefined = await start();
  enter('ready');

  const keepRunning = async () => {
    for (let delayMs = 0; ; ) {
      if (child !== undefined) {
        const since = clock.now();
        const exit = await child.exited;
        const pid = child.pid;
        child = undefined;
        if (stopping.signal.aborted) return;
        enter('down');
        delayMs = delayBefore(delayMs, clock.now() - since);
        log.error({ pid, ...exit, delayMs }, 'engine died, starting it again');
      }
      try {
        await clock.wait(delayMs, stopping.signal);
      } catch {
        return; // stop() was called: nothing is running.
      }
      try {
        enter('starting');
        child = await start();
        if (stopping.signal.aborted) return void (await child.stop());
        enter('ready');
        log.info({ pid: child.pid }, 'engine runs again');
      } catch (error) {
        if (stopping.signal.aborted) return;
        enter('down');
        delayMs = delayBefore(delayMs, null);
        log.error({ reason: reasonOf(error), retryMs: delayMs }, 'engine did not start');
      }
    }
  };
  const running = keepRunning();

  return {
    pid: () => child?.pid,
    state: () => state,
    signal: (signal) => child?.signal(signal),
    stop: async () => {
      stopping.abort();
      await child?.stop();
      await running;
      if (state !== 'stopped') enter('stopped');
    },
  };
}

/** What was written to the file from this byte on, at most the last 8 kB. */
export function readLog(file: string, from: number): string {
  const fd = openSync(file, 'r');
  try {
    const size = fstatSync(fd).size;
    const start = Math.max(from, size - 8192);
    const bytes = Buffer.alloc(Math.max(0, size - start));
    readSync(fd, bytes, 0, bytes.length, start);
    return bytes.toString('utf8').trim();
  } finally {
    closeSync(fd);
  }
}
