// Cox's discrete partial likelihood for tied times: at each time, the chance that just these rows of those at risk had the event.
import type { Design } from './cox-design.ts';
import type { PartialLikelihood } from './cox-likelihood.ts';

/** Members at risk times events, summed over the event times: beyond this the exact form takes minutes. */
const MOST_STEPS = 2e7;
/** e^d must stay a double. */
const MOST_TIED = 600;

/** @throws RangeError when the tied groups are too large for the exact form, or rows are weighted. */
export function checkExact({ deaths, blockStart, blockStratum, weight }: Design): void {
  if (weight.some((w) => w !== 1)) throw new RangeError('exact ties do not take weights; use efron');
  let steps = 0;
  let first = 0;
  for (let block = 0; block < deaths.length; block++) {
    if (block > 0 && blockStratum[block] !== blockStratum[block - 1]) first = blockStart[block]!;
    steps += deaths[block]! * (blockStart[block + 1]! - first);
    if (deaths[block]! > MOST_TIED || steps > MOST_STEPS)
      throw new RangeError('too many tied events for exact ties; use efron, which is close to it');
  }
}

/**
 * Σ_t [ Σ_events xᵀβ − ln B_d ], B_d the sum over all sets of d of those at risk of Π exp(xᵀβ); B and its derivatives by the recursion
 * B_k ← B_k + r·B_(k−1) over the members (Gail, Lubin & Rubinstein 1981). Cost O(Σ at risk · d · p²): for small data. No jumps.
 */
export function exactLikelihood(design: Design, beta: readonly number[]): PartialLikelihood {
  const { n, p, x, event, blockStart, blockStratum, deaths, blockTime, entry } = design;
  const risk = new Float64Array(n);
  let value = 0;
  const gradient = new Array<number>(p).fill(0);
  const information = Array.from({ length: p }, () => new Array<number>(p).fill(0));
  for (let i = 0; i < n; i++) {
    let eta = 0;
    for (let j = 0; j < p; j++) eta += beta[j]! * x[i * p + j]!;
    risk[i] = Math.exp(eta);
    if (event[i] === 0) continue;
    value += eta;
    for (let j = 0; j < p; j++) gradient[j]! += x[i * p + j]!;
  }
  let first = 0;
  for (let block = 0; block < deaths.length; block++) {
    if (block > 0 && blockStratum[block] !== blockStratum[block - 1]) first = blockStart[block]!;
    const d = deaths[block]!;
    if (d === 0) continue;
    const members: number[] = [];
    let total = 0;
    for (let i = first; i < blockStart[block + 1]!; i++) {
      if (entry !== undefined && entry[i]! >= blockTime[block]!) continue;
      members.push(i);
      total += risk[i]!;
    }
    // B_d is of degree d in the risks: scaled so that it stays within doubles.
    const scale = d / total;
    const { b, first: slope, second } = subsets(members, d, design, risk, scale);
    value -= Math.log(b) - d * Math.log(scale);
    for (let j = 0, k = 0; j < p; j++) {
      gradient[j]! -= slope[j]! / b;
      for (let m = 0; m <= j; m++, k++) {
        const entryOf = second[k]! / b - (slope[j]! / b) * (slope[m]! / b);
        information[j]![m]! += entryOf;
        if (m < j) information[m]![j]! += entryOf;
      }
    }
  }
  return { value, gradient, information, jumps: new Float64Array(deaths.length) };
}

/** B_d with its gradient and the lower triangle of its second derivatives. */
function subsets(members: number[], d: number, { p, x }: Design, risk: Float64Array, scale: number) {
  const triangle = (p * (p + 1)) / 2;
  const sums = new Float64Array(d + 1);
  const first = new Float64Array((d + 1) * p);
  const second = new Float64Array((d + 1) * triangle);
  sums[0] = 1;
  members.forEach((i, count) => {
    const r = risk[i]! * scale;
    const row = i * p;
    for (let k = Math.min(d, count + 1); k > 0; k--) {
      const below = sums[k - 1]!;
      const from = (k - 1) * p;
      for (let j = 0, at = k * triangle, under = at - triangle; j < p; j++) {
        const xj = x[row + j]!;
        const slope = first[from + j]! + xj * below;
        for (let m = 0; m <= j; m++)
          second[at++]! += r * (second[under++]! + xj * first[from + m]! + slope * x[row + m]!);
      }
      for (let j = 0; j < p; j++) first[k * p + j]! += r * (first[from + j]! + x[row + j]! * below);
      sums[k]! += r * below;
    }
  });
  return { b: sums[d]!, first: first.subarray(d * p), second: second.subarray(d * triangle) };
}
