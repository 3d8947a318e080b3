// Long work steps behind the threads that answer, where the machine is short of cores.
import { getPriority, setPriority } from 'node:os';

const STEPS_BACK = 5;
let stepped = false;

/**
 * Lowers the priority of the calling thread, once, for good: only for threads that do nothing but jobs. On Linux a thread has a nice value of its own
 * (setpriority(2), NPTL); elsewhere it is the process's, which serves, so nothing is done there.
 */
export function stepBack(): void {
  if (stepped || process.platform !== 'linux') return;
  stepped = true;
  setPriority(0, Math.min(19, getPriority(0) + STEPS_BACK));
}
