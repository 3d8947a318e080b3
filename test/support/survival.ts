// Survival files as columns, and the worst relative error of a comparison with golden values.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';
import { sharedPath } from './shared.ts';

export const fixturePath = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));

export type Rows = Record<string, string>[];

export const readRows = (path: string): Rows => parse(readFileSync(path, 'utf8'), { columns: true }) as Rows;
export const sharedRows = (name: string): Rows => readRows(sharedPath('data', name));
export const numbers = (rows: Rows, name: string): Float64Array => Float64Array.from(rows, (row) => Number(row[name]));
export const flags = (rows: Rows, is: (row: Record<string, string>) => boolean): Float64Array =>
  Float64Array.from(rows, (row) => (is(row) ? 1 : 0));

/** Codes 0 … by first appearance in the sorted names, as R's factor(). */
export function codes(rows: Rows, name: string): { group: Uint32Array; names: string[] } {
  const names = [...new Set(rows.map((row) => row[name]!))].sort();
  return { group: Uint32Array.from(rows, (row) => names.indexOf(row[name]!)), names };
}

/** Largest |actual − expected| / max(|expected|, floor); both must be absent at the same places. */
export function worst(
  actual: ArrayLike<number | null | undefined>,
  expected: ArrayLike<number | null>,
  floor = 1e-300,
): number {
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const want = expected[i];
    const have = actual[i];
    if (typeof want !== 'number' || typeof have !== 'number') {
      if ((want ?? null) !== (have ?? null)) return Number.POSITIVE_INFINITY;
    } else if (want !== have) largest = Math.max(largest, Math.abs(have - want) / Math.max(Math.abs(want), floor));
  }
  return Number.isNaN(largest) ? Number.POSITIVE_INFINITY : largest;
}
