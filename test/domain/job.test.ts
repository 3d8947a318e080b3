// A job is asked for once however often it is sent, heard from one attempt only, and ends once.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type JobCommand, type JobEvent, job, mayRetryFrom } from '#domain/job.ts';
import { specification } from '#test/support/decider.ts';

const { given, isIdempotent } = specification(job);
const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const params = { cutoffs: 3, horizon_days: 90 };
const requested: JobEvent = { type: 'job.requested', data: { kind: 'backtest', params, by: 'key-1', at: 1 } };
const started = (attempt: number): JobEvent => ({ type: 'job.started', data: { attempt, at: 2 } });
const stepped = (attempt: number, step: string): JobEvent => ({
  type: 'job.step-finished',
  data: { attempt, step, output: A, at: 3 },
});
const succeeded: JobEvent = { type: 'job.succeeded', data: { attempt: 1, result: B, at: 4 } };
const failed: JobEvent = { type: 'job.failed', data: { attempt: 1, reason: 'error', message: 'no', at: 4 } };
const cancelled: JobEvent = { type: 'job.cancelled', data: { at: 4 } };
const request = (wanted: object) =>
  ({ type: 'RequestJob', kind: 'backtest', params, by: 'key-1', at: 9, ...wanted }) as JobCommand;

describe('asking', () => {
  test('the same key with the same body is the same job, whoever asks and in whatever order the fields stand', () => {
    given([]).when({ type: 'RequestJob', kind: 'backtest', params, by: 'key-1', at: 1 }).then([requested]);
    given([requested])
      .when(request({ params: { horizon_days: 90, cutoffs: 3 } }))
      .thenNothing();
    given([requested, started(1), succeeded])
      .when(request({}))
      .thenNothing();
  });
  test('the same key with another body, or for another kind, is refused', () => {
    given([requested])
      .when(request({ params: { ...params, cutoffs: 4 } }))
      .thenRefused('idempotency-key-reused');
    given([requested])
      .when(request({ kind: 'train' }))
      .thenRefused('idempotency-key-reused');
  });
});

describe('doing', () => {
  test('it is taken up, and taken up again where its process died; an earlier attempt is heard no more', () => {
    given([requested])
      .when({ type: 'StartJob', attempt: 1, at: 2 })
      .then([started(1)]);
    given([requested, started(1)])
      .when({ type: 'StartJob', attempt: 2, at: 2 })
      .then([started(2)]);
    given([requested, started(1), started(2)])
      .when({ type: 'SucceedJob', attempt: 1, result: B, at: 4 })
      .thenRefused('other-attempt');
    given([requested]).when({ type: 'StartJob', attempt: 2, at: 2 }).thenRefused('other-attempt');
  });
  test('a process that stops in good order gives its attempt back, once; who has ended or is another has nothing to give', () => {
    const release = (attempt: number): JobCommand => ({ type: 'ReleaseJob', attempt, at: 3 });
    const released: JobEvent = { type: 'job.released', data: { attempt: 1, at: 3 } };
    given([requested, started(1)])
      .when(release(1))
      .then([released]);
    given([requested, started(1), released])
      .when(release(1))
      .thenNothing();
    given([requested, started(1), started(2)])
      .when(release(1))
      .thenRefused('other-attempt');
    given([requested, started(1), succeeded])
      .when(release(1))
      .thenRefused('job-ended');
    given([requested, started(1), released])
      .when({ type: 'StartJob', attempt: 2, at: 2 })
      .then([started(2)]);
    const triesOf = (history: JobEvent[]) => history.reduce(job.evolve, job.initial)!.tries;
    expect(triesOf([requested, started(1), released, started(2)])).toBe(1);
    expect(triesOf([requested, started(1), started(2)])).toBe(2);
  });
  test('steps stay finished through a new attempt', () => {
    given([requested, started(1)])
      .when({ type: 'FinishStep', attempt: 1, step: 'plan', output: A, at: 3 })
      .then([stepped(1, 'plan')]);
    given([requested, started(1), stepped(1, 'plan'), started(2)])
      .when({ type: 'FinishStep', attempt: 2, step: 'plan', output: A, at: 3 })
      .thenNothing();
    const state = [requested, started(1), stepped(1, 'plan'), failed, retried(1)].reduce(job.evolve, job.initial);
    expect(state).toMatchObject({ status: 'queued', steps: [{ step: 'plan', output: A }], tries: 0, failure: null });
  });
  test('each attempt keeps when it ran, each step in which attempt and when it ended; a death leaves no end', () => {
    const state = [requested, started(1), stepped(1, 'plan'), started(2), failed].reduce(job.evolve, job.initial)!;
    const [first, second] = state.attempts;
    expect(first).toMatchObject({ attempt: 1, endedAt: null });
    expect(second).toMatchObject({ attempt: 2, endedAt: state.endedAt });
    expect(state.steps).toEqual([{ step: 'plan', output: A, attempt: 1, at: expect.any(Number) }]);
    const again = [requested, cancelled].reduce(job.evolve, job.initial)!;
    expect([again.attempts, again.endedAt]).toEqual([[], expect.any(Number)]);
  });
  test('what nobody asked for is neither begun nor ended', () => {
    given([]).when({ type: 'StartJob', attempt: 1, at: 2 }).thenRefused('job-unknown');
    given([]).when({ type: 'CancelJob', at: 2 }).thenRefused('job-unknown');
  });
});

