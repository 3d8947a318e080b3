// Moments to stand at: late enough to have learned, early enough to be judged; what cannot be is refused with what can.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type BacktestSpan,
  checkCutoffs,
  chooseCutoffs,
  churnLearnsFrom,
  valueLearnsFrom,
} from '#domain/models/cutoffs.ts';

const span = (fields: Partial<BacktestSpan>): BacktestSpan => ({
  firstDay: 0,
  today: 545,
  horizonDays: 273,
  latenessDays: 0,
  learnsFrom: valueLearnsFrom,
  ...fields,
});

describe('chosen', () => {
  test('CDNOW: one cut-off for 39 weeks is the end of calibration of Fader, Hardie & Lee (2005), three begin at half a horizon', () => {
    expect(chooseCutoffs(span({}), 1)).toEqual({ ok: true, value: [272] });
    expect(chooseCutoffs(span({}), 3)).toEqual({ ok: true, value: [137, 204, 272] });
  });

  test('any span: ascending, none too early or too late, at most a horizon apart; the longest horizon that is named works', () => {
    const spans = fc.record({
      firstDay: fc.integer({ min: -400, max: 400 }),
      length: fc.integer({ min: 0, max: 2000 }),
      horizonDays: fc.integer({ min: 1, max: 900 }),
      latenessDays: fc.integer({ min: 0, max: 30 }),
      learnsFrom: fc.constantFrom(valueLearnsFrom, churnLearnsFrom),
    });
    fc.assert(
      fc.property(spans, fc.integer({ min: 1, max: 24 }), ({ length, ...rest }, count) => {
        const asked = { ...rest, today: rest.firstDay + length };
        const chosen = chooseCutoffs(asked, count);
        if (chosen.ok) {
          const days = chosen.value;
          expect(days.length).toBeGreaterThanOrEqual(1);
          expect(days.length).toBeLessThanOrEqual(count);
          expect(days.at(-1)).toBe(asked.today - asked.horizonDays - asked.latenessDays);
          expect(days[0]! - asked.firstDay).toBeGreaterThanOrEqual(asked.learnsFrom(asked.horizonDays));
          days.slice(1).forEach((day, i) => {
            expect(day - days[i]!).toBeGreaterThan(0);
            expect(day - days[i]!).toBeLessThanOrEqual(asked.horizonDays);
          });
          expect(checkCutoffs(asked, days)).toMatchObject({ ok: true, value: { days, beyond: 0 } });
          return;
        }
        const longest = /; (\d+) days at most$/.exec(chosen.reason)?.[1];
        if (longest === undefined) expect(chosen.reason).toContain('import a longer history');
        else {
          expect(chooseCutoffs({ ...asked, horizonDays: Number(longest) }, count).ok).toBe(true);
          expect(chooseCutoffs({ ...asked, horizonDays: Number(longest) + 1 }, count).ok).toBe(false);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('named', () => {
  test('each once, ascending; a horizon may end a hundredth of itself after the last event', () => {
    expect(checkCutoffs(span({}), [200, 100, 200])).toEqual({ ok: true, value: { days: [100, 200], beyond: 0 } });
    expect(checkCutoffs(span({ today: 543 }), [272])).toEqual({ ok: true, value: { days: [272], beyond: 2 } });
    expect(checkCutoffs(span({ today: 542 }), [272])).toMatchObject({ ok: false });
  });
  test('late events are waited for, and the refusal says how long', () => {
    const refused = checkCutoffs(span({ latenessDays: 7 }), [272]);
    expect(refused).toEqual({ ok: false, reason: expect.stringContaining('(with 7 more for what comes late)') });
  });
});
