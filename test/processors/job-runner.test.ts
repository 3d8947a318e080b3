// Jobs over the control stream: one at a time, heard once, resumed from the last finished step by whoever starts next.
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ok, refuse } from '#domain/result.ts';
import type { JobRun, JobWork } from '#processors/jobs/kind.ts';
import { startJobs } from '#processors/jobs/runner.ts';
import { StoreUnavailable } from '#streams/event-store.ts';
import { createMemoryStore, type MemoryStore } from '#streams/memory/store.ts';
import { createMemoryArtefacts } from '../support/memory-artefacts.ts';

function createPlace() {
  const memory = createMemoryStore();
  let cut = false;
  const store: MemoryStore = {
    ...memory,
    async append(...asked) {
      if (cut) throw new StoreUnavailable('gone');
      return memory.append(...asked);
    },
  };
  const logged: string[] = [];
  const artefacts = createMemoryArtefacts();
  let clock = 0;
  const note = (_fields: object, message: string) => void logged.push(message);
  const start = (...kinds: JobWork[]) =>
    startJobs({ store, kinds, artefacts, now: () => ++clock, log: { info: note, warn: note } });
  /** What a process that is killed would still say is not heard. */
  const kill = (is: boolean) => {
    cut = is;
  };
  return { store, start, logged, kill };
}
const messages = (store: MemoryStore) => store.lastSequence('CTL');

/** A job that waits to be let go, at each of its steps. */
function gated(steps: readonly string[]) {
  const done: string[] = [];
  let open = 0;
  let wake: () => void = () => undefined;
  const work: JobWork = {
    name: 'gated',
    async run(job) {
      for (const [i, step] of steps.entries()) {
        if (job.steps.has(step)) continue;
        while (i >= open) {
          const woken = new Promise<void>((resolve) => {
            wake = resolve;
          });
          const stopped = new Promise<void>((_, reject) => {
            job.signal.addEventListener('abort', () => reject(job.signal.reason), { once: true });
          });
          await Promise.race([woken, stopped]);
        }
        done.push(step);
        await job.finishStep(step, { step });
      }
      return ok([...job.steps.values()]);
    },
  };
  return {
    work,
    done,
    letThrough(n: number) {
      open = n;
      wake();
    },
  };
}
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await turn();
};
const echo: JobWork = { name: 'echo', run: async (job: JobRun) => ok({ said: job.params.say ?? null }) };
const asked = <T>(answer: { ok: true; value: { job: T } } | { ok: false; reason: string }): T => {
  if (!answer.ok) throw new Error(answer.reason);
  return answer.value.job;
};

describe('asking', () => {
  test('a job is done in the background and its result is kept', async () => {
    await using jobs = await createPlace().start(echo);
    const { id } = asked(await jobs.request('echo', { say: 'a' }, null, 'ann'));
    expect(await jobs.result(id)).toBeNull();
    await jobs.idle();
    expect(jobs.show(id)).toMatchObject({ status: 'succeeded', attempt: 1, by: 'ann' });
    expect(await jobs.result(id)).toEqual({ said: 'a' });
  });

  test('100 requests at once with one key are one job, in the log too; another body is refused', async () => {
    const { store, start } = createPlace();
    await using jobs = await start(echo);
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => jobs.request('echo', { say: 'a' }, 'key-0001', 'ann')),
    );
    const ids = new Set(answers.map((answer) => asked(answer).id));
    expect(ids.size).toBe(1);
    await jobs.idle();
    // Asked, started, succeeded.
    expect(await messages(store)).toBe(3);
    expect(await jobs.request('echo', { say: 'b' }, 'key-0001', 'ann')).toEqual({
      ok: false,
      reason: 'idempotency-key-reused',
    });
    // Somebody else's key is another key.
    expect(asked(await jobs.request('echo', { say: 'b' }, 'key-0001', 'bob')).id).not.toBe([...ids][0]);
    const again = await jobs.request('echo', { say: 'a' }, 'key-0001', 'ann');
    expect(again).toMatchObject({ ok: true, value: { existing: true, job: { status: 'succeeded' } } });
  });

  test('a refusal, an error and an unknown kind end the job with what is wrong', async () => {
    const no: JobWork = { name: 'no', run: async () => refuse('too little data') };
    const bad: JobWork = {
      name: 'bad',
      async run() {
        throw new Error('broken');
      },
    };
    await using jobs = await createPlace().start(no, bad);
    const ids: string[] = [];
    for (const kind of ['no', 'bad', 'other']) ids.push(asked(await jobs.request(kind, {}, null, 'ann')).id);
    await jobs.idle();
    expect(ids.map((id) => jobs.show(id)!.failure)).toEqual([
      { reason: 'refused', message: 'too little data' },
      { reason: 'error', message: 'broken' },
      { reason: 'error', message: expect.stringContaining('no jobs of kind other') },
    ]);
  });
});

