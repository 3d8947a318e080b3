// What a fit is held against: days that were held out, how regular buying is, whether MBG/NBD tells it better; recomputed here from the days.
import { describe, expect, test } from 'vitest';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import { splitDay } from '#domain/models/holdout.ts';
import { checkFit, type FitEvidence, inUnit } from '#domain/models/misfit.ts';
import { latestIntervals } from '#domain/models/regularity.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { refusedFor } from '#processors/training/deployable.ts';
import { fitPurchases } from '#processors/training/fit-purchases.ts';
import { csvRows, dayOf } from '../../support/histories.ts';
import { simulateBuyers, simulateSubscribers } from '../../support/purchases.ts';
import { describeShared, sharedPath } from '../../support/shared.ts';

const historiesAt = (customers: number[][], day: number) => {
  const known = customers.map((days) => days.filter((d) => d <= day)).filter((days) => days.length > 0);
  const first = (days: number[]) => Math.min(...days);
  return {
    frequency: Float64Array.from(known, (days) => days.length - 1),
    recencyDays: Float64Array.from(known, (days) => Math.max(...days) - first(days)),
    ageDays: Float64Array.from(known, (days) => day - first(days)),
    weight: new Float64Array(known.length).fill(1),
  };
};

function statisticsOf(customers: number[][]) {
  const days = customers.flat();
  const day = days.reduce((last, d) => Math.max(last, d), 0);
  const split = splitDay(
    days.reduce((first, d) => Math.min(first, d), day),
    day,
  );
  const evidence: FitEvidence = {
    day,
    intervals: latestIntervals(customers),
    earlier: split === null ? null : { day: split, histories: historiesAt(customers, split) },
  };
  return { histories: historiesAt(customers, day), evidence };
}

function checked(customers: number[][]) {
  const fitted = fitPurchases('bg-nbd', statisticsOf(customers), 'week');
  if (!fitted.ok) throw new Error(fitted.message);
  return { ...fitted, codes: fitted.diagnostics.map(({ code }) => code) };
}

