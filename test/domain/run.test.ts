import fc from 'fast-check';
import { describe, test } from 'vitest';
import { type RunCommand, type RunEvent, run } from '#domain/run.ts';
import { specification } from '../support/decider.ts';

const { given, isIdempotent } = specification(run);

const input = { source: 'shop', digest: 'd'.repeat(64), backfill: true, amend: false };
const started = (attempt = 1): RunEvent => ({ type: 'run.started', data: { ...input, attempt } });
const counts = { rows: 100, events: 90, quarantinedRows: 3 };
const finished: RunEvent = { type: 'run.finished', data: counts };
const failed: RunEvent = { type: 'run.failed', data: { reason: 'disk-full' } };

describe('import run', () => {
  test('is started, and finished with its counts', () => {
    given([]).when({ type: 'StartRun', run: input }).then([started()]);
    given([started()]).when({ type: 'FinishRun', counts }).then([finished]);
  });
  test('a run whose process died goes on; a failed one gets another attempt', () => {
    given([started()]).when({ type: 'StartRun', run: input }).thenNothing();
    given([started(), failed])
      .when({ type: 'StartRun', run: input })
      .then([started(2)]);
  });
  test('a finished run stays as it was', () => {
    given([started(), finished]).when({ type: 'StartRun', run: input }).thenNothing();
    given([started(), finished]).when({ type: 'FinishRun', counts }).thenNothing();
    given([started(), finished])
      .when({ type: 'FinishRun', counts: { ...counts, rows: 101 } })
      .thenRefused('run-finished');
    given([started(), finished]).when({ type: 'FailRun', reason: 'disk-full' }).thenRefused('run-finished');
  });
  test('one run is one input', () => {
    given([started()])
      .when({ type: 'StartRun', run: { ...input, digest: 'e'.repeat(64) } })
      .thenRefused('other-input');
  });
  test('what was not started cannot end, and what failed cannot finish', () => {
    given([]).when({ type: 'FinishRun', counts }).thenRefused('run-unknown');
    given([]).when({ type: 'FailRun', reason: 'disk-full' }).thenRefused('run-unknown');
    given([started(), failed]).when({ type: 'FinishRun', counts }).thenRefused('run-failed');
    given([started(), failed]).when({ type: 'FailRun', reason: 'disk-full' }).thenNothing();
    given([started()]).when({ type: 'FailRun', reason: 'disk-full' }).then([failed]);
  });

  test('decide, apply, decide again: nothing new', () => {
    const command: fc.Arbitrary<RunCommand> = fc.oneof(
      fc
        .constantFrom('d', 'e')
        .map((digit) => ({ type: 'StartRun' as const, run: { ...input, digest: digit.repeat(64) } })),
      fc.integer({ min: 0, max: 2 }).map((rows) => ({ type: 'FinishRun' as const, counts: { ...counts, rows } })),
      fc.constantFrom('broken-off', 'disk-full').map((reason) => ({ type: 'FailRun' as const, reason })),
    );
    fc.assert(fc.property(fc.array(command), (commands) => void isIdempotent(commands)));
  });
});
