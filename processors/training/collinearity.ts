// Columns that say exactly the same: a number that is another one times something plus something, a text that is another one by other words. Which
// of the two a coefficient belongs to is then nobody's knowledge (Belsley, Kuh & Welsch 1980, ch. 3), so a pair is named before anything is fitted.
import { ATTRIBUTE } from '#domain/churn-features.ts';
import type { FeatureTable } from '#domain/models/feature-encoding.ts';

/** 1 − |r| below this is rounding. */
const ROUNDING = 1e-10;
/** Most pairs part ways within so many rows. */
const GLANCE = 500;

/** Pairs (a column, an earlier one that says the same), in the order of the table. */
export function samePairs(table: FeatureTable): [string, string][] {
  const columns = [...table];
  const pairs: [string, string][] = [];
  columns.forEach(([name, cells], j) => {
    const twin = columns.slice(0, j).find(([, others]) => {
      const rows = cells.length;
      return isSame(cells, others, Math.min(rows, GLANCE)) && isSame(cells, others, rows);
    });
    if (twin) pairs.push([name, twin[0]]);
  });
  return pairs;
}

/** The pair that only its owner can resolve: both are attributes of the customer's own data. */
export const ownPair = (pairs: readonly [string, string][]): [string, string] | undefined =>
  pairs.find((pair) => pair.every((name) => name.startsWith(ATTRIBUTE)));

type Cells = readonly string[] | Float64Array;

function isSame(cells: Cells, others: Cells, rows: number): boolean {
  if (cells instanceof Float64Array) return others instanceof Float64Array && isLinear(cells, others, rows);
  return !(others instanceof Float64Array) && isRenamed(cells, others, rows);
}

/** Missing in the same rows, and |r| = 1 over the others; what does not vary within the rows is no evidence against. */
function isLinear(x: Float64Array, y: Float64Array, rows: number): boolean {
  let [n, meanX, meanY, xx, yy, xy] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < rows; i++) {
    const [a, b] = [x[i]!, y[i]!];
    if (Number.isNaN(a) !== Number.isNaN(b)) return false;
    if (Number.isNaN(a)) continue;
    n++;
    const [dx, dy] = [a - meanX, b - meanY];
    meanX += dx / n;
    meanY += dy / n;
    xx += dx * (a - meanX);
    yy += dy * (b - meanY);
    xy += dx * (b - meanY);
  }
  if (xx === 0 || yy === 0) return xx === yy;
  return 1 - Math.abs(xy) / Math.sqrt(xx * yy) < ROUNDING;
}

/** One to one between the texts. */
function isRenamed(x: readonly string[], y: readonly string[], rows: number): boolean {
  const [there, back] = [new Map<string, string>(), new Map<string, string>()];
  for (let i = 0; i < rows; i++) {
    const [a, b] = [x[i]!, y[i]!];
    if ((there.get(a) ?? b) !== b || (back.get(b) ?? a) !== a) return false;
    there.set(a, b);
    back.set(b, a);
  }
  return true;
}
