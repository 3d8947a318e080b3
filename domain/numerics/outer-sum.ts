// Σ f·x·xᵀ over many rows x: the information of every regression. Four rows go in at once, so a sum is loaded and stored once for four products.

/** Lower triangle of a symmetric matrix, row by row: element (i, j), j ≤ i, at i(i + 1)/2 + j. */
export const packedLength = (p: number): number => (p * (p + 1)) / 2;

/** Adds f·x·xᵀ, x = the p values from `from`. */
export function addOuter(packed: Float64Array, x: Float64Array, from: number, p: number, f: number): void {
  for (let i = 0, k = 0; i < p; i++) {
    const scaled = f * x[from + i]!;
    for (let j = 0; j <= i; j++) packed[k++]! += scaled * x[from + j]!;
  }
}

/** Adds the rows first … end − 1 of the row-major `x`, each with its factor `f[row]`. O(rows·p²). */
export function addOuterRows(
  packed: Float64Array,
  x: Float64Array,
  p: number,
  f: Float64Array,
  first: number,
  end: number,
): void {
  let row = first;
  for (; row + 4 <= end; row += 4) {
    const a = row * p;
    const b = a + p;
    const c = b + p;
    const d = c + p;
    const [fa, fb, fc, fd] = [f[row]!, f[row + 1]!, f[row + 2]!, f[row + 3]!];
    for (let i = 0, k = 0; i < p; i++) {
      const va = fa * x[a + i]!;
      const vb = fb * x[b + i]!;
      const vc = fc * x[c + i]!;
      const vd = fd * x[d + i]!;
      for (let j = 0; j <= i; j++, k++)
        packed[k] = packed[k]! + va * x[a + j]! + vb * x[b + j]! + vc * x[c + j]! + vd * x[d + j]!;
    }
  }
  for (; row < end; row++) addOuter(packed, x, row * p, p, f[row]!);
}

/** The packed triangle as a full symmetric matrix. */
export function unpack(packed: Float64Array, p: number): number[][] {
  const matrix = Array.from({ length: p }, () => new Array<number>(p).fill(0));
  for (let i = 0, k = 0; i < p; i++)
    for (let j = 0; j <= i; j++, k++) {
      matrix[i]![j] = packed[k]!;
      matrix[j]![i] = packed[k]!;
    }
  return matrix;
}
