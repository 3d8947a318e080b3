// Tables from disk as batches of rows: CSV (comma, semicolon, tab or bar; quotes; BOM) and NDJSON, plain or gzipped.
// A broken row is refused with its number and the rest is read on; a file that cannot be told into rows is a FileProblem.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { createCsvRows } from './csv-rows.ts';
import { createJsonRows } from './json-rows.ts';
import { FileProblem, type RowBatch, type RowParser } from './rows.ts';

export interface Table {
  path: string;
  format: 'csv' | 'ndjson';
  delimiter: string;
  header: string[];
  /** The first rows, for the guess. */
  sample: string[][];
  /** Not one row below the header, broken ones included. */
  empty: boolean;
  /** What is odd about the file as a whole, and what to do; null = nothing. */
  warning: string | null;
  /** Bytes on disk: what `onBytes` counts up to. */
  bytes: number;
  /** All rows from the beginning; may be called again. */
  batches(onBytes?: (read: number) => void): AsyncGenerator<RowBatch>;
}

const SAMPLE_ROWS = 5000;
const CHUNK = 256 * 1024;
/** What spreadsheets of Western Europe and America save when nobody asks for UTF-8. */
export const NOT_UTF8 =
  'is not UTF-8, most likely Latin-1 (ISO 8859-1 or Windows-1252); convert the file first: iconv -f latin1 -t utf8 FILE > utf8.csv';

/** Opens a file, finds out its form, and reads a sample. */
export async function openTable(path: string, sampleRows = SAMPLE_ROWS): Promise<Table> {
  const { size, isFile } = await stat(path).then(
    (found) => ({ size: found.size, isFile: found.isFile() }),
    (cause: NodeJS.ErrnoException) => {
      throw new FileProblem(
        cause.code === 'ENOENT' ? `${path}: there is no such file` : `${path}: ${cause.message}`,
        cause,
      );
    },
  );
  if (!isFile) throw new FileProblem(`${path}: is not a file`);
  const gzip = await isGzip(path);
  const head = await firstText(path, gzip);
  const start = head.trimStart();
  if (start === '') throw new FileProblem(`${path}: is empty`);
  if (start.startsWith('['))
    throw new FileProblem(`${path}: is one JSON array; write one object a line (NDJSON), e.g. with jq -c '.[]'`);
  if (head.startsWith('PK\u0003\u0004') || head.startsWith('PAR1'))
    throw new FileProblem(`${path}: is a spreadsheet, zip or Parquet file; save it as CSV (UTF-8) or NDJSON`);
  const format = start.startsWith('{') ? 'ndjson' : 'csv';
  const delimiter = format === 'csv' ? delimiterOf(head) : '';
  const parser = (header: string[] | null): RowParser =>
    format === 'csv' ? createCsvRows(path, delimiter) : createJsonRows(header);

  const sampled = emptyBatch(format);
  const sampler = parser(null);
  for await (const text of texts(path, gzip)) {
    sampler.push(text, sampled);
    if (sampled.numbers.length >= sampleRows) break;
  }
  if (sampled.numbers.length < sampleRows) await sampler.end(sampled);
  const header = sampler.header;
  if (header === null)
    throw new FileProblem(
      `${path}: ${format === 'csv' ? 'has no header row' : 'no line of it is a JSON object; write one a line'}`,
    );

  const sample = sampled.rows.slice(0, sampleRows);
  const broken = (cells: readonly string[]): boolean => cells.some((cell) => cell.includes('\ufffd'));
  if (format === 'csv' && broken(header)) throw new FileProblem(`${path}: the header ${NOT_UTF8}`);
  const odd = format === 'csv' ? sample.filter(broken).length : 0;

  return {
    path,
    format,
    delimiter,
    header,
    sample,
    empty: sampled.numbers.length === 0 && sampled.refused.length === 0,
    warning: odd === 0 ? null : `${odd} of ${sample.length} sampled rows: the text ${NOT_UTF8}`,
    bytes: size,
    async *batches(onBytes) {
      const rows = parser(header);
      for await (const text of texts(path, gzip, onBytes)) {
        const batch = emptyBatch(format);
        rows.push(text, batch);
        if (batch.numbers.length + batch.refused.length > 0) yield batch;
      }
      const last = emptyBatch(format);
      await rows.end(last);
      if (last.numbers.length + last.refused.length > 0) yield last;
    },
  };
}

