// The better model can win, and only then: populations that live by one story or the other, told apart by BIC and held-out days.
import { describe, expect, test } from 'vitest';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import * as mbgNbd from '#domain/models/mbg-nbd.ts';
import { type FitEvidence, inUnit } from '#domain/models/misfit.ts';
import * as paretoNbd from '#domain/models/pareto-nbd.ts';
import { latestIntervals } from '#domain/models/regularity.ts';
import { chooseRival } from '#domain/models/rivals.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { fitClv } from '#processors/training/fit-clv.ts';
import { dayOf, fixture, purchasesOf } from '../../support/histories.ts';

/** Days of purchases of customers who joined in the first 200 of 600 days. */
function simulate(leaves: 'after-purchase' | 'any-time', n: number, seed: number): number[][] {
  const random = createRandom(seed);
  return Array.from({ length: n }, () => {
    const born = random.below(200);
    const rate = random.gamma(1.2, 20);
    const dropout = leaves === 'after-purchase' ? random.beta(0.8, 3) : 0;
    const end = leaves === 'any-time' ? born + random.exponential(random.gamma(0.7, 60)) : 600;
    const days = new Set([born]);
    for (let at = born + random.exponential(rate); at < Math.min(end, 599); at += random.exponential(rate)) {
      days.add(Math.ceil(at));
      if (random.uniform() < dropout) break;
    }
    return [...days];
  });
}

const historiesAt = (customers: number[][], day: number) => {
  const known = customers.map((days) => days.filter((d) => d <= day)).filter((days) => days.length > 0);
  return {
    frequency: Float64Array.from(known, (days) => days.length - 1),
    recencyDays: Float64Array.from(known, (days) => Math.max(...days) - days[0]!),
    ageDays: Float64Array.from(known, (days) => day - days[0]!),
    weight: new Float64Array(known.length).fill(1),
  };
};

function dataOf(customers: number[][], end: number) {
  const histories = historiesAt(customers, end);
  const split = Math.floor(end * 0.75);
  const evidence: FitEvidence = {
    day: end,
    intervals: latestIntervals(customers),
    earlier: { day: split, histories: historiesAt(customers, split) },
  };
  const none = new Float64Array(0);
  return { histories, evidence, spend: { frequency: none, monetaryValue: none, weight: none } };
}

const fitsOf = ({ histories }: ReturnType<typeof dataOf>) => {
  const summary = inUnit(histories, 'week');
  return [bgNbd, mbgNbd, paretoNbd].map((model) => model.fitCompressed(summary));
};

