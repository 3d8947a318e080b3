// Schedules over the control stream: each moment once, whoever restarts or stands beside; what was missed is run once and counted.
import { expect, test } from 'vitest';
import { z } from 'zod';
import { ok, refuse } from '#domain/result.ts';
import { schedule as decider } from '#domain/schedule.ts';
import { type SchedulerDeps, startScheduler } from '#processors/schedules/scheduler.ts';
import { handle } from '#streams/control.ts';
import { createMemoryStore } from '#streams/memory/store.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 1, 12);

function createPlace() {
  const store = createMemoryStore();
  const place = {
    clock: START,
    /** Jobs by their key. */
    jobs: new Map<string, { id: string; status: string }>(),
    asked: 0,
    refuse: null as string | null,
    /** The process dies before it can say that it asked. */
    dies: false,
    /** By kind: thrown when asked for. */
    throws: new Map<string, Error>(),
    /** By whom it runs for: why they may not ask any more; an Error: nobody can say. */
    lacking: new Map<string, string | Error>(),
  };
  const logged: string[] = [];
  const told: object[] = [];
  const note = (fields: object, message: string) => {
    told.push(fields);
    logged.push(message);
  };
  const ask: SchedulerDeps['ask'] = async (kind, _params, key) => {
    place.asked++;
    const thrown = place.throws.get(kind);
    if (thrown) throw thrown;
    if (place.refuse !== null) return refuse(place.refuse);
    const name = key ?? `${kind} at once ${place.asked}`;
    const job = place.jobs.get(name) ?? { id: `job-${place.jobs.size + 1}`, status: 'succeeded' };
    place.jobs.set(name, job);
    if (place.dies) throw new Error('the process dies here');
    return ok(job);
  };
  const start = () =>
    startScheduler({
      store,
      ask,
      lacks: async ({ onBehalfOf }) => {
        const why = place.lacking.get(onBehalfOf) ?? null;
        if (why instanceof Error) throw why;
        return why;
      },
      statusOf: (id) => [...place.jobs.values()].find((job) => job.id === id)?.status ?? null,
      now: () => place.clock,
      log: { info: note, warn: note },
      everyMs: null,
    });
  return { place, start, logged, told, store };
}
const NIGHTLY = { cron: '0 3 * * *', zone: 'UTC', kind: 'score', params: {} };
async function made(start: () => ReturnType<typeof startScheduler>) {
  const scheduler = await start();
  const answer = await scheduler.create(NIGHTLY, 'key-1');
  if (!answer.ok) throw new Error(answer.reason.message);
  return { scheduler, id: answer.value.id };
}
const three = (day: number) => Date.UTC(2026, 0, day, 3);

test('runs at its moment, once however often it is looked at, and says when it runs next', async () => {
  const { place, start } = createPlace();
  const { scheduler, id } = await made(start);
  expect(scheduler.show(id)!.next).toEqual([2, 3, 4, 5, 6].map(three));
  await scheduler.look();
  place.clock = three(2) - 1;
  await scheduler.look();
  expect(place.asked).toBe(0);
  place.clock = three(2);
  for (let i = 0; i < 3; i++) await scheduler.look();
  expect(place.asked).toBe(1);
  expect(scheduler.show(id)!.last).toMatchObject({ planned: three(2), job: 'job-1', missed: 0, refused: null });
  place.clock += DAY;
  await scheduler.look();
  expect(scheduler.show(id)!.last).toMatchObject({ planned: three(3), job: 'job-2' });
});

test('off for four days and a half: the latest moment is run at the next start, once, and the others are counted', async () => {
  const { place, start } = createPlace();
  const { id } = await made(start);
  place.clock = three(5) + HOUR;
  const later = await start();
  await later.look();
  await later.look();
  expect(place.asked).toBe(1);
  expect(later.show(id)!.last).toMatchObject({ planned: three(5), missed: 3 });
  const again = await start();
  await again.look();
  expect(place.asked).toBe(1);
});

