// The order of a column of numbers: radix sort on the bits of the doubles, so a million rows take tens of milliseconds.

const SMALL = 128;
/** Moves a row, by insertion, after which sorting the low halves of the bits as well is cheaper. */
const MOVES = 8;

/**
 * Row numbers in ascending order of their values; equal values keep the order of the rows (stable), −0 equals 0. O(n).
 *
 * Doubles ≥ 0 sort as their bits do, negative ones with all bits flipped. The upper 32 bits tell most values apart: they are sorted by counting
 * (three digits, those that all rows share are skipped), and what little they leave undone is put right by insertion. Where they tell little apart,
 * e.g. 1 + tiny, the lower 32 bits are sorted first.
 * @param values finite numbers or ±Infinity; NaN is outside the domain.
 * @returns a permutation of 0 … n − 1.
 * @example argsort(Float64Array.of(3, -1, 3, 2)) // [1, 3, 0, 2]
 */
export function argsort(values: Float64Array): Uint32Array {
  const n = values.length;
  const rows = new Uint32Array(n);
  for (let i = 0; i < n; i++) rows[i] = i;
  if (n <= SMALL) return rows.sort((i, j) => values[i]! - values[j]! || i - j);
  // + 0 makes −0 a 0.
  const plain = new Float64Array(n);
  for (let i = 0; i < n; i++) plain[i] = values[i]! + 0;
  const bits = new Uint32Array(plain.buffer);
  const high = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    const top = bits[2 * i + 1]!;
    high[i] = top >>> 31 === 1 ? ~top : top | 0x8000_0000;
  }
  const order = byWord(high, rows);
  if (finished(order, plain)) return order;
  const low = new Uint32Array(n);
  for (let i = 0; i < n; i++) low[i] = bits[2 * i + 1]! >>> 31 === 1 ? ~bits[2 * i]! : bits[2 * i]!;
  return byWord(high, byWord(low, rows));
}

/** `rows` in stable order of their words, the least significant digit first. Words travel with their rows: reads stay in sequence. */
function byWord(word: Uint32Array, rows: Uint32Array): Uint32Array {
  const n = rows.length;
  let key = new Uint32Array(n);
  let row = rows.slice();
  const counts = [new Uint32Array(2048), new Uint32Array(2048), new Uint32Array(1024)] as const;
  const [first, second, third] = counts;
  for (let i = 0; i < n; i++) {
    const k = word[row[i]!]!;
    key[i] = k;
    first[k & 2047]!++;
    second[(k >>> 11) & 2047]!++;
    third[k >>> 22]!++;
  }
  let [spareKey, spareRow] = [new Uint32Array(n), new Uint32Array(n)];
  for (let pass = 0; pass < 3; pass++) {
    const next = counts[pass]!;
    const shift = 11 * pass;
    if (next[(key[0]! >>> shift) & (next.length - 1)] === n) continue;
    for (let digit = 0, at = 0; digit < next.length; digit++) {
      const count = next[digit]!;
      next[digit] = at;
      at += count;
    }
    const mask = next.length - 1;
    for (let i = 0; i < n; i++) {
      const k = key[i]!;
      const at = next[(k >>> shift) & mask]!++;
      spareKey[at] = k;
      spareRow[at] = row[i]!;
    }
    [key, spareKey] = [spareKey, key];
    [row, spareRow] = [spareRow, row];
  }
  return row;
}

/** Puts an almost sorted order right by insertion; false, half done, when it was not almost sorted. */
function finished(order: Uint32Array, values: Float64Array): boolean {
  let moves = MOVES * order.length;
  let before = values[order[0]!]!;
  for (let i = 1; i < order.length; i++) {
    const row = order[i]!;
    const value = values[row]!;
    if (value >= before) {
      before = value;
      continue;
    }
    let at = i;
    for (; at > 0 && values[order[at - 1]!]! > value; at--) order[at] = order[at - 1]!;
    order[at] = row;
    moves -= i - at;
    if (moves < 0) return false;
  }
  return true;
}
