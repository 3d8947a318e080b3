// When the next purchase comes: the distribution of the time to it, which has a part at "never" (dead already, or, under Pareto/NBD, dying first).
import { powerDecay } from '../numerics/power-decay.ts';
import { type ParetoPosterior, type Posterior, probabilityOfPurchase } from './future-purchases.ts';

export interface NextPurchase {
  /** P(a next purchase, ever). */
  pEver: number;
  /** Expected time to it when it comes; null where that is infinite: the rates are so spread that the slowest dominate. */
  expected: number | null;
  /** Smallest t with P(next purchase ≤ t) ≥ level; null when that never happens (level ≥ pEver) or t exceeds 1e300. */
  quantile(level: number): number | null;
}

/** @returns times in the model's unit. Cost: BG/NBD under 1 µs, Pareto/NBD about 30 µs a quantile. */
export function nextPurchase(state: Posterior): NextPurchase {
  return state.leaves === 'any-time' ? beforeDeath(state) : whileAlive(state);
}

/** Under (M)BG/NBD nobody leaves before a purchase: P(≤ t) = P(alive)·(1 − (α/(α + t))^r), inverted by hand. */
function whileAlive({ pAlive, shape, rate }: Posterior): NextPurchase {
  return {
    pEver: pAlive,
    expected: shape > 1 ? rate / (shape - 1) : null,
    quantile: (level) => {
      if (!(level > 0 && level < pAlive)) return null;
      const t = rate * Math.expm1(-Math.log1p(-level / pAlive) / shape);
      return t < 1e300 ? t : null;
    },
  };
}

/** Under Pareto/NBD: density (r/α)(1 + t/α)^−(r+1) (1 + t/β)^−s while alive. */
function beforeDeath(state: ParetoPosterior): NextPurchase {
  const { pAlive, shape, rate, s, beta } = state;
  const pEver = probabilityOfPurchase(state, 1e300);
  const whole = powerDecay(shape + 1, s, rate, beta, 1e300);
  return {
    pEver,
    // ∫ t·f = α·(∫ (1 + t/α)·f − ∫ f)
    expected: shape + s > 1 ? rate * (powerDecay(shape, s, rate, beta, 1e300) / whole - 1) : null,
    quantile: (level) => {
      if (!(level > 0 && level < pEver)) return null;
      let [low, high] = [0, rate];
      while (probabilityOfPurchase(state, high) < level && high < 1e300) [low, high] = [high, high * 4];
      if (!(high < 1e300)) return null;
      let t = (low + high) / 2;
      for (let step = 0; step < 200; step++) {
        const excess = probabilityOfPurchase(state, t) - level;
        if (excess > 0) high = t;
        else low = t;
        const density =
          pAlive * (shape / rate) * Math.exp(-(shape + 1) * Math.log1p(t / rate) - s * Math.log1p(t / beta));
        const newton = t - excess / density;
        const next = newton > low && newton < high ? newton : (low + high) / 2;
        if (Math.abs(next - t) <= 1e-13 * t) return next;
        t = next;
      }
      return t;
    },
  };
}