/** The raw text of some rows, as a refusal keeps it: for orders that were refused only when the whole file was known. */
export async function rawRows(table: Table, wanted: ReadonlySet<number>): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  if (wanted.size === 0) return found;
  for await (const batch of table.batches()) {
    batch.numbers.forEach((number, i) => {
      if (!wanted.has(number)) return;
      const row =
        batch.values?.[i] ?? Object.fromEntries(table.header.map((name, j) => [name, batch.rows[i]![j] ?? '']));
      found.set(number, JSON.stringify(row));
    });
    if (found.size === wanted.size) break;
  }
  return found;
}

export interface ImportDigests {
  /** What makes two imports the same (facts §2): SHA-256 over the SHA-256 of the file's bytes and the mapping's text, hex. */
  digest: string;
  /** What makes them attempts at the same: over the bytes and the kind that is read from them. */
  file: string;
}

export async function importDigests(path: string, mappingText: string, kind: string): Promise<ImportDigests> {
  const file = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK * 4 })) file.update(chunk as Uint8Array);
  const bytes = file.digest();
  const over = (text: string) => createHash('sha256').update(bytes).update(text).digest('hex');
  return { digest: over(mappingText), file: over(kind) };
}

const emptyBatch = (format: 'csv' | 'ndjson'): RowBatch => ({
  rows: [],
  numbers: [],
  values: format === 'ndjson' ? [] : null,
  refused: [],
});

/** By its first two bytes, whatever the file is called. */
async function isGzip(path: string): Promise<boolean> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
  return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
}

/** Decoded text in pieces; `onBytes` counts bytes on disk. A byte order mark is taken off; UTF-16 is refused. */
async function* texts(path: string, gzip: boolean, onBytes?: (read: number) => void): AsyncGenerator<string> {
  const disk = createReadStream(path, { highWaterMark: CHUNK });
  // `pipeline` hands an error of either stream to the reader of the last one.
  const stream: Readable = gzip ? pipeline(disk, createGunzip({ chunkSize: CHUNK }), () => undefined) : disk;
  const decoder = new TextDecoder('utf-8');
  let first = true;
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      if (first && ((chunk[0] === 0xff && chunk[1] === 0xfe) || (chunk[0] === 0xfe && chunk[1] === 0xff)))
        throw new FileProblem(`${path}: is UTF-16; save it as UTF-8`);
      first = false;
      onBytes?.(disk.bytesRead);
      yield decoder.decode(chunk, { stream: true });
    }
    const rest = decoder.decode();
    if (rest !== '') yield rest;
  } catch (cause) {
    if (cause instanceof FileProblem) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    const what = code.startsWith('Z_') ? 'the gzip data is broken or cut off' : (cause as Error).message;
    throw new FileProblem(`${path}: ${what}`, cause);
  } finally {
    disk.destroy();
    stream.destroy();
  }
}

async function firstText(path: string, gzip: boolean): Promise<string> {
  for await (const text of texts(path, gzip)) return text;
  return '';
}

/** The separator that splits the first line into most fields, quoted parts left out. */
export function delimiterOf(text: string): string {
  const line = (/^[^\r\n]*/.exec(text.trimStart())?.[0] ?? '').replace(/"[^"]*"/g, '');
  const counts = [',', ';', '\t', '|'].map((mark) => [mark, line.split(mark).length] as const);
  return counts.reduce((best, next) => (next[1] > best[1] ? next : best))[0];
}
