// Long work steps behind the threads that answer, where the machine is short of cores.
import { existsSync, readlinkSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { workerData } from 'node:worker_threads';

export const STEPS_BACK = 5;
/** proc(5): of whoever reads it. */
const SELF = '/proc/thread-self';
let stepped = false;

/** What a pool gives its threads: places for the ids of those that do jobs, 0 = free (idle-time.ts looks after them). */
export interface JobThreads {
  jobThreads: Int32Array<SharedArrayBuffer>;
}

/**
 * Lowers the priority of the calling thread, once, for good, and tells the pool which thread it is: only for threads that do nothing but jobs. On Linux
 * a thread has a nice value of its own (setpriority(2), NPTL); elsewhere it is the process's, which serves, so nothing is done there.
 */
export function stepBack(): void {
  if (stepped || process.platform !== 'linux') return;
  stepped = true;
  setPriority(0, Math.min(19, getPriority(0) + STEPS_BACK));
  const places = (workerData as JobThreads | null)?.jobThreads;
  if (!places || !existsSync(SELF)) return;
  // "PID/task/TID".
  const tid = Number(readlinkSync(SELF).split('/')[2]);
  for (let i = 0; i < places.length; i++) if (Atomics.compareExchange(places, i, 0, tid) === 0) return;
}
