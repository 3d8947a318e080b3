// The future of a Pareto/NBD customer who is alive: purchase rate ~ Gamma(r, α), death rate ~ Gamma(s, β). Schmittlein, Morrison &
// Colombo (1987); Fader & Hardie, notes 009 and 012 (brucehardie.com), with the hypergeometric functions left as the integrals they are.

import { powerDecay } from '../numerics/power-decay.ts';
import { gaussLegendre10 } from '../numerics/quadrature.ts';
import { negativeBinomial } from './negative-binomial.ts';

export interface AliveParameters {
  /** r and α. */
  shape: number;
  rate: number;
  s: number;
  beta: number;
}

/** E[purchases in t] = rβ/α · (1 − e^(−(s−1)·L))/(s − 1) with L = ln(1 + t/β); L itself at s = 1. */
export function expectedWhileAlive({ shape, rate, s, beta }: AliveParameters, t: number): number {
  const grown = Math.log1p(t / beta);
  const span = s === 1 ? grown : -Math.expm1(-(s - 1) * grown) / (s - 1);
  return (shape / rate) * beta * span;
}

/** P(a purchase within t, before death) = (r/α) ∫₀ᵗ (1 + τ/α)^−(r+1) (1 + τ/β)^−s dτ. */
export const boughtWithin = ({ shape, rate, s, beta }: AliveParameters, t: number): number =>
  Math.min(1, (shape / rate) * powerDecay(shape + 1, s, rate, beta, t));

/**
 * P(no purchase within t): alive and silent, or dead before the first one. Small values keep their digits.
 *
 *   (1 + t/α)^−r (1 + t/β)^−s + (s/β) ∫₀ᵗ (1 + τ/α)^−r (1 + τ/β)^−(s+1) dτ
 */
export function silentFor(state: AliveParameters, t: number): number {
  const { shape, rate, s, beta } = state;
  const silentAndAlive = Math.exp(-shape * Math.log1p(t / rate) - s * Math.log1p(t / beta));
  return Math.min(1, silentAndAlive + (s / beta) * powerDecay(shape, s + 1, rate, beta, t));
}

/**
 * P(N = n), n = 0 … out.length − 1, purchases within t while alive: the negative binomial up to death, averaged over when that is (note 012).
 *
 *   (1 + t/β)^−s · nb(n; t) + ∫₀ᵗ nb(n; τ)·(s/β)(1 + τ/β)^−(s+1) dτ
 *
 * Every term is positive, so nothing cancels. Integrated over y with τ = α·sinh²(y/2√r), in which each nb(n; ·) is about one unit wide
 * (the variance-stabilising scale of the negative binomial). Error about 1e-12 relative, or 1e-15 in the far tail. Cost: some 40 nodes × n for a typical customer.
 */
export function countsWhileAlive({ shape, rate, s, beta }: AliveParameters, t: number, out: Float64Array): void {
  out.fill(0);
  const counts = new Float64Array(out.length);
  const add = (tau: number, weight: number) => {
    negativeBinomial(counts, shape, tau / (rate + tau), rate / (rate + tau));
    for (let n = 0; n < counts.length; n++) out[n]! += weight * counts[n]!;
  };
  const unit = 2 * Math.sqrt(shape);
  const end = unit * Math.asinh(Math.sqrt(t / rate));
  // Nearest singularities of the integrand in y: nb's at ±i·π√r, the density of death's where τ = −β (a large s decays on β/s).
  const nearest = unit * Math.sqrt(beta / (rate * (s + 1)));
  const longest = Math.min(1.6, 2.2 * Math.sqrt(shape));
  for (let from = 0; from < end; ) {
    const to = Math.min(end, from + Math.min(longest, 0.8 * Math.hypot(nearest, from)));
    const half = (to - from) / 2;
    for (let k = 0; k < 10; k++) {
      const i = k >> 1;
      const y = from + half + (k & 1 ? half : -half) * gaussLegendre10.nodes[i]!;
      const sinh = Math.sinh(y / unit);
      const tau = rate * sinh * sinh;
      const width = gaussLegendre10.weights[i]! * half * (2 * rate * sinh * Math.cosh(y / unit)) * (1 / unit);
      add(tau, width * (s / beta) * Math.exp(-(s + 1) * Math.log1p(tau / beta)));
    }
    from = to;
    // Whoever lives on has a chance of less than 1e-18: the rest is nothing.
    if (s * Math.log1p((rate * Math.sinh(from / unit) ** 2) / beta) > 41) return;
  }
  add(t, Math.exp(-s * Math.log1p(t / beta)));
}