describe('held-out days', () => {
  test('are predicted from the earlier fit and counted day by day, in weeks as in days', () => {
    const customers = simulateBuyers({ customers: 1_500, seed: 21, shape: 1 });
    const { histories, evidence } = statisticsOf(customers);
    const split = evidence.earlier!.day;
    const known = customers.filter((days) => Math.min(...days) <= split);
    const span = evidence.day - split;
    const actual = known.flat().filter((day) => day > split).length;
    const naive = known.reduce((sum, days) => {
      const x = days.filter((day) => day <= split).length - 1;
      return x === 0 ? sum : sum + (x / (split - Math.min(...days))) * span;
    }, 0);
    const early = inUnit(evidence.earlier!.histories, 'day');
    const fit = bgNbd.fit(early, 'day');
    if (!fit.ok) throw new Error(fit.message);
    const expected = early.T.reduce(
      (sum, T, i) => sum + bgNbd.expectedPurchases(fit.params, early.frequency[i]!, early.recency[i]!, T, span),
      0,
    );
    for (const unit of ['day', 'week'] as const) {
      const whole = bgNbd.fit(inUnit(histories, unit), unit);
      if (!whole.ok) throw new Error(whole.message);
      const { holdout } = checkFit(whole, inUnit(histories, unit), evidence).checks;
      expect(holdout).toMatchObject({ actual, fromDay: split + 1, toDay: evidence.day });
      expect(holdout!.expected).toBeCloseTo(expected, 4);
      expect(holdout!.naive).toBeCloseTo(naive, 6);
      expect(holdout!.error).toBeCloseTo(expected / actual - 1, 6);
    }
  });

  test('say nothing of a short history or of a handful of purchases', () => {
    const short = simulateBuyers({ customers: 500, seed: 3, shape: 1, days: 110 });
    expect(statisticsOf(short).evidence.earlier).toBeNull();
    expect(checked(short).checks.holdout).toBeNull();
    expect(checked(simulateBuyers({ customers: 60, seed: 3, shape: 1 })).checks.holdout).toBeNull();
  });

  test('a business that stops is worse told by the model than it seems in sample, with the naive figure beside', () => {
    const stopped = simulateBuyers({ customers: 3_000, seed: 4, shape: 1 }).map((days) =>
      days.filter((d, i) => i === 0 || d < 430 || d % 7 === 0),
    );
    const { diagnostics } = checked(stopped);
    const found = diagnostics.find(({ code }) => code === 'holdout-error')!;
    expect(found.message).toMatch(/\+\d+\.\d %; each customer's own rate so far says \+\d+\.\d %/);
  });

  test('after a winter break own rates come closer than the model, which takes the break for leaving: that is said', () => {
    const random = createRandom(6);
    const customers = Array.from({ length: 800 }, (_, i) => {
      const left = i % 10 === 0 ? random.uniform() * 400 : 540;
      const bought = new Set<number>();
      for (let at = random.uniform() * 20; at < left; at += random.exponential(0.1)) bought.add(Math.floor(at));
      return [...bought].filter((day) => day < 335 || day > 405);
    }).filter((days) => days.length > 0);
    const { checks, codes } = checked(customers);
    expect(checks.holdout!.error).toBeLessThan(checks.holdout!.naiveError - 0.1);
    expect(codes).toContain('holdout-worse-than-naive');
  });
});

describe('regular buying', () => {
  test('BG/NBD buyers are not flagged and pass the gate', () => {
    const { codes, diagnostics, checks } = checked(simulateBuyers({ customers: 4_000, seed: 9, shape: 1 }));
    expect(codes).toEqual([]);
    expect(refusedFor(diagnostics)).toBeNull();
    expect(checks.regularity!.from).toBeLessThan(1.05);
  });

  test('every second purchase of a Poisson buyer (k = 2) is flagged and passes; k = 20 is a clock and does not', () => {
    const twice = checked(simulateBuyers({ customers: 4_000, seed: 9, shape: 2 }));
    expect(twice.codes).toContain('regular-buying');
    expect(refusedFor(twice.diagnostics)).toBeNull();
    const clock = checked(simulateBuyers({ customers: 4_000, seed: 9, shape: 20 }));
    expect(refusedFor(clock.diagnostics)).toMatchObject({ code: 'clock-like' });
  });

  test('monthly payments are refused as a contract, first of all findings that say what to do', () => {
    const { diagnostics } = checked(simulateSubscribers(600, 1));
    expect(diagnostics.find(({ code }) => code === 'contract-like')!.message).toMatch(
      /^9\d % of the intervals .* one month \(26–33 days; .* at most 10 % there\).*--kind subscription/,
    );
    expect(refusedFor(diagnostics)).toMatchObject({ code: 'contract-like' });
  });

  test('a third on a contract among others is flagged, not refused', () => {
    const others = simulateBuyers({ customers: 1_200, seed: 2, shape: 1 });
    const from = Math.min(...simulateSubscribers(400, 2).flat());
    const mixed = checked([...others, ...simulateSubscribers(400, 2).map((days) => days.map((day) => day - from))]);
    expect(mixed.codes).toContain('calendar-rhythm');
    expect(refusedFor(mixed.diagnostics)).toBeNull();
  });
});

describe('MBG/NBD', () => {
  test('is proposed with the share of one-time buyers where many leave at once, and not where nobody does', () => {
    const early = checked(simulateBuyers({ customers: 4_000, seed: 12, shape: 1, leaveAtBirth: true }));
    const { message } = early.diagnostics.find(({ code }) => code === 'mbg-nbd-fits-better')!;
    expect(message).toMatch(/^\d\d\.\d % of the customers bought once; BG\/NBD says \d\d\.\d %, MBG\/NBD \d\d\.\d %/);
    const [once, , byMbg] = [...message.matchAll(/(\d\d\.\d) %/g)].map(([, figure]) => Number(figure));
    expect(Math.abs(once! - byMbg!)).toBeLessThan(1.5);
    expect(checked(simulateBuyers({ customers: 4_000, seed: 12, shape: 1 })).codes).not.toContain(
      'mbg-nbd-fits-better',
    );
  });
});

describeShared('real shops', ['data/cdnow_master_transactions.csv', 'data/grocery_transactions.csv'], () => {
  const daysOf = (file: string, customer: string) => {
    const customers = new Map<string, Set<number>>();
    for (const row of csvRows(sharedPath('data', file))) {
      const days = customers.get(row[customer]!) ?? new Set();
      customers.set(row[customer]!, days.add(dayOf(row.date!)));
    }
    return [...customers.values()].map((days) => [...days]);
  };

  test('CDNOW buys at random (k < 1), its held-out days are within a tenth, nothing is refused', () => {
    const { checks, diagnostics, codes } = checked(daysOf('cdnow_master_transactions.csv', 'customer_id'));
    expect(checks.regularity!.to).toBeLessThan(1);
    expect(Math.abs(checks.holdout!.error)).toBeLessThan(0.1);
    expect(codes).toEqual(['mbg-nbd-fits-better']);
    expect(refusedFor(diagnostics)).toBeNull();
  });

  test('the grocer of BTYDplus buys regularly, k about 1.8: the held-out days are told a fifth too high, and both are flagged', () => {
    const { checks, diagnostics, codes } = checked(daysOf('grocery_transactions.csv', 'cust'));
    expect(checks.regularity!.shape).toBeCloseTo(1.8, 0);
    expect(checks.holdout!.error).toBeGreaterThan(0.15);
    expect(codes).toEqual(expect.arrayContaining(['holdout-error', 'regular-buying']));
    expect(refusedFor(diagnostics)).toBeNull();
  });
});