describe('a process that ends', () => {
  test('leaves a job that the next one finishes from its last finished step', async () => {
    const { start } = createPlace();
    const gate = gated(['one', 'two', 'three']);
    let id: string;
    {
      await using jobs = await start(gate.work);
      ({ id } = asked(await jobs.request('gated', {}, null, 'ann')));
      gate.letThrough(2);
      await until(() => jobs.lately(id)!.steps.length === 2);
    }
    expect(gate.done).toEqual(['one', 'two']);
    gate.letThrough(3);
    await using jobs = await start(gate.work);
    await jobs.idle();
    expect(gate.done).toEqual(['one', 'two', 'three']);
    expect(jobs.show(id)).toMatchObject({ status: 'succeeded', attempt: 2 });
    expect(await jobs.result(id)).toEqual([{ step: 'one' }, { step: 'two' }, { step: 'three' }]);
  });

  test('what was left is taken up when the next one has its runner: a kind may ask for it, also while another is said to have failed', async () => {
    const { store, start, kill } = createPlace();
    const gate = gated(['one']);
    const ids: string[] = [];
    for (let time = 0; time < 3; time++) {
      kill(false);
      await using jobs = await start(gate.work);
      if (time === 0)
        for (const kind of ['asks', 'gated']) ids.push(asked(await jobs.request(kind, {}, null, 'ann')).id);
      await until(() => jobs.show(ids[1]!)!.attempt === time + 1);
      if (time === 2) expect(await jobs.retry(ids[0]!, 'ann')).toMatchObject({ ok: true });
      kill(true);
    }
    kill(false);
    const { append } = store;
    store.append = async (...told) => {
      if (new TextDecoder().decode(told[1]).includes('interrupted')) await new Promise(setImmediate);
      return append(...told);
    };
    let runner: Awaited<ReturnType<typeof start>> | null = null;
    const asks: JobWork = { name: 'asks', run: async () => ok({ all: runner!.list().length }) };
    await using jobs = await start(gate.work, asks);
    runner = jobs;
    await jobs.idle();
    expect(ids.map((id) => jobs.show(id)!.status)).toEqual(['succeeded', 'failed']);
    expect(await jobs.result(ids[0]!)).toEqual({ all: 2 });
  });

  test('by dying three times: then the job is said to have failed, until somebody asks for it again', async () => {
    const { start, kill } = createPlace();
    const gate = gated(['one']);
    let id = '';
    for (let time = 0; time < 3; time++) {
      kill(false);
      await using jobs = await start(gate.work);
      if (time === 0) id = asked(await jobs.request('gated', {}, null, 'ann')).id;
      await until(() => jobs.show(id)!.attempt === time + 1);
      kill(true);
    }
    kill(false);
    await using jobs = await start(gate.work);
    expect(jobs.show(id)).toMatchObject({ status: 'failed', failure: { reason: 'interrupted' }, attempt: 3 });
    gate.letThrough(1);
    expect(await jobs.retry(id, 'ann')).toMatchObject({ ok: true });
    await jobs.idle();
    expect(jobs.show(id)).toMatchObject({ status: 'succeeded', attempt: 4 });
  });

  test('in good order, however often, is no death: the job goes on after the fifth restart', async () => {
    const { start } = createPlace();
    const gate = gated(['one']);
    let id = '';
    for (let time = 0; time < 5; time++) {
      await using jobs = await start(gate.work);
      if (time === 0) id = asked(await jobs.request('gated', {}, null, 'ann')).id;
      await until(() => jobs.show(id)!.attempt === time + 1);
      expect(jobs.show(id)).toMatchObject({ status: 'running', tries: 1 });
    }
    gate.letThrough(1);
    await using jobs = await start(gate.work);
    await jobs.idle();
    expect(jobs.show(id)).toMatchObject({ status: 'succeeded', attempt: 6 });
  });
});

