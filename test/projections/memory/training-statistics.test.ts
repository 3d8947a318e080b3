// What the fold hands to a fit beyond histories, against the same computed from the entries themselves.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { splitDay } from '#domain/models/holdout.ts';
import { latestIntervals } from '#domain/models/regularity.ts';
import { createLedger } from '#projections/memory/ledger.ts';
import { summarize } from '#projections/memory/summary.ts';
import { trainingStatistics } from '#projections/memory/training-statistics.ts';
import { apply, createWriter, hex, order, refund } from './scenario.ts';

const one = fc.record({
  who: fc.constantFrom('a', 'b', 'c', 'd', 'anonymous'),
  day: fc.integer({ min: 0, max: 30 }),
  kind: fc.constantFrom('order', 'order', 'order', 'order', 'refund'),
});

test('intervals are those of the purchase days known by the day asked about, in any order of arrival', () => {
  fc.assert(
    fc.property(fc.array(one, { maxLength: 60 }), fc.integer({ min: 0, max: 31 }), (list, day) => {
      const events = list.map((e, i) => ({
        ...(e.kind === 'order' ? order(e.who, `${i}`, e.day, 100) : refund(e.who, `${i}`, e.day, 100)),
        anonymous: e.who === 'anonymous',
      }));
      const ledger = apply(createLedger({ maxCustomers: 1 << 10 }), [createWriter().pack(events)]);
      const { intervals } = trainingStatistics(ledger, day).evidence;
      const reversed = apply(createLedger({ maxCustomers: 1 << 10 }), [createWriter().pack(events.toReversed())]);
      expect(trainingStatistics(reversed, day).evidence.intervals).toEqual(intervals);

      const days = [...new Set(events.map((e) => hex(e.sid)))]
        .map((sid) => ledger.entries(Buffer.from(sid, 'hex'))!)
        .filter(({ anonymous }) => !anonymous)
        .map(({ orders }) => new Set(orders.map((o) => o.day).filter((d) => d <= day)));
      const each = (pairs: typeof intervals) =>
        [...pairs.weight]
          .flatMap((w, i) => Array.from({ length: w }, () => `${pairs.earlier[i]}, ${pairs.later[i]}`))
          .sort();
      expect(each(intervals)).toEqual(each(latestIntervals(days)));
    }),
  );
});

test('the earlier day is three quarters into a history of 120 days and more, with the histories of that day', () => {
  const events = Array.from({ length: 60 }, (_, i) => order(`c${i % 7}`, `${i}`, 10 + 4 * i, 100));
  const ledger = apply(createLedger({ maxCustomers: 1 << 10 }), [createWriter().pack(events)]);
  const { evidence, day, firstDay, histories } = trainingStatistics(ledger);
  expect([firstDay, day, evidence.day]).toEqual([10, 246, 246]);
  expect(evidence.earlier!.day).toBe(10 + 177);
  expect(evidence.earlier!.histories).toEqual(summarize(ledger, 187).histories);
  expect(histories).toEqual(summarize(ledger, 246).histories);
  expect(trainingStatistics(ledger, 129).evidence.earlier).toBeNull();
  expect([splitDay(0, 119), splitDay(0, 120), splitDay(null, 500)]).toEqual([null, 90, null]);
});
