// Scores as an Apache Parquet file, made from their lines while it is read out: each row group in a thread of the pool, with places counted from its own
// beginning; the file puts them one after the other and ends with what it knows of all (parquet.apache.org, "File format").
import type { RowGroup, SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { COLUMNS } from './score-file.ts';

/** Structured-cloneable. */
export interface PackedRows {
  bytes: Uint8Array<ArrayBuffer>;
  rows: number;
  /** Its places count from the beginning of `bytes`. */
  group: RowGroup;
}

const TEXTS: ReadonlySet<string> = new Set([
  'band',
  'basis',
  'model',
  'clv_model',
  'not_scored',
  'no_value',
  'no_interval',
  'score_id',
  'clv_score_id',
]);
/** `PAR1`, at both ends of a file. */
const MAGIC = 4;
/** Of lines a row group: some 12,000 rows. */
const GROUP_CHARACTERS = 8 * 2 ** 20;

const elementOf = (name: string): SchemaElement => {
  if (name === 'as_of_seq') return { name, type: 'INT64', repetition_type: 'REQUIRED' };
  if (name === 'as_of_at')
    return { name, type: 'INT64', converted_type: 'TIMESTAMP_MILLIS', repetition_type: 'REQUIRED' };
  if (!TEXTS.has(name)) return { name, type: 'DOUBLE', repetition_type: 'OPTIONAL' };
  return { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' };
};
const schemaOf = (who: 'ref' | 'customer_id'): SchemaElement[] => [
  { name: 'scores', num_children: 1 + COLUMNS.length },
  { name: who, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
  ...COLUMNS.map(elementOf),
];

type Line = Record<string, string | number | null>;

/** @param text NDJSON lines of a scoring, at least one. Numbers keep every bit; what is null there is null here. */
export function packRows(text: string, identified: boolean): PackedRows {
  const who = identified ? 'customer_id' : 'ref';
  const lines = text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]));
  const cellOf = (name: string, value: string | number | null) => {
    if (name === 'as_of_seq') return BigInt(value!);
    return name === 'as_of_at' ? new Date(value!) : value;
  };
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({ writer, schema: schemaOf(who) });
  const columnData = [who, ...COLUMNS].map((name) => ({
    name,
    data: lines.map((line) => cellOf(name, line[name]!)),
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

/** @param pack `packRows`, in another thread. @returns a whole file, piece by piece; without a line, one of no rows. */
export async function* parquetOf(
  lines: AsyncIterable<string>,
  identified: boolean,
  pack: (text: string, identified: boolean) => Promise<PackedRows>,
  groupCharacters = GROUP_CHARACTERS,
): AsyncGenerator<Uint8Array> {
  const groups: RowGroup[] = [];
  let rows = 0n;
  let place = MAGIC;
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({ writer, schema: schemaOf(identified ? 'customer_id' : 'ref') });
  yield writer.getBytes().slice();
  for await (const text of gathered(lines, groupCharacters)) {
    const packed = await pack(text, identified);
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
