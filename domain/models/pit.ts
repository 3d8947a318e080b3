// Is a predictive distribution right? The probability integral transform of what came, under what was forecast: uniform when it is.
import { chiSquareTail } from '../numerics/chi-square.ts';
import { RowError } from './fit.ts';
import { type Measured, measured, unmeasured } from './scored-rows.ts';

/** The forecast distribution at what came: P(S < actual) and P(S ≤ actual). They differ where the forecast has an atom, as spend has at 0. */
export interface PitColumns {
  below: Float64Array;
  upTo: Float64Array;
}

function check({ below, upTo }: PitColumns): void {
  if (below.length !== upTo.length)
    throw new RangeError(`columns of ${below.length} and ${upTo.length} rows: they must be of one length`);
  below.forEach((low, i) => {
    if (!(low >= 0 && low <= upTo[i]!))
      throw new RowError(i, 'below', `P(S < actual) = ${low} is not between 0 and P(S ≤ actual) = ${upTo[i]}`);
    if (!(upTo[i]! <= 1)) throw new RowError(i, 'upTo', `P(S ≤ actual) = ${upTo[i]} is above 1`);
  });
}

/**
 * Randomised PIT: below + u · (upTo − below), u uniform; independent and uniform on [0, 1] exactly when every forecast is right, atoms included.
 * Smith (1985); Czado, Gneiting & Held (2009), Biometrics 65, 1254–1261.
 *
 * @param uniform seeded draws in [0, 1), e.g. createRandom(47).uniform.
 * @throws RangeError or RowError for columns that are no such probabilities.
 */
export function randomisedPit(columns: PitColumns, uniform: () => number): Float64Array {
  check(columns);
  const { below, upTo } = columns;
  return below.map((low, i) => low + uniform() * (upTo[i]! - low));
}

/** Share of the PIT in each bin without drawing: each row spreads evenly over [below, upTo] (Czado, Gneiting & Held 2009, eq. 2). */
export function pitHistogram(columns: PitColumns, bins = 10): Measured<number[]> {
  check(columns);
  const { below, upTo } = columns;
  if (below.length === 0) return unmeasured('no rows');
  const shares = new Array<number>(bins).fill(0);
  below.forEach((low, i) => {
    const high = upTo[i]!;
    const first = Math.min(bins - 1, Math.floor(low * bins));
    if (high === low) shares[first]! += 1 / below.length;
    else
      for (let bin = first; bin < bins && bin < high * bins; bin++)
        shares[bin]! += (Math.min(high, (bin + 1) / bins) - Math.max(low, bin / bins)) / (high - low) / below.length;
  });
  return measured(shares);
}

export interface Uniformity {
  counts: number[];
  statistic: number;
  degreesOfFreedom: number;
  p: number;
}

/** χ² test that values in [0, 1] are uniform, in equal bins. @returns null with fewer than five expected a bin, where χ² is not to be trusted. */
export function uniformity(values: Float64Array, bins = 10): Measured<Uniformity> {
  const expected = values.length / bins;
  if (expected < 5) return unmeasured(`${values.length} rows are too few for ${bins} bins: five a bin are needed`);
  const counts = new Array<number>(bins).fill(0);
  for (const value of values) counts[Math.min(bins - 1, Math.floor(value * bins))]! += 1;
  const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  return measured({ counts, statistic, degreesOfFreedom: bins - 1, p: chiSquareTail(statistic, bins - 1) });
}
