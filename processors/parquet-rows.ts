// NDJSON lines as an Apache Parquet file, made while they are read: each row group in a thread of the pool, with places counted from its own
// beginning; the file puts them one after the other and ends with what it knows of all (parquet.apache.org, "File format").
import type { RowGroup, SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';

export type ParquetType = 'text' | 'double' | 'integer' | 'boolean' | 'time' | 'date' | 'decimal' | 'json';
/** Structured-cloneable. */
export interface ParquetColumn {
  name: string;
  type: ParquetType;
  /** Never null. */
  required?: boolean;
}
export interface ParquetLayout {
  name: string;
  columns: readonly ParquetColumn[];
}

/** Structured-cloneable. */
export interface PackedRows {
  bytes: Uint8Array<ArrayBuffer>;
  rows: number;
  /** Its places count from the beginning of `bytes`. */
  group: RowGroup;
}
/** `packRows`, in another thread. */
export type PackRows = (text: string, layout: ParquetLayout) => Promise<PackedRows>;

/** `PAR1`, at both ends of a file. */
const MAGIC = 4;
/** Of lines a row group: some 12,000 rows. */
const GROUP_CHARACTERS = 8 * 2 ** 20;
/** Digits behind the point of a decimal: more than any currency of ISO 4217 has. */
const SCALE = 4;

const ELEMENTS: Readonly<Record<ParquetType, Omit<SchemaElement, 'name'>>> = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  double: { type: 'DOUBLE' },
  integer: { type: 'INT64' },
  boolean: { type: 'BOOLEAN' },
  time: { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' },
  date: { type: 'INT32', converted_type: 'DATE' },
  // 38 digits, as much as readers take for exact.
  decimal: { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, converted_type: 'DECIMAL', precision: 38, scale: SCALE },
  json: { type: 'BYTE_ARRAY', converted_type: 'JSON' },
};
const schemaOf = ({ name, columns }: ParquetLayout): SchemaElement[] => [
  { name, num_children: columns.length },
  ...columns.map(
    ({ name, type, required }): SchemaElement => ({
      name,
      ...ELEMENTS[type],
      repetition_type: required ? 'REQUIRED' : 'OPTIONAL',
    }),
  ),
];

/** A line's value as the writer wants it: times and dates are ISO 8601 there, decimals their text. */
function cellOf(type: ParquetType, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  switch (type) {
    case 'integer':
      return BigInt(value as number);
    case 'time':
    case 'date':
      return new Date(value as string);
    case 'decimal':
      return scaled(value as string);
    default:
      return value;
  }
}

/** '-12.5' → −125,000n, ten-thousandths. */
function scaled(text: string): bigint {
  const [, sign, whole = '0', rest = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (sign === undefined || /[1-9]/.test(rest.slice(SCALE)))
    throw new RangeError(`a decimal of at most ${SCALE} digits behind the point is needed`);
  const units = BigInt(whole + rest.slice(0, SCALE).padEnd(SCALE, '0'));
  return sign === '-' ? -units : units;
}

type Line = Record<string, unknown>;

/** @param text NDJSON lines, at least one. Numbers keep every bit; what is null there is null here. */
export function packRows(text: string, layout: ParquetLayout): PackedRows {
  const lines = text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]));
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({ writer, schema: schemaOf(layout) });
  const columnData = layout.columns.map(({ name, type }) => ({
    name,
    data: lines.map((line) => cellOf(type, line[name])),
    // Its place would be another part of the end of the file.
    offsetIndex: false,
  }));
  const pending = parquet.write({ columnData, rowGroupSize: lines.length });
  const [group] = parquet.row_groups;
  if (pending !== undefined || group === undefined || parquet.row_groups.length > 1)
    throw new Error('a row group is written in one go');
  return { bytes: writer.getBytes().slice(MAGIC), rows: lines.length, group: moved(group, -MAGIC) };
}

function moved(group: RowGroup, by: number): RowGroup {
  const shift = (place: bigint) => place + BigInt(by);
  const columns = group.columns.map(({ meta_data, file_offset, ...column }) => {
    if (meta_data === undefined) throw new Error('a column says nothing of itself');
    const { data_page_offset, dictionary_page_offset, ...rest } = meta_data;
    return {
      ...column,
      file_offset: shift(file_offset),
      meta_data: {
        ...rest,
        data_page_offset: shift(data_page_offset),
        ...(dictionary_page_offset !== undefined && { dictionary_page_offset: shift(dictionary_page_offset) }),
      },
    };
  });
  return { ...group, columns };
}

/** @returns a whole file, piece by piece; without a line, one of no rows. */
export async function* parquetOf(
  lines: AsyncIterable<string>,
  layout: ParquetLayout,
  pack: PackRows,
  groupCharacters = GROUP_CHARACTERS,
): AsyncGenerator<Uint8Array> {
  const groups: RowGroup[] = [];
  let rows = 0n;
  let place = MAGIC;
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({ writer, schema: schemaOf(layout) });
  yield writer.getBytes().slice();
  for await (const text of gathered(lines, groupCharacters)) {
    const packed = await pack(text, layout);
    groups.push(moved(packed.group, place));
    rows += BigInt(packed.rows);
    place += packed.bytes.length;
    yield packed.bytes;
  }
  parquet.row_groups = groups;
  parquet.num_rows = rows;
  void parquet.finish();
  yield writer.getBytes().slice(MAGIC);
}

async function* gathered(lines: AsyncIterable<string>, least: number): AsyncGenerator<string> {
  let text = '';
  for await (const more of lines) {
    text += more;
    if (text.length < least) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}
