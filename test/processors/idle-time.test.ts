// A process of jobs in idle time: when, and that a real process goes there and comes back with all its threads.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import {
  idleTime,
  mayComeBack,
  modestly,
  type Policy,
  policyAfter,
  setPolicy,
  type Time,
  threadsOf,
  timesOf,
} from '#processors/idle-time.ts';

test.each<[Policy, number, number, number, Policy, string]>([
  ['other', 400, 50, 60_000, 'idle', 'a core is free: whoever wakes may go first'],
  ['other', 100, 400, 60_000, 'other', 'the machine is busy: waiting for everybody would end it'],
  ['other', 400, 50, 9_999, 'other', 'it starved a moment ago'],
  ['idle', 300, 200, 1_000, 'idle', 'requests take their turn'],
  ['idle', 60, 440, 1_000, 'idle', 'slow, but it goes on'],
  ['idle', 40, 460, 1_000, 'other', 'it starves'],
  ['other', 20, 20, 60_000, 'other', 'nothing to do'],
  ['idle', 0, 0, 60_000, 'idle', 'nothing to do'],
])('%s, %i ms on a core and %i waiting, %i ms after the last change → %s: %s', (was, ranMs, waitedMs, since, will) => {
  expect(policyAfter(was, { ranMs, waitedMs }, since)).toBe(will);
});

test('a process that starves is taken back with all its threads, once; one that has time is left where it is', async () => {
  let time = { ranMs: 0, waitedMs: 0 };
  let step = { ranMs: 100, waitedMs: 0 };
  let looks = 0;
  const changes: [number, Policy][] = [];
  using _ = idleTime(5, {
    timesOf(pid) {
      expect(pid).toBe(5);
      looks++;
      time = { ranMs: time.ranMs + step.ranMs, waitedMs: time.waitedMs + step.waitedMs };
      // The other thread is a new one at every look: what it did before counts then.
      return new Map([
        [77, time],
        [100 + looks, { ranMs: 1, waitedMs: 0 }],
      ]);
    },
    threadsOf: () => [77, 78],
    setPolicy: async (tid, policy) => changes.push([tid, policy]) > 0,
    mayComeBack: async () => true,
    lookMs: 1,
  });
  await expect.poll(() => looks).toBeGreaterThan(5);
  expect(changes).toEqual([]);
  step = { ranMs: 1, waitedMs: 99 };
  await expect.poll(() => changes.length).toBe(2);
  const then = looks;
  await expect.poll(() => looks).toBeGreaterThan(then + 5);
  expect(changes).toEqual([
    [77, 'other'],
    [78, 'other'],
  ]);
});

test('a way back that fails is tried again', async () => {
  let waitedMs = 0;
  let tries = 0;
  using _ = idleTime(5, {
    timesOf() {
      waitedMs += 100;
      return new Map([[77, { ranMs: 0, waitedMs }]]);
    },
    threadsOf: () => [77],
    setPolicy: async () => ++tries > 2,
    mayComeBack: async () => true,
    lookMs: 1,
  });
  await expect.poll(() => tries).toBe(3);
  await sleep(30);
  expect(tries).toBe(3);
});

test('where processes cannot come back none is looked at again, nor one that has ended', async () => {
  const calls: string[] = [];
  const system = {
    timesOf(): Map<number, Time> {
      calls.push('time');
      throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
    },
    threadsOf: () => [],
    setPolicy: async () => calls.push('policy') > 0,
    mayComeBack: async () => calls.push('asked') < 0,
    lookMs: 1,
  };
  using _ = idleTime(5, system);
  await expect.poll(() => calls).toEqual(['asked']);
  await sleep(30);
  expect(calls).toEqual(['asked']);
  using __ = idleTime(5, { ...system, mayComeBack: async () => true });
  await expect.poll(() => calls).toEqual(['asked', 'time']);
  await sleep(30);
  expect(calls).toEqual(['asked', 'time']);
});

test('a look that cannot read is left out', async () => {
  let looks = 0;
  const changes: Policy[] = [];
  using _ = idleTime(5, {
    timesOf() {
      if (++looks % 2 === 1) throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
      return new Map([[77, { ranMs: 0, waitedMs: 100 * looks }]]);
    },
    threadsOf: () => [77],
    setPolicy: async (_tid, policy) => changes.push(policy) > 0,
    mayComeBack: async () => true,
    lookMs: 1,
  });
  await expect.poll(() => changes).toEqual(['other']);
});

const able = await mayComeBack();
const why = able ? '' : ' [skipped: needs Linux, chrt and the right to come back]';
test.skipIf(!able)(
  `a real process begins there with a lower priority, comes back, and its time is told${why}`,
  async () => {
    const [command, ...words] = await modestly();
    const child = spawn(command!, [
      ...words,
      process.execPath,
      '-e',
      'setInterval(() => { for (let n = 0; n < 1e6; n++); }, 1)',
    ]);
    try {
      const pid = child.pid!;
      /** Fields of proc(5) /proc/PID/stat: 19 = nice value, 41 = policy (0 = SCHED_OTHER, 5 = SCHED_IDLE). */
      const field = (tid: number, n: number) =>
        Number(readFileSync(`/proc/${pid}/task/${tid}/stat`, 'latin1').split(') ')[1]!.split(' ')[n - 3]);
      // nice and chrt become node: it has several threads then.
      await expect.poll(() => threadsOf(pid).length, { timeout: 30_000 }).toBeGreaterThan(1);
      await expect
        .poll(() => [...timesOf(pid).values()].some(({ ranMs }) => ranMs > 0), { timeout: 30_000 })
        .toBe(true);
      const ours = Number(readFileSync('/proc/self/stat', 'latin1').split(') ')[1]!.split(' ')[16]);
      expect(threadsOf(pid).map((tid) => [field(tid, 19), field(tid, 41)])).toEqual(
        threadsOf(pid).map(() => [Math.min(19, ours + 5), 5]),
      );
      expect(await setPolicy(pid, 'other')).toBe(true);
      expect(field(pid, 41)).toBe(0);
      child.kill('SIGKILL');
      await expect.poll(() => setPolicy(pid, 'idle')).toBe(false);
    } finally {
      child.kill('SIGKILL');
    }
  },
);
