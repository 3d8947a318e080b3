// Cells of a table → columns of numbers, by a declared encoding that is learned once, stored with the model, and applied alike ever after.

export type FeatureEncoding =
  /** A blank cell counts as the median of the rows the encoding was learned from; null when that had none. */
  | { column: string; kind: 'numeric'; blank: number | null }
  /** One 0/1 column per level but the first in ASCII order; a blank cell is the level `missing`; a level never seen is all zeros. */
  | { column: string; kind: 'categorical'; levels: string[] };

/** A table of text: the name of each column, and its cells. */
export type TextColumns = ReadonlyMap<string, readonly string[]>;

export const MISSING_LEVEL = 'missing';

const isNumber = (cell: string) => cell.trim() !== '' && Number.isFinite(Number(cell));

/**
 * Learns the encoding of each named column: numeric when every cell that is not blank is a number, else categorical.
 *
 * @param learnFrom rows whose median fills blanks; all rows when absent. Levels are those of all rows, so that a fit knows each.
 */
export function learnEncoding(
  table: TextColumns,
  columns: readonly string[],
  learnFrom: (row: number) => boolean = () => true,
): FeatureEncoding[] {
  return columns.map((column): FeatureEncoding => {
    const cells = table.get(column)!;
    const filled = cells.filter((cell) => cell.trim() !== '');
    if (filled.length > 0 && filled.every(isNumber)) {
      const known = cells.filter((cell, row) => cell.trim() !== '' && learnFrom(row)).map(Number);
      return { column, kind: 'numeric', blank: median(known) };
    }
    const levels = [...new Set(cells.map((cell) => cell.trim() || MISSING_LEVEL))].sort();
    return { column, kind: 'categorical', levels };
  });
}

function median(values: number[]): number | null {
  const sorted = values.sort((a, b) => a - b);
  const half = sorted.length >> 1;
  if (sorted.length === 0) return null;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

export interface EncodedFeatures {
  /** `tenure`, or `contract=monthly` for a level. */
  names: string[];
  features: Float64Array[];
  /** Cells with a level the encoding does not know, by column. */
  unknown: Record<string, number>;
}

/** Applies the encoding. A cell that is no number, or blank without a median, is NaN: `fitLogistic` names it. */
export function encodeFeatures(table: TextColumns, encoding: readonly FeatureEncoding[]): EncodedFeatures {
  const encoded: EncodedFeatures = { names: [], features: [], unknown: {} };
  for (const feature of encoding) {
    const cells = table.get(feature.column)!;
    if (feature.kind === 'numeric') {
      encoded.names.push(feature.column);
      encoded.features.push(
        Float64Array.from(cells, (cell) => (cell.trim() === '' ? (feature.blank ?? Number.NaN) : Number(cell))),
      );
      continue;
    }
    const values = cells.map((cell) => cell.trim() || MISSING_LEVEL);
    const unknown = values.filter((value) => !feature.levels.includes(value)).length;
    if (unknown > 0) encoded.unknown[feature.column] = unknown;
    for (const level of feature.levels.slice(1)) {
      encoded.names.push(`${feature.column}=${level}`);
      encoded.features.push(Float64Array.from(values, (value) => (value === level ? 1 : 0)));
    }
  }
  return encoded;
}
