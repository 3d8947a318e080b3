// The closed forms against plain simulation of the story the models tell, with a fixed seed: an independent check of every formula at once.
import { expect, test } from 'vitest';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import { expectedFuture, type Posterior, probabilityOfNoPurchase } from '#domain/models/future-purchases.ts';
import * as gammaGamma from '#domain/models/gamma-gamma.ts';
import * as mbgNbd from '#domain/models/mbg-nbd.ts';
import * as paretoNbd from '#domain/models/pareto-nbd.ts';
import { spendDistribution } from '#domain/models/spend-distribution.ts';
import { createRandom, type Random } from '#domain/numerics/random.ts';

const DRAWS = 60_000;
const GG = { p: 4, q: 3.5, v: 12 };

/** One future of a customer: purchases and money in (T, T + t], drawn step by step. */
function live(random: Random, state: Posterior, t: number, x: number, meanSpend: number) {
  let purchases = 0;
  if (random.uniform() < state.pAlive) {
    const lambda = random.gamma(state.shape, state.rate);
    const dropout = state.leaves === 'after-purchase' ? random.beta(state.a, state.b) : 0;
    const life = state.leaves === 'any-time' ? random.exponential(random.gamma(state.s, state.beta)) : t;
    const end = Math.min(t, life);
    for (let at = random.exponential(lambda); at <= end; at += random.exponential(lambda)) {
      purchases += 1;
      if (random.uniform() < dropout) break;
    }
  }
  const nu = random.gamma(GG.p * x + GG.q, GG.v + x * meanSpend);
  let spend = 0;
  for (let k = 0; k < purchases; k++) spend += random.gamma(GG.p, nu);
  return { purchases, spend };
}

const bg = { r: 0.5, alpha: 6, a: 0.8, b: 2.5 };
const pareto = { r: 0.55, alpha: 10.6, s: 0.6, beta: 11.7 };
const mbg = { r: 0.8, alpha: 8.5, a: 1.4, b: 5.2 };

test.each([
  ['a new customer, BG/NBD', bgNbd.posterior(bg, 0, 0, 0), 0, 0],
  ['a one-time buyer, MBG/NBD', mbgNbd.posterior(mbg, 0, 0, 40), 0, 0],
  ['a lapsing repeat buyer, BG/NBD', bgNbd.posterior(bg, 4, 20, 40), 4, 25],
  ['a new customer, Pareto/NBD', paretoNbd.posterior(pareto, 0, 0, 0), 0, 0],
  ['a lapsing repeat buyer, Pareto/NBD', paretoNbd.posterior(pareto, 4, 20, 40), 4, 25],
  ['a heavy buyer, MBG/NBD', mbgNbd.posterior(mbg, 30, 39, 40), 30, 18],
] as const)(
  'mean, P(no purchase) and spend quantiles of %s agree with 60,000 simulated futures',
  (_, state, x, meanSpend) => {
    const random = createRandom(4711);
    const t = 52;
    const spends = new Float64Array(DRAWS);
    let purchases = 0;
    let squares = 0;
    let none = 0;
    for (let i = 0; i < DRAWS; i++) {
      const future = live(random, state, t, x, meanSpend);
      purchases += future.purchases;
      squares += future.purchases ** 2;
      if (future.purchases === 0) none += 1;
      spends[i] = future.spend;
    }
    // Four standard errors; with three checks and four customers one in a thousand seeds would fail, this one does not.
    const mean = purchases / DRAWS;
    const error = Math.sqrt((squares / DRAWS - mean * mean) / DRAWS);
    expect(Math.abs(mean - expectedFuture(state, t)) / error).toBeLessThan(4);
    const pNone = probabilityOfNoPurchase(state, t);
    expect(Math.abs(none / DRAWS - pNone) / Math.sqrt((pNone * (1 - pNone)) / DRAWS)).toBeLessThan(4);
    const distribution = spendDistribution(state, t, GG, x, meanSpend)!;
    for (const level of [0.25, 0.5, 0.75, 0.9, 0.95, 0.99]) {
      const quantile = distribution.quantile(level);
      const below = spends.reduce((count, spend) => count + (spend <= quantile ? 1 : 0), 0) / DRAWS;
      const expected = Math.max(level, distribution.pZero);
      expect(Math.abs(below - expected) / Math.sqrt((expected * (1 - expected)) / DRAWS), `p${level}`).toBeLessThan(4);
    }
    expect(gammaGamma.expectedSpend(GG, x, meanSpend)).toBeGreaterThan(0);
  },
);
