// Seeded random draws for simulation and demonstration: the same seed gives the same sequence on every machine.
// Generator: sfc32 (Chris Doty-Humphrey, PractRand), 128 bits of state; passes BigCrush, period at least 2^32.

export interface Random {
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number;
  /** Standard normal, by Marsaglia's polar method. */
  normal(): number;
  /** Exponential with the given rate (> 0). */
  exponential(rate: number): number;
  /** Gamma with shape > 0 and rate > 0 (Marsaglia & Tsang 2000; shapes below 1 by the power boost). */
  gamma(shape: number, rate: number): number;
  /** Beta(a, b), a and b > 0. */
  beta(a: number, b: number): number;
  /** Integer in [0, n). */
  below(n: number): number;
  /** Successes of n trials, p in [0, 1]: the range is halved by order statistics (Relles 1972), so the cost grows with log n. */
  binomial(n: number, p: number): number;
  /** Poisson with the given mean ≥ 0, reduced through gamma waiting times (Ahrens & Dieter 1974). */
  poisson(mean: number): number;
}

export function createRandom(seed: number): Random {
  let a = seed | 0;
  let b = 0x9e3779b9 | 0;
  let c = 0x243f6a88 | 0;
  let d = 1;
  const next = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 16; i++) next();

  const uniform = () => ((next() >>> 5) * 67_108_864 + (next() >>> 6)) / 9_007_199_254_740_992;
  let spare = Number.NaN;
  const normal = (): number => {
    if (!Number.isNaN(spare)) {
      const value = spare;
      spare = Number.NaN;
      return value;
    }
    for (;;) {
      const u = 2 * uniform() - 1;
      const v = 2 * uniform() - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) {
        const scale = Math.sqrt((-2 * Math.log(s)) / s);
        spare = v * scale;
        return u * scale;
      }
    }
  };
  const gammaUnit = (shape: number): number => {
    if (shape < 1) return gammaUnit(shape + 1) * (1 - uniform()) ** (1 / shape);
    const e = shape - 1 / 3;
    const f = 1 / Math.sqrt(9 * e);
    for (;;) {
      const x = normal();
      const v = (1 + f * x) ** 3;
      if (v <= 0) continue;
      const u = 1 - uniform();
      if (Math.log(u) < 0.5 * x * x + e - e * v + e * Math.log(v)) return e * v;
    }
  };
  const beta = (p: number, q: number): number => {
    const x = gammaUnit(p);
    return x / (x + gammaUnit(q));
  };
  const binomial = (n: number, p: number): number => {
    let successes = 0;
    let [trials, chance] = [n, p];
    while (trials > 25) {
      // The k-th smallest of the trials' uniforms: those below it succeed if it does.
      const k = Math.floor((trials + 1) / 2);
      const middle = beta(k, trials + 1 - k);
      if (middle <= chance) {
        successes += k;
        trials -= k;
        chance = Math.min(1, (chance - middle) / (1 - middle));
      } else {
        trials = k - 1;
        chance = Math.min(1, chance / middle);
      }
    }
    for (; trials > 0; trials--) if (uniform() < chance) successes++;
    return successes;
  };
  const poisson = (mean: number): number => {
    let events = 0;
    let rest = mean;
    while (rest > 25) {
      // The time of the k-th event: before the end k have come, after it the k − 1 before it are spread evenly.
      const k = Math.floor(0.875 * rest);
      const at = gammaUnit(k);
      if (at > rest) return events + binomial(k - 1, rest / at);
      events += k;
      rest -= at;
    }
    for (let left = Math.exp(-rest), product = uniform(); product > left; product *= uniform()) events++;
    return events;
  };
  return {
    uniform,
    normal,
    exponential: (rate) => -Math.log(1 - uniform()) / rate,
    gamma: (shape, rate) => gammaUnit(shape) / rate,
    beta,
    below: (n) => Math.floor(uniform() * n),
    binomial,
    poisson,
  };
}