describe('the purchase model that is served', () => {
  test('is Pareto/NBD where customers leave at any time, with the reason, its parameters and their covariance', () => {
    const data = dataOf(simulate('any-time', 6_000, 4), 600);
    const trained = fitClv(data);
    if (!trained.ok) throw new Error(trained.reason);
    const { rivals, model, diagnostics } = trained.value;
    expect(rivals.served).toBe('pareto-nbd');
    expect(rivals.candidates.map(({ model: name }) => name)[0]).toBe('pareto-nbd');
    expect(rivals.reason).toMatch(
      /^Pareto\/NBD is served: the BIC of Pareto\/NBD is lower by \d+ and its error on held-out days/,
    );
    expect(Object.keys(model.paretoNbd ?? {})).toEqual(['r', 'alpha', 's', 'beta']);
    expect(model.covariance?.purchases).toHaveLength(4);
    expect(diagnostics).toContainEqual({ code: 'rival-served', message: rivals.reason });
    // Both conditions of the rule, recomputed from the candidates.
    const [best, ...others] = rivals.candidates;
    const standing = others.find((each) => each.model === 'bg-nbd')!;
    expect(standing.bic - best!.bic).toBeGreaterThan(10);
    expect(Math.abs(best!.holdoutError!)).toBeLessThanOrEqual(Math.abs(standing.holdoutError!) + 0.01);
    const signed = (share: number) => `${share > 0 ? '+' : '−'}${Math.abs(100 * share).toFixed(1)} %`;
    const [theirs, ours] = [signed(best!.holdoutError!), signed(standing.holdoutError!)];
    expect(rivals.reason).toContain(`lower by ${(standing.bic - best!.bic).toFixed(0)} and its`);
    expect(rivals.reason).toContain(`error on held-out days is ${theirs}, that of BG/NBD ${ours}`);
    for (const { logLikelihood, aic, bic } of rivals.candidates) {
      expect(aic).toBeCloseTo(8 - 2 * logLikelihood, 9);
      expect(bic).toBeCloseTo(4 * Math.log(6_000) - 2 * logLikelihood, 9);
    }
  });

  test('is BG/NBD where customers leave after purchases', () => {
    const data = dataOf(simulate('after-purchase', 6_000, 5), 600);
    const choice = chooseRival(fitsOf(data), data.histories, data.evidence)!;
    expect(choice).toMatchObject({ served: 'bg-nbd', reason: expect.stringContaining('no rival has a BIC lower') });
  });

  test('stays BG/NBD without held-out days, however much better the rival fits what was fitted', () => {
    const data = dataOf(simulate('any-time', 6_000, 4), 600);
    const choice = chooseRival(fitsOf(data), data.histories, null)!;
    expect(choice.served).toBe('bg-nbd');
    expect(choice.reason).toMatch(/^BG\/NBD is served: the BIC of Pareto\/NBD is lower by \d+, but .*not measurable/);
  });

  test('is never one at a bound while another is inside: the next best is taken, and that is said', () => {
    const data = dataOf(simulate('any-time', 6_000, 4), 600);
    const [bg, mbg, pareto] = fitsOf(data);
    const atBound = (fit: typeof pareto) =>
      ({ ...fit!, diagnostics: [{ code: 'at-boundary', message: 's stands at the upper bound' }] }) as NonNullable<
        typeof fit
      >;
    const choice = chooseRival([bg!, mbg!, atBound(pareto)], data.histories, data.evidence)!;
    expect(choice.served).not.toBe('pareto-nbd');
    expect(choice.reason).toMatch(/; these data do not determine the parameters of Pareto\/NBD$/);
    expect(choice.candidates).toHaveLength(3);
    // The default itself at a bound: the next in line is the default.
    const other = chooseRival([atBound(bg as never) as never, mbg!, atBound(pareto)], data.histories, data.evidence)!;
    expect(other.served).toBe('mbg-nbd');
    // All of them: as before.
    const all = [bg!, mbg!, pareto!].map((fit) => atBound(fit as never) as never);
    expect(chooseRival(all, data.histories, data.evidence)?.served).toBe('pareto-nbd');
  });

  test('is whoever could be fitted; null when nobody could', () => {
    const data = dataOf(simulate('after-purchase', 400, 6), 600);
    const [bg, mbg, pareto] = fitsOf(data);
    const failed = { ...bg!, ok: false, reason: 'no-convergence', message: 'no' } as never;
    expect(chooseRival([failed, mbg!, pareto!], data.histories, data.evidence)?.served).not.toBe('bg-nbd');
    expect(chooseRival([failed], data.histories, data.evidence)).toBeNull();
  });

  test('every fit names the simplest model beside it: one rate for all, nobody leaves', () => {
    const data = dataOf(simulate('after-purchase', 2_000, 8), 600);
    const summary = inUnit(data.histories, 'week');
    for (const fit of fitsOf(data)) {
      if (!fit.ok) throw new Error(fit.message);
      const x = summary.frequency.reduce((sum, value) => sum + value, 0);
      const exposure = summary.T.reduce((sum, value) => sum + value, 0);
      const rate = x / exposure;
      let logLikelihood = 0;
      summary.T.forEach((T, i) => {
        logLikelihood += summary.frequency[i]! * Math.log(rate) - rate * T;
      });
      expect(fit.naive!.logLikelihood).toBeCloseTo(logLikelihood, 6);
      expect(fit.naive!.bic).toBeGreaterThan(fit.bic);
    }
  });

  test('of the fixture, drawn from BG/NBD, is BG/NBD', () => {
    const byCustomer = new Map<string, number[]>();
    const start = dayOf('2024-01-01');
    for (const { customer, day } of purchasesOf(fixture('clv_transactions.csv'), {
      customer: 'customer_id',
      date: 'date',
    })) {
      const days = byCustomer.get(customer) ?? [];
      if (!days.includes(day - start)) days.push(day - start);
      byCustomer.set(customer, days);
    }
    const customers = [...byCustomer.values()].map((days) => days.sort((a, b) => a - b));
    const data = dataOf(customers, dayOf('2025-06-30') - start);
    expect(chooseRival(fitsOf(data), data.histories, data.evidence)?.served).toBe('bg-nbd');
  });
});
