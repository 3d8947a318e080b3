// A process of jobs in idle time. A nice value divides time but lets a thread finish its slice, a millisecond or more, before whoever wakes: so a request
// beside a job waits. Under SCHED_IDLE (sched(7)) whoever wakes goes first at once, but on a busy machine such a process hardly runs at all. So it begins
// there, and is taken back when it starves (ADR 0017).
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export type Policy = 'other' | 'idle';
/** Of a process, over an interval: of all its threads. */
export interface Time {
  ranMs: number;
  /** Could have run, had a core been free. */
  waitedMs: number;
}

const STEPS_BACK = 5;
const LOOK_MS = 250;
/** Less work than this says nothing. */
const LEAST_MS = 50;
/** A process that waits for less than this share of its time would hardly lose by waiting for everybody. */
const FREE = 0.5;
/** One that waits for more than this starves, and is left as it was before for a while. */
const STARVING = 0.9;
const HOLD_MS = 10_000;

/** @param sinceMs since the policy is what it is. */
export function policyAfter(policy: Policy, { ranMs, waitedMs }: Time, sinceMs: number): Policy {
  const wanted = ranMs + waitedMs;
  if (wanted < LEAST_MS) return policy;
  if (policy === 'idle') return waitedMs > STARVING * wanted ? 'other' : 'idle';
  return sinceMs >= HOLD_MS && waitedMs < FREE * wanted ? 'idle' : 'other';
}

/** Threads of a process there is. */
export const threadsOf = (pid: number): number[] => readdirSync(`/proc/${pid}/task`).map(Number);

/** Of a process's threads since they began (/proc/PID/task/TID/schedstat: ns on a core, ns waiting for one), by thread. */
export function timesOf(pid: number): Map<number, Time> {
  const times = new Map<number, Time>();
  for (const tid of threadsOf(pid))
    try {
      const [ran, waited] = readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'latin1').split(' ');
      times.set(tid, { ranMs: Number(ran) / 1e6, waitedMs: Number(waited) / 1e6 });
    } catch (error) {
      if (!hasGone(error)) throw error; // a thread that ended since
    }
  return times;
}
const hasGone = (error: unknown): boolean => ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '');

const succeeds = (command: string, ...words: string[]): Promise<boolean> =>
  new Promise((resolve) => execFile(command, words, (error) => resolve(!error)));

/** Of a thread, by util-linux or busybox; a new one has that of the thread that made it. Answers whether it could be done. */
export const setPolicy = (tid: number, policy: Policy): Promise<boolean> =>
  succeeds('chrt', `-${policy[0]}`, '-p', '0', String(tid));

/**
 * Whether a process may go there and come back, by one that does: without the right (CAP_SYS_NICE, or RLIMIT_NICE ≥ 20 − its nice value) SCHED_IDLE is
 * for good, and being root is not the right in a container.
 */
export function mayComeBack(): Promise<boolean> {
  tried ??=
    process.platform === 'linux'
      ? succeeds('nice', '-n', String(STEPS_BACK), ...THERE_AND_BACK)
      : Promise.resolve(false);
  return tried;
}
const THERE_AND_BACK = ['chrt', '-i', '0', 'chrt', '-o', '0', 'true'];
let tried: Promise<boolean> | null = null;

/** What a command begins with to step behind the others; nothing where the system has no such program. */
export async function modestly(): Promise<string[]> {
  const nice = ['nice', '-n', String(STEPS_BACK)];
  if (await mayComeBack()) return [...nice, 'chrt', '-i', '0'];
  niced ??= succeeds(nice[0]!, ...nice.slice(1), 'true');
  return (await niced) ? nice : [];
}
let niced: Promise<boolean> | null = null;

/** Looks after a process that began `modestly`, until disposed or the process has ended; ends by itself where the system does not let it come back. */
export function idleTime(
  pid: number,
  system = { timesOf, threadsOf, setPolicy, mayComeBack, lookMs: LOOK_MS },
): Disposable {
  let able = false;
  let policy: Policy = 'idle';
  let since = performance.now();
  let times: ReadonlyMap<number, Time> = new Map();
  let changing = false;
  const timer = setInterval(look, system.lookMs).unref();
  void system.mayComeBack().then((may) => {
    able = may;
    if (!may) clearInterval(timer);
  });
  function look(): void {
    if (!able || changing) return;
    let now: Map<number, Time>;
    try {
      now = system.timesOf(pid);
    } catch (error) {
      // Too many open files, say: nothing is known this time.
      if (hasGone(error)) clearInterval(timer);
      return;
    }
    const wanted = policyAfter(policy, between(times, now), performance.now() - since);
    times = now;
    if (wanted !== policy) void change(wanted);
  }
  async function change(wanted: Policy): Promise<void> {
    changing = true;
    try {
      const done = await Promise.all(system.threadsOf(pid).map((tid) => system.setPolicy(tid, wanted)));
      if (done.some(Boolean)) policy = wanted;
      since = performance.now();
    } catch {
      // No thread could be asked for (too many open files, no memory, or it has ended): what was not done is tried again at a later look.
    } finally {
      changing = false;
    }
  }
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function between(before: ReadonlyMap<number, Time>, now: ReadonlyMap<number, Time>): Time {
  const lately = { ranMs: 0, waitedMs: 0 };
  for (const [tid, { ranMs, waitedMs }] of now) {
    const then = before.get(tid);
    lately.ranMs += ranMs - (then?.ranMs ?? 0);
    lately.waitedMs += waitedMs - (then?.waitedMs ?? 0);
  }
  return lately;
}
