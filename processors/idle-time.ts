// Threads of jobs in idle time. A nice value divides time but lets a thread finish its slice, a millisecond or more, before whoever wakes: so a request
// beside a job waits. Under SCHED_IDLE (sched(7)) whoever wakes goes first at once, but on a busy machine such a thread hardly runs at all. So a thread
// is put there while that leaves it time to work, and taken back when it starves (ADR 0017).
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';

export type Policy = 'other' | 'idle';
/** Of a thread, over an interval, or since it began. */
export interface Time {
  ranMs: number;
  /** Could have run, had a core been free. */
  waitedMs: number;
}

const LOOK_MS = 500;
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

/** Whether a thread can be taken back: without the right, SCHED_IDLE is for good (sched(7), RLIMIT_NICE). @param limits /proc/PID/limits. */
export function mayTakeBack(uid: number, limits: string, nice: number): boolean {
  const soft = /^Max nice priority\s+(\S+)/m.exec(limits)?.[1];
  return uid === 0 || soft === 'unlimited' || Number(soft) >= 20 - nice;
}

/** Time of a thread of this process since it began (/proc/PID/task/TID/schedstat: ns on a core, ns waiting for one); null: it has ended. */
export function timeOf(tid: number): Time | null {
  try {
    const [ran, waited] = readFileSync(`/proc/self/task/${tid}/schedstat`, 'latin1').split(' ');
    return { ranMs: Number(ran) / 1e6, waitedMs: Number(waited) / 1e6 };
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

/** util-linux or busybox. Answers whether it could be done. */
export const setPolicy = (tid: number, policy: Policy): Promise<boolean> =>
  new Promise((resolve) => execFile('chrt', [`-${policy[0]}`, '-p', '0', String(tid)], (error) => resolve(!error)));

interface Watched {
  policy: Policy;
  /** ms, of the monotonic clock. */
  since: number;
  time: Time;
}

/** Whether it can be done on this system, by this user. @param nice of the threads. */
export const canUseIdleTime = (nice: number): boolean =>
  process.platform === 'linux' && mayTakeBack(process.getuid!(), readFileSync('/proc/self/limits', 'latin1'), nice);

/** Looks after the threads until disposed, or until it is seen that there is no `chrt`. */
export function idleTime(
  threads: Int32Array<SharedArrayBuffer>,
  system = { timeOf, setPolicy, lookMs: LOOK_MS },
): Disposable {
  const timer = setInterval(look, system.lookMs).unref();
  const watched = new Map<number, Watched>();
  function look(): void {
    for (let i = 0; i < threads.length; i++) {
      const tid = Atomics.load(threads, i);
      if (tid === 0) continue;
      const time = system.timeOf(tid);
      if (time === null) {
        watched.delete(tid);
        Atomics.store(threads, i, 0);
      } else void judge(tid, time);
    }
  }
  async function judge(tid: number, time: Time): Promise<void> {
    const now = performance.now();
    const last = watched.get(tid) ?? { policy: 'other', since: now - HOLD_MS, time: { ranMs: 0, waitedMs: 0 } };
    const lately = { ranMs: time.ranMs - last.time.ranMs, waitedMs: time.waitedMs - last.time.waitedMs };
    const policy = policyAfter(last.policy, lately, now - last.since);
    const changed = policy !== last.policy;
    watched.set(tid, { policy, since: changed ? now : last.since, time });
    // A thread that ended meanwhile is no failure; without `chrt` none will ever do.
    if (changed && !(await system.setPolicy(tid, policy)) && system.timeOf(tid) !== null) clearInterval(timer);
  }
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