test('dead between asking and saying so: the next start asks with the same key, so it is the same job', async () => {
  const { place, start, logged } = createPlace();
  const { scheduler, id } = await made(start);
  place.clock = three(2) + 5;
  place.dies = true;
  await scheduler.look();
  expect(logged).toContain('a scheduled job cannot be asked for');
  expect(scheduler.show(id)!.last).toBeNull();
  place.dies = false;
  const next = await start();
  await next.look();
  expect([...place.jobs.values()]).toHaveLength(1);
  expect(next.show(id)!.last).toMatchObject({ planned: three(2), job: 'job-1' });
});

test('two instances on one log: one job, one run', async () => {
  const { place, start, store } = createPlace();
  const { scheduler, id } = await made(start);
  const beside = await start();
  place.clock = three(2);
  await Promise.all([scheduler.look(), beside.look()]);
  expect(place.jobs.size).toBe(1);
  let runs = 0;
  for await (const { bytes } of store.read('CTL', { subject: `ctl.main.schedule.${id}` }))
    if (new TextDecoder().decode(bytes).includes('schedule.ran')) runs++;
  expect(runs).toBe(1);
  expect(beside.show(id)!.last).toEqual(scheduler.show(id)!.last);
});

test('while the job of the run before is not over the next one is left out; what these data cannot answer is kept as words', async () => {
  const { place, start } = createPlace();
  const { scheduler, id } = await made(start);
  place.clock = three(2);
  await scheduler.look();
  const [job] = [...place.jobs.values()];
  job!.status = 'running';
  for (const day of [3, 4]) {
    place.clock = three(day);
    await scheduler.look();
    expect(scheduler.show(id)!.last).toMatchObject({
      planned: three(day),
      job: null,
      refused: expect.stringMatching(/job-1.*not over/),
    });
  }
  job!.status = 'failed';
  place.refuse = 'too few customers';
  place.clock = three(5);
  await scheduler.look();
  expect(scheduler.show(id)!.last).toMatchObject({ job: null, refused: 'too few customers' });
});

test('paused it runs nothing and makes up for nothing; removed it is gone, also after a restart', async () => {
  const { place, start } = createPlace();
  const { scheduler, id } = await made(start);
  await scheduler.change(id, 'PauseSchedule', 'key-1');
  expect(scheduler.show(id)).toMatchObject({ status: 'paused', next: [] });
  place.clock = three(4) + HOUR;
  await scheduler.look();
  await scheduler.change(id, 'ResumeSchedule', 'key-1');
  await scheduler.look();
  expect(place.asked).toBe(0);
  place.clock = three(5);
  await scheduler.look();
  expect(scheduler.show(id)!.last).toMatchObject({ planned: three(5), missed: 0 });
  expect(await scheduler.run(id, 'key-1')).toMatchObject({ ok: true });
  await scheduler.change(id, 'RemoveSchedule', 'key-1');
  place.clock = three(9);
  const later = await start();
  await later.look();
  expect([scheduler.list(), later.list(), place.asked]).toEqual([[], [], 2]);
});

test('one that cannot be asked for stops no other, and its id is said once; params nobody takes any more are a refusal', async () => {
  const { place, start, logged, told } = createPlace();
  const { scheduler, id } = await made(start);
  const second = await scheduler.create({ ...NIGHTLY, kind: 'train' }, 'key-1');
  const third = await scheduler.create({ ...NIGHTLY, kind: 'backtest' }, 'key-1');
  if (!second.ok || !third.ok) throw new Error('not planned');
  place.throws.set('score', new Error('artefact 12ab is missing'));
  const old = z.object({ format: z.enum(['csv']) }).safeParse({ format: 'xml' });
  place.throws.set('train', old.error!);
  place.clock = three(2);
  for (let i = 0; i < 3; i++) await scheduler.look();
  expect(scheduler.show(third.value.id)!.last).toMatchObject({ planned: three(2), job: 'job-1' });
  expect(scheduler.show(second.value.id)!.last).toMatchObject({
    planned: three(2),
    job: null,
    refused: expect.stringMatching(/format.*plan it anew/),
  });
  expect(scheduler.show(id)!.last).toBeNull();
  const failed = told.filter((_, i) => logged[i] === 'a scheduled job cannot be asked for');
  expect(failed).toEqual([{ schedule: id, error: 'Error: artefact 12ab is missing' }]);
  expect(await scheduler.run(second.value.id, 'key-1')).toMatchObject({ ok: false });
  place.throws.clear();
  await scheduler.look();
  expect(scheduler.show(id)!.last).toMatchObject({ planned: three(2), job: 'job-2' });
});