const retried = (after: number): JobEvent => ({ type: 'job.retried', data: { after, at: 5, again: [] } });

describe('ending', () => {
  test('it ends once', () => {
    given([requested, started(1)])
      .when({ type: 'SucceedJob', attempt: 1, result: B, at: 4 })
      .then([succeeded]);
    given([requested, started(1)])
      .when({ type: 'FailJob', attempt: 1, reason: 'error', message: 'no', at: 4 })
      .then([failed]);
    given([requested, started(1), cancelled])
      .when({ type: 'SucceedJob', attempt: 1, result: B, at: 4 })
      .thenRefused('job-ended');
    given([requested, started(1), succeeded])
      .when({ type: 'CancelJob', at: 4 })
      .thenRefused('job-ended');
  });
  test('cancelled before or while it runs', () => {
    given([requested]).when({ type: 'CancelJob', at: 4 }).then([cancelled]);
    given([requested, started(1)])
      .when({ type: 'CancelJob', at: 4 })
      .then([cancelled]);
    given([requested, started(1), cancelled])
      .when({ type: 'CancelJob', at: 7 })
      .thenNothing();
  });
  test('asked for again after a failure or a cancelling, not after success', () => {
    given([requested, started(1), failed])
      .when({ type: 'RetryJob', after: 1, at: 5 })
      .then([retried(1)]);
    given([requested, cancelled])
      .when({ type: 'RetryJob', after: 0, at: 5 })
      .then([retried(0)]);
    given([requested, started(1), failed, retried(1)])
      .when({ type: 'RetryJob', after: 1, at: 6 })
      .thenNothing();
    given([requested, started(1), succeeded])
      .when({ type: 'RetryJob', after: 1, at: 5 })
      .thenRefused('job-ended');
    given([requested, started(1)])
      .when({ type: 'RetryJob', after: 1, at: 5 })
      .thenRefused('job-not-ended');
    given([requested, started(1), failed])
      .when({ type: 'RetryJob', after: 0, at: 5 })
      .thenRefused('other-attempt');
  });
});

