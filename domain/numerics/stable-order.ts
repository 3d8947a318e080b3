// Order of a column by value: least-significant-digit radix sort on the ordered bits of the doubles, four passes of 16 bits.

/**
 * Row numbers in ascending order of their values; equal values keep the order of the rows (stable), −0 equals 0.
 *
 * O(n), with 256 KiB of counters a pass whatever n is.
 * @param values finite numbers or ±Infinity; NaN is outside the domain (it sorts behind Infinity or before −Infinity by its sign bit).
 * @returns a permutation of 0 … n − 1.
 * @example stableOrder(Float64Array.of(3, -1, 3, 2)) // [1, 3, 0, 2]
 */
export function stableOrder(values: Float64Array): Uint32Array {
  const n = values.length;
  const plain = new Float64Array(n);
  for (let i = 0; i < n; i++) plain[i] = values[i]! + 0;
  const bits = new Uint32Array(plain.buffer);
  const high = new Uint32Array(n);
  const low = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    const top = bits[2 * i + 1]!;
    const negative = top >>> 31 === 1;
    high[i] = negative ? ~top : top | 0x8000_0000;
    low[i] = negative ? ~bits[2 * i]! : bits[2 * i]!;
  }
  let order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  let next = new Uint32Array(n);
  for (const [keys, shift] of [
    [low, 0],
    [low, 16],
    [high, 0],
    [high, 16],
  ] as const) {
    const starts = new Uint32Array(65_537);
    for (let i = 0; i < n; i++) starts[((keys[i]! >>> shift) & 0xffff) + 1]!++;
    for (let digit = 0; digit < 65_536; digit++) starts[digit + 1]! += starts[digit]!;
    for (let i = 0; i < n; i++) {
      const row = order[i]!;
      next[starts[(keys[row]! >>> shift) & 0xffff]!++] = row;
    }
    [order, next] = [next, order];
  }
  return order;
}
