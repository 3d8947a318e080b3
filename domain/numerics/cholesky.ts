// Symmetric positive definite systems of a handful of unknowns: factor, solve, invert. Row arrays, no allocation beyond the result.

/** The lower factor L of A = L·Lᵀ, or undefined when A is not positive definite to working precision. */
export function cholesky(matrix: readonly (readonly number[])[]): number[][] | undefined {
  const n = matrix.length;
  const lower = Array.from({ length: n }, () => new Array<number>(n).fill(0));
  for (let i = 0; i < n; i++) {
    const row = lower[i]!;
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i]![j]!;
      for (let k = 0; k < j; k++) sum -= row[k]! * lower[j]![k]!;
      if (i === j) {
        if (!(sum > 1e-14 * Math.abs(matrix[i]![i]!))) return undefined;
        row[i] = Math.sqrt(sum);
      } else row[j] = sum / lower[j]![j]!;
    }
  }
  return lower;
}

/** x with L·Lᵀ·x = rhs. */
export function choleskySolve(lower: readonly (readonly number[])[], rhs: readonly number[]): number[] {
  const n = lower.length;
  const x = rhs.slice();
  for (let i = 0; i < n; i++) {
    let sum = x[i]!;
    for (let k = 0; k < i; k++) sum -= lower[i]![k]! * x[k]!;
    x[i] = sum / lower[i]![i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = x[i]!;
    for (let k = i + 1; k < n; k++) sum -= lower[k]![i]! * x[k]!;
    x[i] = sum / lower[i]![i]!;
  }
  return x;
}

/** (L·Lᵀ)⁻¹, symmetric to the last bit. */
export function choleskyInverse(lower: readonly (readonly number[])[]): number[][] {
  const n = lower.length;
  const columns = Array.from({ length: n }, (_, j) =>
    choleskySolve(
      lower,
      Array.from({ length: n }, (_, i) => (i === j ? 1 : 0)),
    ),
  );
  return Array.from({ length: n }, (_, i) =>
    Array.from({ length: n }, (_, j) => (columns[i]![j]! + columns[j]![i]!) / 2),
  );
}
