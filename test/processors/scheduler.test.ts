// Schedules over the control stream: each moment once, whoever restarts or stands beside; what was missed is run once and counted.
import { expect, test } from 'vitest';
import { ok, refuse } from '#domain/result.ts';
import { type SchedulerDeps, startScheduler } from '#processors/schedules/scheduler.ts';
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
  };
  const logged: string[] = [];
  const note = (_: object, message: string) => void logged.push(message);
  const ask: SchedulerDeps['ask'] = async (kind, _params, key) => {
    place.asked++;
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
      statusOf: (id) => [...place.jobs.values()].find((job) => job.id === id)?.status ?? null,
      now: () => place.clock,
      log: { info: note, warn: note },
      everyMs: null,
    });
  return { place, start, logged, store };
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
  expect(logged).toContain('schedules stand still');
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
