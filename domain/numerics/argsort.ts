// The order of a column of numbers: radix sort on the bits of the doubles, so a million rows take tens of milliseconds.

const SMALL = 4096;

/**
 * Indices that put `values` in ascending order; equal values keep their order. Infinities are fine, NaN is not.
 *
 * Doubles ≥ 0 sort as their bits do; negative ones with all bits flipped. Four passes of 16 bits, fewer where all rows agree (integers).
 */
export function argsort(values: Float64Array): Uint32Array {
  const n = values.length;
  let order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  if (n <= SMALL) return order.sort((i, j) => values[i]! - values[j]! || i - j);
  const copy = new Float64Array(n);
  // + 0 makes −0 a 0.
  for (let i = 0; i < n; i++) copy[i] = values[i]! + 0;
  const halves = new Uint32Array(copy.buffer);
  for (let i = 0; i < n; i++) {
    const high = halves[2 * i + 1]!;
    if (high >>> 31 === 0) halves[2 * i + 1] = high | 0x80000000;
    else {
      halves[2 * i] = ~halves[2 * i]!;
      halves[2 * i + 1] = ~high;
    }
  }
  let spare = new Uint32Array(n);
  for (let pass = 0; pass < 4; pass++) {
    const half = pass >> 1;
    const shift = (pass & 1) * 16;
    const starts = new Uint32Array(65_537);
    for (let i = half; i < 2 * n; i += 2) starts[((halves[i]! >>> shift) & 0xffff) + 1]!++;
    if (starts[((halves[half]! >>> shift) & 0xffff) + 1] === n) continue;
    for (let digit = 0; digit < 65_536; digit++) starts[digit + 1]! += starts[digit]!;
    for (let k = 0; k < n; k++) {
      const i = order[k]!;
      spare[starts[(halves[2 * i + half]! >>> shift) & 0xffff]!++] = i;
    }
    [order, spare] = [spare, order];
  }
  return order;
}