describe('asked for again from a step on', () => {
  const STEPS = ['generate_events', 'position', 'build_user_features', 'train_model'];
  const retry = (step: string, steps = STEPS): JobCommand => ({
    type: 'RetryJob',
    after: 1,
    from: { step, steps },
    at: 5,
  });
  const again = (...names: string[]): JobEvent => ({ type: 'job.retried', data: { after: 1, at: 5, again: names } });
  const finished = (...steps: string[]) => [requested, started(1), ...steps.map((step) => stepped(1, step))];
  const stateOf = (history: JobEvent[]) => history.reduce(job.evolve, job.initial)!;

  test('what was finished before it is kept; it and all later ones are done again, by a new attempt', () => {
    const history = [...finished('generate_events', 'position', 'build_user_features', 'train_model'), failed];
    given(history)
      .when(retry('build_user_features'))
      .then([again('build_user_features', 'train_model')]);
    const state = stateOf([...history, again('build_user_features', 'train_model')]);
    expect(state).toMatchObject({ status: 'queued', tries: 0, failure: null, attempt: 1 });
    expect(state.steps.map(({ step }) => step)).toEqual(['generate_events', 'position']);
    // The one that was undone is finished anew, although it was before.
    given([...history, again('build_user_features', 'train_model'), started(2)])
      .when({ type: 'FinishStep', attempt: 2, step: 'build_user_features', output: A, at: 3 })
      .then([stepped(2, 'build_user_features')]);
    given([...history, again('build_user_features', 'train_model')])
      .when(retry('build_user_features'))
      .thenNothing();
  });
  test('the step where it stopped may be named too: what a plain retry does', () => {
    given([...finished('generate_events', 'position'), cancelled])
      .when(retry('build_user_features'))
      .then([again('build_user_features', 'train_model')]);
    const { steps } = stateOf([...finished('generate_events', 'position'), cancelled, again('build_user_features')]);
    expect(steps.map(({ step }) => step)).toEqual(['generate_events', 'position']);
    given([requested, cancelled])
      .when({ type: 'RetryJob', after: 0, from: { step: 'generate_events', steps: STEPS }, at: 5 })
      .then([{ type: 'job.retried', data: { after: 0, at: 5, again: STEPS } }]);
  });
  test('a step that there is none of, that was not reached, or of a kind without fixed steps is refused', () => {
    const history = [...finished('generate_events', 'position'), failed];
    given(history).when(retry('fit_model')).thenRefused('step-unknown');
    given(history).when(retry('train_model')).thenRefused('step-not-reached');
    given(history).when(retry('position', [])).thenRefused('step-unknown');
    expect(mayRetryFrom(stateOf(history), STEPS)).toEqual(['generate_events', 'position', 'build_user_features']);
    expect(mayRetryFrom(stateOf(history), [])).toEqual([]);
    expect(mayRetryFrom(stateOf([...finished(...STEPS), failed]), STEPS)).toEqual(STEPS);
  });
  test('not of one that runs or has succeeded; of one that waits again, also from an earlier step than it was to', () => {
    given(finished('generate_events', 'position')).when(retry('position')).thenRefused('job-not-ended');
    given([...finished(...STEPS), succeeded])
      .when(retry('position'))
      .thenRefused('job-ended');
    expect(mayRetryFrom(stateOf([...finished(...STEPS), succeeded]), STEPS)).toEqual([]);
    given([...finished('generate_events', 'position', 'build_user_features'), failed, retried(1)])
      .when(retry('position'))
      .then([again('position', 'build_user_features', 'train_model')]);
  });
});

test('a retry of the first shape reads as one that keeps all finished steps', () => {
  const { version, data, upcast } = job.events['job.retried']!;
  expect(version).toBe(2);
  expect(data.parse(upcast!({ after: 1, at: 5 }, 1))).toEqual(retried(1).data);
  expect(data.safeParse({ after: 1, at: 5 }).success).toBe(false);
  const history = [requested, started(1), stepped(1, 'position'), failed, retried(1)];
  expect(history.reduce(job.evolve, job.initial)!.steps.map(({ step }) => step)).toEqual(['position']);
});

test('whatever was accepted is nothing new the second time, and an ended job ends in one way', () => {
  const attempt = fc.integer({ min: 1, max: 3 });
  const digest = fc.constantFrom(A, B);
  const at = fc.integer({ min: 0, max: 9 });
  const command: fc.Arbitrary<JobCommand> = fc.oneof(
    fc.record({
      type: fc.constant('RequestJob' as const),
      kind: fc.constantFrom('backtest', 'train'),
      params: fc.constantFrom<Record<string, number>>({}, { n: 1 }),
      by: fc.constant('key-1'),
      at,
    }),
    fc.record({ type: fc.constant('StartJob' as const), attempt, at }),
    fc.record({
      type: fc.constant('FinishStep' as const),
      attempt,
      step: fc.constantFrom('plan', 'fit'),
      output: digest,
      at,
    }),
    fc.record({ type: fc.constant('SucceedJob' as const), attempt, result: digest, at }),
    fc.record({
      type: fc.constant('FailJob' as const),
      attempt,
      reason: fc.constantFrom('refused' as const, 'error' as const),
      message: fc.constant('no'),
      at,
    }),
    fc.record({ type: fc.constant('CancelJob' as const), at }),
    fc.record({ type: fc.constant('RetryJob' as const), after: fc.integer({ min: 0, max: 3 }), at }),
    fc.record({
      type: fc.constant('RetryJob' as const),
      after: fc.integer({ min: 0, max: 3 }),
      from: fc.record({ step: fc.constantFrom('plan', 'fit', 'other'), steps: fc.constant(['plan', 'fit']) }),
      at,
    }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
      const state = isIdempotent(commands);
      if (state === null) return;
      expect(state.result !== null).toBe(state.status === 'succeeded');
      expect(state.failure !== null).toBe(state.status === 'failed');
      expect(state.endedAt === null).toBe(state.status === 'queued' || state.status === 'running');
    }),
    { numRuns: 500 },
  );
});
