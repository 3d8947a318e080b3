// Threads of jobs in idle time: when, and that a real thread goes there and comes back.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { idleTime, mayComeBack, type Policy, policyAfter, setPolicy, timeOf } from '#processors/idle-time.ts';

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

test('a thread is moved to idle time, taken back when it starves, tried again where that fails, and forgotten when it ends', async () => {
  const threads = new Int32Array(new SharedArrayBuffer(8));
  threads[1] = 77;
  let time = { ranMs: 0, waitedMs: 0 };
  let step = { ranMs: 100, waitedMs: 0 };
  let ended = false;
  const changes: [number, Policy][] = [];
  using _ = idleTime(threads, {
    timeOf: () => {
      time = { ranMs: time.ranMs + step.ranMs, waitedMs: time.waitedMs + step.waitedMs };
      return ended ? null : time;
    },
    setPolicy: async (tid, policy) => changes.push([tid, policy]) !== 2, // the first way back fails
    mayComeBack: async () => true,
    lookMs: 1,
  });
  await expect.poll(() => changes).toEqual([[77, 'idle']]);
  step = { ranMs: 1, waitedMs: 99 };
  await expect
    .poll(() => changes)
    .toEqual([
      [77, 'idle'],
      [77, 'other'],
      [77, 'other'],
    ]);
  ended = true;
  await expect.poll(() => threads[1]).toBe(0);
});

test('where threads cannot come back none is moved, and none is looked at again', async () => {
  const threads = new Int32Array(new SharedArrayBuffer(4));
  threads[0] = 78;
  const calls: string[] = [];
  using _ = idleTime(threads, {
    timeOf: () => ({ ranMs: 100 * calls.push('time'), waitedMs: 0 }),
    setPolicy: async () => calls.push('policy') > 0,
    mayComeBack: async () => calls.push('asked') < 0,
    lookMs: 1,
  });
  await expect.poll(() => calls).toEqual(['asked']);
  await sleep(30);
  expect(calls).toEqual(['asked']);
});

test('a look that cannot read is left out', async () => {
  const threads = new Int32Array(new SharedArrayBuffer(4));
  threads[0] = 79;
  let looks = 0;
  const changes: Policy[] = [];
  using _ = idleTime(threads, {
    timeOf() {
      if (++looks % 2 === 1) throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
      return { ranMs: 100 * looks, waitedMs: 0 };
    },
    setPolicy: async (_tid, policy) => changes.push(policy) > 0,
    mayComeBack: async () => true,
    lookMs: 1,
  });
  await expect.poll(() => changes).toEqual(['idle']);
});

const able = await mayComeBack();
const why = able ? '' : ' [skipped: needs Linux, chrt and the right to come back]';
test.skipIf(!able)(`a real thread goes there and comes back, and its time is told${why}`, async () => {
  const spin = `
    const { parentPort } = require('node:worker_threads');
    parentPort.postMessage(Number(require('node:fs').readlinkSync('/proc/thread-self').split('/')[2]));
    setInterval(() => { for (let n = 0; n < 1e6; n++); }, 1);`;
  const worker = new Worker(spin, { eval: true });
  try {
    const tid = await new Promise<number>((resolve) => worker.once('message', resolve));
    /** Field 41 of /proc/PID/stat: 0 = SCHED_OTHER, 5 = SCHED_IDLE. */
    const policy = () => Number(readFileSync(`/proc/self/task/${tid}/stat`, 'latin1').split(') ')[1]!.split(' ')[38]);
    expect(policy()).toBe(0);
    expect(await setPolicy(tid, 'idle')).toBe(true);
    expect(policy()).toBe(5);
    expect(await setPolicy(tid, 'other')).toBe(true);
    expect(policy()).toBe(0);
    await expect.poll(() => timeOf(tid)!.ranMs, { timeout: 10_000 }).toBeGreaterThan(0);
    await worker.terminate();
    await expect.poll(() => timeOf(tid)).toBeNull();
    expect(await setPolicy(tid, 'idle')).toBe(false);
  } finally {
    await worker.terminate();
  }
});