describe('cancelling', () => {
  test('ends what runs and what waits; the next in line goes on; a retry goes on from the last step', async () => {
    const gatedWork = gated(['one', 'two']);
    await using jobs = await createPlace().start(gatedWork.work, echo);
    const first = asked(await jobs.request('gated', {}, null, 'ann'));
    const second = asked(await jobs.request('echo', {}, null, 'ann'));
    const third = asked(await jobs.request('echo', {}, null, 'ann'));
    gatedWork.letThrough(1);
    await until(() => jobs.lately(first.id)!.steps.length === 1);
    expect(await jobs.cancel(third.id, 'ann')).toMatchObject({ ok: true, value: { status: 'cancelled' } });
    expect(await jobs.cancel(first.id, 'ann')).toMatchObject({ ok: true });
    await jobs.idle();
    expect([first, second, third].map(({ id }) => jobs.show(id)!.status)).toEqual([
      'cancelled',
      'succeeded',
      'cancelled',
    ]);
    expect(await jobs.cancel(second.id, 'ann')).toEqual({ ok: false, reason: 'job-ended' });
    gatedWork.letThrough(2);
    await jobs.retry(first.id, 'ann');
    await jobs.idle();
    expect(gatedWork.done).toEqual(['one', 'two']);
    expect(jobs.show(first.id)).toMatchObject({ status: 'succeeded', attempt: 2 });
  });
});

test('whoever listens hears of every change, and of progress while it runs', async () => {
  const talks: JobWork = {
    name: 'talks',
    async run(job) {
      job.progress(1, 2, 'half');
      job.log('half way');
      return ok(null);
    },
  };
  await using jobs = await createPlace().start(talks);
  const heard: string[] = [];
  const stop = jobs.listen((id) => {
    const { status, progress, lines } = jobs.lately(id)!;
    heard.push(`${status} ${progress?.note ?? '-'} ${lines.length}`);
  });
  const { id } = asked(await jobs.request('talks', {}, null, 'ann'));
  await jobs.idle();
  expect(heard).toEqual(['queued - 0', 'running - 0', 'running half 0', 'running half 1', 'succeeded - 1']);
  expect(jobs.list().map((job) => job.id)).toEqual([id]);
  stop();
});

test('what is shown of a way never falls while one attempt runs, also when a step begins anew', async () => {
  const talks: JobWork = {
    name: 'talks',
    async run(job) {
      for (const [done, total, note] of [
        [91, 100, 'reading'],
        [0, 0, 'resting'],
        [1, 10, 'fitting'],
        [19, 20, 'writing'],
      ] as const)
        job.progress(done, total, note);
      return ok(null);
    },
  };
  await using jobs = await createPlace().start(talks);
  const heard: unknown[] = [];
  const stop = jobs.listen((id) => {
    const { progress } = jobs.lately(id)!;
    if (progress !== null) heard.push([progress.done / progress.total, progress.note]);
  });
  asked(await jobs.request('talks', {}, null, 'ann'));
  await jobs.idle();
  stop();
  expect(heard).toEqual([
    [0.91, 'reading'],
    [0.91, 'resting'],
    [0.91, 'fitting'],
    [0.95, 'writing'],
  ]);
});

test('of jobs that ended a while ago a summary is held; their steps and attempts are read from the log', async () => {
  const { start } = createPlace();
  const work: JobWork = {
    name: 'steps',
    async run(job) {
      await job.finishStep('one', { of: job.id });
      job.log('said');
      return ok(null);
    },
  };
  const held = (jobs: Awaited<ReturnType<typeof start>>, ids: string[]) =>
    ids.map((id) => (jobs.lately(id) === null ? 'summary' : 'whole'));
  const ids: string[] = [];
  let first: unknown;
  {
    await using jobs = await start(work);
    for (let k = 0; k < 52; k++) {
      ids.push(asked(await jobs.request('steps', { k }, null, 'ann')).id);
      await jobs.idle();
      first ??= jobs.lately(ids[0]!);
    }
    expect(held(jobs, ids)).toEqual(ids.map((_, k) => (k < 2 ? 'summary' : 'whole')));
    expect(first).toMatchObject({ steps: [{ step: 'one' }], attempts: [{ attempt: 1 }], lines: [{ text: 'said' }] });
    expect(await jobs.whole(ids[0]!)).toEqual({ ...(first as object), lines: [] });
    expect(jobs.show(ids[0]!)).toMatchObject({ status: 'succeeded', stepsFinished: 1, params: { k: 0 } });
    expect(jobs.list().some((job) => 'steps' in job || 'attempts' in job)).toBe(false);
  }
  await using jobs = await start(work);
  expect(held(jobs, ids)).toEqual(ids.map((_, k) => (k < 2 ? 'summary' : 'whole')));
  expect(await jobs.whole(ids[0]!)).toEqual({ ...(first as object), lines: [] });
  expect(await jobs.whole('0'.repeat(32))).toBeNull();
});
