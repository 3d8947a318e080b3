// Threads of jobs in idle time. A nice value divides time but lets a thread finish its slice, a millisecond or more, before whoever wakes: so a request
// beside a job waits. Under SCHED_IDLE (sched(7)) whoever wakes goes first at once, but on a busy machine such a thread hardly runs at all. So a thread
// is put there while that leaves it time to work, and taken back when it starves (ADR 0017).
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { STEPS_BACK } from './modest.ts';

export type Policy = 'other' | 'idle';
/** Of a thread, over an interval, or since it began. */
export interface Time {
  ranMs: number;
  /** Could have run, had a core been free. */
  waitedMs: number;
}

const LOOK_MS = 250;
/** Less work than this says nothing. */
const LEAST_MS = 50;
/** A thread that waits for less than this share of its time would hardly lose by waiting for everybody. */
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

/** Of a thread of this process since it began (/proc/PID/task/TID/schedstat: ns on a core, ns waiting for one); null: it has ended. */
export function timeOf(tid: number): Time | null {
  try {
    const [ran, waited] = readFileSync(`/proc/self/task/${tid}/schedstat`, 'latin1').split(' ');
    return { ranMs: Number(ran) / 1e6, waitedMs: Number(waited) / 1e6 };
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

const succeeds = (command: string, ...words: string[]): Promise<boolean> =>
  new Promise((resolve) => execFile(command, words, (error) => resolve(!error)));

/** util-linux or busybox. Answers whether it could be done. */
export const setPolicy = (tid: number, policy: Policy): Promise<boolean> =>
  succeeds('chrt', `-${policy[0]}`, '-p', '0', String(tid));

/**
 * Whether a thread may go there and come back, by a process that does: without the right (CAP_SYS_NICE, or RLIMIT_NICE ≥ 20 − its nice value) SCHED_IDLE
 * is for good, and being root is not the right in a container.
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

interface Watched {
  policy: Policy;
  /** ms, of the monotonic clock. */
  since: number;
  time: Time;
  changing: boolean;
}

/** Looks after the threads until disposed; ends by itself where the system does not let them come back. */
export function idleTime(
  threads: Int32Array<SharedArrayBuffer>,
  system = { timeOf, setPolicy, mayComeBack, lookMs: LOOK_MS },
): Disposable {
  const timer = setInterval(look, system.lookMs).unref();
  const watched = new Map<number, Watched>();
  let able = false;
  void system.mayComeBack().then((may) => {
    able = may;
    if (!may) clearInterval(timer);
  });
  function look(): void {
    if (!able) return;
    for (let i = 0; i < threads.length; i++) {
      const tid = Atomics.load(threads, i);
      if (tid !== 0) lookAt(i, tid);
    }
  }
  function lookAt(place: number, tid: number): void {
    let time: Time | null;
    try {
      time = system.timeOf(tid);
    } catch {
      // Too many open files: nothing is known this time, and a thread in idle time is looked at again.
      return;
    }
    if (time !== null) void judge(tid, time);
    else {
      watched.delete(tid);
      Atomics.store(threads, place, 0);
    }
  }
  async function judge(tid: number, time: Time): Promise<void> {
    const now = performance.now();
    const began: Watched = { policy: 'other', since: now - HOLD_MS, time: { ranMs: 0, waitedMs: 0 }, changing: false };
    const thread = watched.get(tid) ?? began;
    watched.set(tid, thread);
    if (thread.changing) return;
    const lately = { ranMs: time.ranMs - thread.time.ranMs, waitedMs: time.waitedMs - thread.time.waitedMs };
    const policy = policyAfter(thread.policy, lately, now - thread.since);
    thread.time = time;
    if (policy === thread.policy) return;
    thread.changing = true;
    // What could not be done is tried again at a later look: the way back at the next, the way there after the hold.
    if (await system.setPolicy(tid, policy)) thread.policy = policy;
    thread.since = performance.now();
    thread.changing = false;
  }
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
