// Loss, gradient and Hessian of a logistic regression on standardised columns, summed block by block so that a block stays in the cache.

const BLOCK = 2048;

/** Columns already centred and scaled; `intercept` is coefficient 0 of every vector here. Sums are divided by the total weight. */
export interface Design {
  columns: readonly Float64Array[];
  label: Float64Array;
  weight: Float64Array;
  total: number;
}

/** η = b₀ + Σ b_j z_j for every row. */
export function logOdds(columns: readonly Float64Array[], n: number, beta: readonly number[]): Float64Array {
  const eta = new Float64Array(n).fill(beta[0]!);
  for (let j = 0; j < columns.length; j++) {
    const column = columns[j]!;
    const b = beta[j + 1]!;
    if (b !== 0) for (let i = 0; i < n; i++) eta[i]! += b * column[i]!;
  }
  return eta;
}

/** Mean of ln(1 + e^η) − y η, without overflow at any η. */
export function meanLoss({ label, weight, total }: Design, eta: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < eta.length; i++) {
    const e = eta[i]!;
    sum += weight[i]! * ((e > 0 ? e : 0) + Math.log1p(Math.exp(-Math.abs(e))) - label[i]! * e);
  }
  return sum / total;
}

/** Gradient g and Hessian H of the mean loss at η, both with the intercept first. O(n k²). */
export function derivatives({ columns, label, weight, total }: Design, eta: Float64Array) {
  const n = eta.length;
  const k = columns.length;
  const gradient = new Array<number>(k + 1).fill(0);
  const hessian = Array.from({ length: k + 1 }, () => new Array<number>(k + 1).fill(0));
  const residual = new Float64Array(BLOCK);
  const curvature = new Float64Array(BLOCK);
  const scaled = new Float64Array(BLOCK);
  for (let from = 0; from < n; from += BLOCK) {
    const size = Math.min(BLOCK, n - from);
    for (let i = 0; i < size; i++) {
      const p = 1 / (1 + Math.exp(-eta[from + i]!));
      const w = weight[from + i]!;
      residual[i] = w * (p - label[from + i]!);
      curvature[i] = w * p * (1 - p);
      gradient[0]! += residual[i]!;
      hessian[0]![0]! += curvature[i]!;
    }
    for (let a = 0; a < k; a++) {
      const first = columns[a]!;
      let [g, h] = [0, 0];
      for (let i = 0; i < size; i++) {
        const z = first[from + i]!;
        g += residual[i]! * z;
        scaled[i] = curvature[i]! * z;
        h += scaled[i]!;
      }
      gradient[a + 1]! += g;
      hessian[a + 1]![0]! += h;
      for (let b = 0; b <= a; b++) hessian[a + 1]![b + 1]! += dot(scaled, columns[b]!, from, size);
    }
  }
  for (let a = 0; a <= k; a++) {
    gradient[a]! /= total;
    for (let b = 0; b <= a; b++) hessian[b]![a] = hessian[a]![b]! /= total;
  }
  return { gradient, hessian };
}

/** Four sums side by side keep the processor busy. */
function dot(block: Float64Array, column: Float64Array, from: number, size: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < size; i += 4) {
    s0 += block[i]! * column[from + i]!;
    s1 += block[i + 1]! * column[from + i + 1]!;
    s2 += block[i + 2]! * column[from + i + 2]!;
    s3 += block[i + 3]! * column[from + i + 3]!;
  }
  for (; i < size; i++) s0 += block[i]! * column[from + i]!;
  return s0 + s1 + (s2 + s3);
}