test('a plan that this program cannot read is shown without runs, paused and removed; then no start speaks of it', async () => {
  const { place, start, store, logged } = createPlace();
  const id = 'a'.repeat(32);
  const data = { ...NIGHTLY, cron: 'at dawn', by: 'key-1', at: START };
  await handle(store, decider, id, { type: 'CreateSchedule', ...data }, { actor: 'key-1', now: START });
  const scheduler = await start();
  place.clock = three(4);
  await scheduler.look();
  expect([scheduler.show(id)!.next, place.asked]).toEqual([[], 0]);
  expect(await scheduler.change(id, 'PauseSchedule', 'key-1')).toMatchObject({ ok: true, value: { status: 'paused' } });
  for (let i = 0; i < 2; i++)
    expect(await scheduler.change(id, 'RemoveSchedule', 'key-1')).toMatchObject({ ok: true, value: { next: [] } });
  expect(await scheduler.change(id, 'PauseSchedule', 'key-1')).toEqual({ ok: false, reason: 'schedule-not-active' });
  expect([scheduler.list(), scheduler.show(id)]).toEqual([[], null]);
  logged.length = 0;
  const later = await start();
  await later.look();
  expect([later.list(), logged]).toEqual([[], []]);
});

test('whoever made it may not ask any more: it is paused with the reason, and runs again with the rights of who resumes it', async () => {
  const { place, start } = createPlace();
  const { scheduler, id } = await made(start);
  const { value: other } = (await scheduler.create(NIGHTLY, 'key-2')) as { ok: true; value: { id: string } };
  place.lacking.set('key-1', 'the API key it runs for was revoked');
  place.clock = three(2);
  await scheduler.look();
  const paused = { status: 'paused', pausedFor: 'the API key it runs for was revoked', last: null, next: [] };
  expect(scheduler.show(id)).toMatchObject(paused);
  expect((await start()).show(id)).toMatchObject(paused);
  expect(scheduler.show(other.id)).toMatchObject({ status: 'active', last: { planned: three(2) } });
  expect(place.asked).toBe(1);
  await scheduler.change(id, 'ResumeSchedule', 'key-3');
  expect(scheduler.show(id)).toMatchObject({ status: 'active', pausedFor: null, by: 'key-1', onBehalfOf: 'key-3' });
  place.clock = three(3);
  await scheduler.look();
  expect(scheduler.show(id)).toMatchObject({ status: 'active', last: { planned: three(3), refused: null } });
});

test('while nobody can say whether its maker may, it waits; it is neither run nor paused', async () => {
  const { place, start, logged } = createPlace();
  const { scheduler, id } = await made(start);
  place.lacking.set('key-1', new Error('the keyring does not answer'));
  place.clock = three(2);
  for (let i = 0; i < 3; i++) await scheduler.look();
  expect(scheduler.show(id)).toMatchObject({ status: 'active', last: null });
  expect([place.asked, logged.filter((words) => words.includes('cannot be asked for'))]).toEqual([
    0,
    ['a scheduled job cannot be asked for'],
  ]);
  place.lacking.clear();
  await scheduler.look();
  expect(scheduler.show(id)!.last).toMatchObject({ planned: three(2), job: 'job-1' });
});

test('a run reads only what came since the one before, however long the stream is; also beside another instance', async () => {
  const { place, start, store } = createPlace();
  const { scheduler, id } = await made(start);
  let read = 0;
  const { read: whole } = store;
  store.read = async function* (...asked) {
    for await (const message of whole.apply(store, asked)) {
      read++;
      yield message;
    }
  };
  for (let day = 2; day < 30; day++) {
    place.clock = three(day);
    await scheduler.look();
  }
  expect([place.asked, read]).toEqual([28, 0]);
  const beside = await start();
  place.clock = three(30);
  await beside.look();
  read = 0;
  await scheduler.look();
  expect([place.asked, place.jobs.size, read]).toEqual([30, 29, 1]);
  expect(scheduler.show(id)!.last).toEqual(beside.show(id)!.last);
});
