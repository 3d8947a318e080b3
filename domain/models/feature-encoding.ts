// Cells of a table → columns of numbers, by a declared encoding that is learned once, stored with the model, and applied alike ever after.
import { z } from 'zod';
import { ok, type Result, refuse } from '../result.ts';

const text = z.string().min(1);
export const featureEncoding = z.discriminatedUnion('kind', [
  z.object({
    column: text,
    kind: z.literal('numeric'),
    /** What a blank cell counts as: the median of the rows the encoding was learned from; null when that had none. */
    blank: z.number().nullable(),
    /** Adds a 0/1 column `column=missing` that says the cell was blank. */
    indicator: z.literal(true).optional(),
  }),
  z.object({
    column: text,
    kind: z.literal('categorical'),
    /** One 0/1 column per level but the first in ASCII order; a blank cell is the level `missing`; a level never seen is all zeros. */
    levels: z.array(text).refine((levels) => new Set(levels).size === levels.length, 'a level stands twice'),
  }),
]);

/** How one column of a table becomes numbers. JSON. */
export type FeatureEncoding = z.infer<typeof featureEncoding>;

/** A table by columns of one length: cells of text, blank where missing; or numbers, NaN where missing. */
export type FeatureTable = ReadonlyMap<string, readonly string[] | Float64Array>;

/** One row by column: null, absent, NaN and blank text are missing. */
export type FeatureRow = Readonly<Record<string, string | number | boolean | null | undefined>>;

export const MISSING_LEVEL = 'missing';

/** A number, or NaN for what is none; '' and spaces are none. */
const toNumber = (cell: string) => (cell.trim() === '' ? Number.NaN : Number(cell));

const isTyped = (cells: readonly string[] | Float64Array): cells is Float64Array => cells instanceof Float64Array;

function column(table: FeatureTable, name: string): readonly string[] | Float64Array {
  const cells = table.get(name);
  if (cells === undefined)
    throw new RangeError(`no column '${name}' among ${[...table.keys()].slice(0, 20).join(', ')}`);
  return cells;
}

export interface EncodingOptions {
  /** Rows whose median fills blanks; all rows when absent. Levels are those of all rows, so that a fit knows each. */
  learnFrom?: (row: number) => boolean;
  /** Also say, in a column of its own, where a number was missing. */
  missingIndicator?: boolean;
}

/** Learns the encoding of each named column: numeric when it is typed or every cell that is not blank is a number, else categorical. */
export function learnEncoding(
  table: FeatureTable,
  columns: readonly string[],
  { learnFrom = () => true, missingIndicator = false }: EncodingOptions = {},
): FeatureEncoding[] {
  return columns.map((name): FeatureEncoding => {
    const cells = column(table, name);
    const typed = isTyped(cells);
    const filled = typed ? [] : cells.filter((cell) => cell.trim() !== '');
    if (typed || (filled.length > 0 && filled.every((cell) => Number.isFinite(toNumber(cell))))) {
      const values = typed ? cells : Float64Array.from(cells, toNumber);
      const known = values.filter((value, row) => !Number.isNaN(value) && learnFrom(row));
      const blanks = values.some((value, row) => Number.isNaN(value) && learnFrom(row));
      const indicator = missingIndicator && blanks ? { indicator: true as const } : {};
      return { column: name, kind: 'numeric', blank: median(known), ...indicator };
    }
    const levels = [...new Set(cells.map((cell) => cell.trim() || MISSING_LEVEL))].sort();
    return { column: name, kind: 'categorical', levels };
  });
}

