// The draws: the generator bit by bit against its definition in big integers, each law against its own distribution function.
import { describe, expect, test } from 'vitest';
import { regularizedBeta } from '#domain/numerics/beta.ts';
import { chiSquareUpper, regularizedGamma } from '#domain/numerics/incomplete-gamma.ts';
import { createRandom, type Random } from '#domain/numerics/random.ts';

/** sfc32 (PractRand), seeded as the file says, and 53 bits of two draws. */
function* reference(seed: number): Generator<number> {
  const MASK = 0xffff_ffffn;
  let [a, b, c, d] = [BigInt(seed) & MASK, 0x9e37_79b9n, 0x243f_6a88n, 1n];
  const next = () => {
    const t = (a + b + d) & MASK;
    d = (d + 1n) & MASK;
    a = b ^ (b >> 9n);
    b = (c + (c << 3n)) & MASK;
    c = (((c << 21n) | (c >> 11n)) + t) & MASK;
    return t;
  };
  for (let i = 0; i < 16; i++) next();
  for (;;) yield Number(((next() >> 5n) << 26n) | (next() >> 6n)) / 2 ** 53;
}

test.each([0, 1, 47, -5, 2 ** 31, 1_000_003 * 2000])('seed %s: the same sequence on every machine', (seed) => {
  const random = createRandom(seed);
  const wanted = reference(seed);
  for (let i = 0; i < 2000; i++) expect(random.uniform()).toBe(wanted.next().value);
});

/** χ² of 40,000 draws in 40 bins of equal probability. */
function fitP(draw: () => number, cdf: (x: number) => number): number {
  const bins = new Float64Array(40);
  for (let i = 0; i < 40_000; i++) bins[Math.min(39, Math.floor(40 * cdf(draw())))]!++;
  return chiSquareUpper(
    bins.reduce((sum, seen) => sum + (seen - 1000) ** 2 / 1000, 0),
    39,
  );
}
const normalCdf = (z: number) => {
  const tail = 0.5 * chiSquareUpper(z * z, 1);
  return z < 0 ? tail : 1 - tail;
};

describe('laws', () => {
  test.each<[string, (random: Random) => number, (x: number) => number]>([
    ['uniform', (random) => random.uniform(), (x) => x],
    ['normal', (random) => random.normal(), normalCdf],
    ['exponential of rate 0.2', (random) => random.exponential(0.2), (x) => -Math.expm1(-0.2 * x)],
    ['gamma(0.3, 2)', (random) => random.gamma(0.3, 2), (x) => regularizedGamma(0.3, 2 * x).lower],
    ['gamma(1, 5)', (random) => random.gamma(1, 5), (x) => regularizedGamma(1, 5 * x).lower],
    ['gamma(40, 0.1)', (random) => random.gamma(40, 0.1), (x) => regularizedGamma(40, 0.1 * x).lower],
    ['beta(0.8, 2.4)', (random) => random.beta(0.8, 2.4), (x) => regularizedBeta(0.8, 2.4, x)],
    ['below 40', (random) => random.below(40), (x) => (x + 0.5) / 40],
  ])('%s', (_, draw, cdf) => {
    const random = createRandom(8);
    expect(fitP(() => draw(random), cdf)).toBeGreaterThan(0.001);
  });

  test('normals come in pairs that know nothing of each other', () => {
    const random = createRandom(3);
    let [product, squares] = [0, 0];
    const n = 20_000;
    for (let i = 0; i < n; i++) {
      const [x, y] = [random.normal(), random.normal()];
      product += x * y;
      squares += x * x * y * y;
    }
    expect(Math.abs(product / n)).toBeLessThan(4 / Math.sqrt(n));
    expect(squares / n).toBeCloseTo(1, 1);
  });

  test('uniform draws stay below 1, and whole numbers below their end', () => {
    const random = createRandom(5);
    const seen = new Set<number>();
    for (let i = 0; i < 500; i++) {
      expect(random.uniform()).toBeLessThan(1);
      seen.add(random.below(3));
    }
    expect([...seen].sort()).toEqual([0, 1, 2]);
  });
});

describe('counts', () => {
  /** χ² of counts against expected ones, tails pooled below 5. */
  function countsP(draws: number[], probability: (k: number) => number): number {
    const n = draws.length;
    const most = Math.max(...draws);
    const seen = new Float64Array(most + 1);
    for (const k of draws) seen[k]!++;
    let [statistic, cells, restSeen, restExpected] = [0, 0, n, n];
    for (let k = 0; k <= most; k++) {
      const expected = n * probability(k);
      if (expected < 5) continue;
      statistic += (seen[k]! - expected) ** 2 / expected;
      restSeen -= seen[k]!;
      restExpected -= expected;
      cells++;
    }
    return chiSquareUpper(statistic + (restSeen - restExpected) ** 2 / Math.max(restExpected, 1), cells);
  }
  const lnFactorial = Array.from({ length: 400 }, () => 0);
  for (let k = 2; k < 400; k++) lnFactorial[k] = lnFactorial[k - 1]! + Math.log(k);

  test.each([
    [10, 0.3],
    [26, 0.9],
    [300, 0.02],
    [399, 0.5],
  ])('binomial(%s, %s) has its probabilities', (n, p) => {
    const random = createRandom(n);
    const draws = Array.from({ length: 20_000 }, () => random.binomial(n, p));
    const ln = (k: number) =>
      lnFactorial[n]! - lnFactorial[k]! - lnFactorial[n - k]! + k * Math.log(p) + (n - k) * Math.log(1 - p);
    expect(countsP(draws, (k) => Math.exp(ln(k)))).toBeGreaterThan(0.001);
  });

  test.each([0.2, 24, 26, 150])('poisson(%s) has its probabilities', (mean) => {
    const random = createRandom(Math.round(mean * 10));
    const draws = Array.from({ length: 20_000 }, () => random.poisson(mean));
    expect(countsP(draws, (k) => Math.exp(k * Math.log(mean) - mean - lnFactorial[k]!))).toBeGreaterThan(0.001);
  });

  test('edges: never, always, nobody', () => {
    const random = createRandom(1);
    expect([random.binomial(1000, 0), random.binomial(1000, 1), random.binomial(0, 0.5), random.poisson(0)]).toEqual([
      0, 1000, 0, 0,
    ]);
  });
});
