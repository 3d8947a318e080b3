// A schedule runs a moment once, and never one that is over.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ScheduleCommand, type ScheduleEvent, schedule } from '#domain/schedule.ts';
import { specification } from '#test/support/decider.ts';

const { given, isIdempotent } = specification(schedule);
const plan = {
  cron: '0 3 * * *',
  zone: 'Europe/Sofia',
  kind: 'score',
  params: { quantiles: false },
  by: 'key-1',
  at: 10,
};
const created: ScheduleEvent = { type: 'schedule.created', data: plan };
const said = (type: 'paused' | 'resumed' | 'removed', at: number): ScheduleEvent =>
  type === 'resumed'
    ? { type: 'schedule.resumed', data: { at, by: 'key-2' } }
    : { type: `schedule.${type}`, data: { at } };
const run = { planned: 30, job: 'a'.repeat(32), refused: null, missed: 0, at: 31 };
const ran: ScheduleEvent = { type: 'schedule.ran', data: run };
const command = (type: 'PauseSchedule' | 'ResumeSchedule' | 'RemoveSchedule', at: number): ScheduleCommand =>
  type === 'ResumeSchedule' ? { type, at, by: 'key-2' } : { type, at };
const due = (planned: number): ScheduleCommand => ({ type: 'RunSchedule', ...run, planned });

test('is made once, paused, resumed, removed; the same again changes nothing', () => {
  given([])
    .when({ type: 'CreateSchedule', ...plan })
    .then([created]);
  given([created])
    .when({ type: 'CreateSchedule', ...plan, cron: '0 4 * * *' })
    .thenRefused('schedule-exists');
  given([]).when(command('PauseSchedule', 20)).thenRefused('schedule-unknown');
  given([created])
    .when(command('PauseSchedule', 20))
    .then([said('paused', 20)]);
  given([created, said('paused', 20)])
    .when(command('PauseSchedule', 21))
    .thenNothing();
  given([created, said('paused', 20)])
    .when(command('ResumeSchedule', 25))
    .then([said('resumed', 25)]);
  given([created]).when(command('ResumeSchedule', 25)).thenNothing();
  given([created])
    .when(command('RemoveSchedule', 25))
    .then([said('removed', 25)]);
  given([created, said('removed', 25)])
    .when(command('RemoveSchedule', 26))
    .thenNothing();
  for (const type of ['PauseSchedule', 'ResumeSchedule'] as const)
    given([created, said('removed', 25)])
      .when(command(type, 26))
      .thenRefused('schedule-not-active');
});

test('a moment runs once; one that is over, was left out by a pause, or lies before the making does not', () => {
  given([created]).when(due(30)).then([ran]);
  for (const planned of [30, 29, 10]) given([created, ran]).when(due(planned)).thenNothing();
  given([created]).when(due(10)).thenNothing();
  given([created, said('paused', 20), said('resumed', 40)])
    .when(due(30))
    .thenNothing();
  given([created, said('paused', 20)])
    .when(due(30))
    .thenRefused('schedule-not-active');
  given([created, said('removed', 20)])
    .when(due(30))
    .thenRefused('schedule-not-active');
});

test('remembers the job that was asked for last, also over a run that was refused', () => {
  const refused: ScheduleEvent = { type: 'schedule.ran', data: { ...run, planned: 60, job: null, refused: 'busy' } };
  const state = [created, ran, refused].reduce(schedule.evolve, schedule.initial);
  expect(state).toMatchObject({ since: 60, lastJob: run.job, last: { refused: 'busy', job: null } });
});

test('what the program paused says why; whoever resumes it lends it their rights', () => {
  const reason = 'the API key it runs for was revoked';
  given([created])
    .when({ type: 'PauseSchedule', at: 20, reason })
    .then([{ type: 'schedule.paused', data: { at: 20, reason } }]);
  const state = (events: ScheduleEvent[]) => events.reduce(schedule.evolve, schedule.initial);
  const paused: ScheduleEvent = { type: 'schedule.paused', data: { at: 20, reason } };
  expect(state([created])).toMatchObject({ onBehalfOf: 'key-1', pausedFor: null });
  expect(state([created, paused])).toMatchObject({ status: 'paused', pausedFor: reason });
  expect(state([created, paused, said('resumed', 25)])).toMatchObject({
    status: 'active',
    pausedFor: null,
    by: 'key-1',
    onBehalfOf: 'key-2',
  });
  // As older programs wrote it.
  expect(state([created, said('paused', 20), { type: 'schedule.resumed', data: { at: 25 } }])).toMatchObject({
    onBehalfOf: 'key-1',
  });
});

test('whatever is said in whatever order: said twice it adds nothing, and no moment runs twice', () => {
  const at = fc.integer({ min: 0, max: 50 });
  const any = fc.oneof(
    at.map((at): ScheduleCommand => ({ type: 'CreateSchedule', ...plan, at })),
    fc
      .record({
        type: fc.constantFrom('PauseSchedule' as const, 'ResumeSchedule' as const, 'RemoveSchedule' as const),
        at,
      })
      .map(({ type, at }) => command(type, at)),
    at.map(due),
  );
  fc.assert(
    fc.property(fc.array(any, { maxLength: 12 }), (commands) => {
      isIdempotent(commands);
      const moments: number[] = [];
      let state = schedule.initial;
      for (const each of commands) {
        const answer = schedule.decide(each, state);
        if (!answer.ok) continue;
        for (const event of answer.value) if (event.type === 'schedule.ran') moments.push(event.data.planned);
        state = answer.value.reduce(schedule.evolve, state);
      }
      expect(new Set(moments).size).toBe(moments.length);
    }),
  );
});
