// Who is running: enough of Linux's process table to recognise what an earlier, killed start left behind.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from './engine-error.ts';

/** True for a process that exists and is not a zombie. Without /proc a zombie cannot be told. */
export function isAlive(pid: number): boolean {
  if (!hasProc()) return canSignal(pid);
  const state = procStat(pid)?.state;
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** Does the kernel still know this pid? Also true for a zombie and for another user's process. */
export function canSignal(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/**
 * One process for ever: the boot it runs in and its start time, in clock ticks since that boot, so a reused pid is recognised.
 * Undefined when it is gone, or when this system has no /proc.
 */
export function processIdentity(pid: number): string | undefined {
  const stat = procStat(pid);
  if (stat === undefined) return undefined;
  return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${stat.startTicks}`;
}

/** Is the process that recorded this pid and identity still running? An identity that was unknowable counts as a match. */
export const isSameProcess = (pid: number, identity: string | undefined): boolean =>
  isAlive(pid) && (identity === undefined || processIdentity(pid) === undefined || processIdentity(pid) === identity);

/**
 * The processes at work in this directory whose command line (arguments joined by spaces) fits. The working directory is what tells: it
 * follows a data directory that was renamed, as a path among the arguments would not.
 */
export function processesIn(directory: string, command: RegExp): number[] {
  if (!hasProc()) return [];
  const found: number[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      if (readlinkSync(`/proc/${pid}/cwd`) !== directory || !isAlive(pid)) continue;
      if (command.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '))) found.push(pid);
    } catch (error) {
      // Gone meanwhile, or another user's: neither is ours.
      if (!['ENOENT', 'EACCES', 'EPERM', 'ESRCH'].includes(errorCode(error) ?? '')) throw error;
    }
  }
  return found;
}

/** Sends the signals in turn, each with its patience, until none of the processes is left; true when none is. */
export async function endProcesses(
  pids: number[],
  steps: [signal: NodeJS.Signals, patienceMs: number][],
): Promise<boolean> {
  for (const [signal, patienceMs] of steps) {
    for (const pid of pids) {
      try {
        if (isAlive(pid)) process.kill(pid, signal);
      } catch (error) {
        if (errorCode(error) !== 'ESRCH') throw error;
      }
    }
    for (const end = performance.now() + patienceMs; performance.now() < end; await sleep(10)) {
      if (!pids.some(isAlive)) return true;
    }
  }
  return !pids.some(isAlive);
}

function procStat(pid: number): { state: string; startTicks: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses and may hold spaces; the state follows it, the start time is field 22 (man 5 proc).
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', startTicks: fields[19] ?? '' };
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

const hasProc = (): boolean => process.platform === 'linux';