function median(values: Float64Array): number | null {
  const sorted = values.sort();
  const half = sorted.length >> 1;
  if (sorted.length === 0) return null;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Names of the encoded columns in their order: `tenure`, `tenure=missing` for an indicator, `contract=monthly` for a level. */
export const encodedNames = (encoding: readonly FeatureEncoding[]): string[] =>
  encoding.flatMap((feature) =>
    feature.kind === 'numeric'
      ? [feature.column, ...(feature.indicator ? [`${feature.column}=${MISSING_LEVEL}`] : [])]
      : feature.levels.slice(1).map((level) => `${feature.column}=${level}`),
  );

export interface EncodedFeatures {
  names: string[];
  features: Float64Array[];
  /** Cells with a level the encoding does not know, by column. */
  unknown: Record<string, number>;
}

/**
 * Applies the encoding to a table. A cell that is no number, or blank without a median, is NaN: `fitLogistic` names it.
 *
 * @throws RangeError when a column is not in the table, or is typed where the encoding wants levels.
 */
export function encodeFeatures(table: FeatureTable, encoding: readonly FeatureEncoding[]): EncodedFeatures {
  const encoded: EncodedFeatures = { names: encodedNames(encoding), features: [], unknown: {} };
  for (const feature of encoding) {
    const cells = column(table, feature.column);
    if (feature.kind === 'numeric') {
      const fill = feature.blank ?? Number.NaN;
      const isBlank = (row: number) => (isTyped(cells) ? Number.isNaN(cells[row]!) : cells[row]!.trim() === '');
      const values = isTyped(cells) ? cells : Float64Array.from(cells, toNumber);
      encoded.features.push(values.map((value, row) => (isBlank(row) ? fill : value)));
      if (feature.indicator) encoded.features.push(values.map((_, row) => (isBlank(row) ? 1 : 0)));
      continue;
    }
    if (isTyped(cells))
      throw new RangeError(`column '${feature.column}' holds numbers, but its encoding has levels; give text`);
    const position = new Map(feature.levels.map((level, at) => [level, at]));
    const codes = Int32Array.from(cells, (cell) => position.get(cell.trim() || MISSING_LEVEL) ?? -1);
    const unknown = codes.reduce((count, code) => count + (code < 0 ? 1 : 0), 0);
    if (unknown > 0) encoded.unknown[feature.column] = unknown;
    for (let level = 1; level < feature.levels.length; level++)
      encoded.features.push(Float64Array.from(codes, (code) => (code === level ? 1 : 0)));
  }
  return encoded;
}

export interface EncodedRow {
  /** In the order of `encodedNames`. */
  values: number[];
  /** Columns that were missing and stand at their median or at the level `missing`. */
  blank: string[];
  /** Columns with a level the encoding does not know: they count as the first level. */
  unknown: string[];
}

export interface CellRefusal {
  column: string;
  message: string;
}

const isMissing = (cell: FeatureRow[string]): boolean =>
  cell === null || cell === undefined || (typeof cell === 'string' ? cell.trim() === '' : Number.isNaN(cell));

/** Applies the encoding to one row; refuses a cell that is no finite number, or missing without a median. */
export function encodeRow(row: FeatureRow, encoding: readonly FeatureEncoding[]): Result<EncodedRow, CellRefusal> {
  const encoded: EncodedRow = { values: [], blank: [], unknown: [] };
  for (const feature of encoding) {
    const cell = row[feature.column];
    const missing = isMissing(cell);
    if (missing) encoded.blank.push(feature.column);
    if (feature.kind === 'numeric') {
      const value = missing ? feature.blank : typeof cell === 'string' ? toNumber(cell) : Number(cell);
      if (value === null) return refuse({ column: feature.column, message: 'is missing, and the model has no median' });
      if (!Number.isFinite(value))
        return refuse({ column: feature.column, message: `'${cell}' is not a finite number` });
      encoded.values.push(value);
      if (feature.indicator) encoded.values.push(missing ? 1 : 0);
      continue;
    }
    const level = feature.levels.indexOf(missing ? MISSING_LEVEL : String(cell).trim());
    if (level < 0) encoded.unknown.push(feature.column);
    for (let at = 1; at < feature.levels.length; at++) encoded.values.push(at === level ? 1 : 0);
  }
  return ok(encoded);
}
