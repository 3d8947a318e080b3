// A read model as a file: every row of a table of the running installation, streamed.
import { existsSync } from 'node:fs';
import { parquetMetadata } from 'hyparquet';
import { EXPORTED } from '#projections/exports.ts';
import { ApiError, dataDirOf, withServer } from '../client.ts';
import { fetchTo } from '../fetch-to.ts';
import { createProgress } from '../progress.ts';
import { checkWritable } from '../writable.ts';
import { type Command, type Io, UsageError } from './command.ts';
import { parseCommand, print } from './options.ts';

const FORMATS = ['csv', 'ndjson', 'parquet'] as const;
const NAMES = EXPORTED.map(({ name }) => name).join(', ');
const width = Math.max(...EXPORTED.map(({ name }) => name.length));
const DATED = EXPORTED.filter(({ day }) => 'column' in day).map(({ name }) => name);

export const exportCommand: Command = {
  name: 'export',
  summary: 'take a read model along: every row of a table as CSV, NDJSON or Parquet',
  help: `
axiom47 export TABLE [--format csv|ndjson|parquet] [--out FILE] [--as-of DATE|TIME] [--identified] [--data-dir DIR] [--json]

Tables:
${EXPORTED.map(({ name, docs }) => `  ${name.padEnd(width)}  ${docs}`).join('\n')}

All rows of one moment, in no order that is promised. Without --out they go to stdout. How many were written is told at the end, and how many were left
out: rows of who was erased while the file was written, or of whom the running server does not know yet.
The end of FILE says the format (.ndjson, .parquet, else CSV) when --format does not; one ending in .gz is packed. Parquet needs --out.
--identified: customer_id as you know your customers, for roles that may see ids; without it a customer is a ref (sid:…) of this workspace.
--as-of: only rows of that day and before it, as they are known now: of ${DATED.join(' and ')}. The other tables hold what is so now;
scores of an earlier moment are made by axiom47 score --as-of, one customer's past is axiom47 replay.
In CSV a text that begins with =, +, - or @ has an apostrophe before it, so that no spreadsheet runs it; NDJSON and Parquet have every text as it is.
Amounts are exact decimals: text in NDJSON, DECIMAL in Parquet. --json: NDJSON without --out, else one document about FILE.

Example: axiom47 export transactions --out transactions.parquet --identified
Example: axiom47 export scores > scores.csv
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, {
      format: { type: 'string' },
      out: { type: 'string' },
      'as-of': { type: 'string' },
      identified: { type: 'boolean' },
    });
    const [table, ...more] = positionals;
    if (table === undefined || more.length > 0) throw new UsageError(`export needs one table: ${NAMES}`);
    if (!EXPORTED.some(({ name }) => name === table))
      throw new UsageError(`there is no table ${table}; there are ${NAMES}`);
    const { out, 'as-of': asOf } = values;
    const named = /\.(ndjson|parquet)(\.gz)?$/.exec(out ?? '')?.[1];
    const format = values.format ?? named ?? (values.json && out === undefined ? 'ndjson' : 'csv');
    if (!FORMATS.some((each) => each === format))
      throw new UsageError(`--format ${format}: one of ${FORMATS.join(', ')}`);
    if (format === 'parquet' && out === undefined)
      throw new UsageError('a Parquet file is no text: say --out FILE.parquet');
    if (values.json && out === undefined && format !== 'ndjson')
      throw new UsageError('--json without --out prints NDJSON; leave --format out, or say --out FILE');
    if (out !== undefined) checkWritable(out);
    const query = new URLSearchParams({ table, format });
    if (values.identified) query.set('identified', 'true');
    if (asOf !== undefined) query.set('as_of', asOf);
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      const { headers, bytes } = await client.download(`/api/export?${query}`).catch((error: unknown) => {
        // What was asked for cannot be had: bad input, in the API's own words.
        if (error instanceof ApiError && [400, 404, 422].includes(error.status)) throw new UsageError(error.message);
        throw error;
      });
      const found = Number(headers.get('x-axiom47-rows'));
      const seq = Number(headers.get('x-axiom47-seq'));
      const written = rowCounter(format);
      const counted = counting(bytes, written, found, format, table, io);
      if (out === undefined) {
        const decoder = new TextDecoder();
        for await (const piece of counted) io.stdout(decoder.decode(piece, { stream: true }));
        io.stdout(decoder.decode());
        return 0;
      }
      const replaced = existsSync(out);
      await fetchTo(out, counted);
      const rows = written.rows();
      const leftOut = found - rows;
      print(io, values.json, { table, rows, leftOut, format, file: out, asOf: { seq, at: asOf ?? null } }, () =>
        [
          `${table}: ${countOf(rows)} at log position ${seq} in ${out}`,
          ...(leftOut === 0 ? [] : [leftOutWords(leftOut)]),
          ...(replaced ? ['the file that was there was replaced'] : []),
        ].join('; '),
      );
      return 0;
    });
  },
};

const countOf = (rows: number): string => `${rows.toLocaleString('en-US')} rows`;
const leftOutWords = (rows: number): string =>
  `${countOf(rows)} of that moment left out (erased while the file was written, or not known to the server yet)`;

interface RowCounter {
  add(piece: Uint8Array): void;
  /** So far; of Parquet, whose rows are told at its end, only there. */
  rows(): number;
}

const [NEWLINE, QUOTE] = [10, 34];

/** Of what was received: lines outside quotes less the head of a CSV, lines of NDJSON, what a Parquet file says of itself at its end. */
function rowCounter(format: string): RowCounter {
  if (format === 'parquet') return parquetCounter();
  let lines = 0;
  let quoted = false;
  const isCsv = format === 'csv';
  return {
    add(piece) {
      for (const byte of piece) {
        if (isCsv && byte === QUOTE) quoted = !quoted;
        else if (byte === NEWLINE && !quoted) lines++;
      }
    },
    rows: () => Math.max(0, isCsv ? lines - 1 : lines),
  };
}

/** Footers of the widest table are some KB a row group. */
const TAIL = 1 << 22;

function parquetCounter(): RowCounter {
  let pieces: Uint8Array[] = [];
  let size = 0;
  return {
    add(piece) {
      pieces.push(piece);
      size += piece.length;
      if (size < 2 * TAIL) return;
      const tail = Buffer.concat(pieces).subarray(-TAIL);
      pieces = [tail];
      size = tail.length;
    },
    rows: () => Number(parquetMetadata(Uint8Array.from(Buffer.concat(pieces))).num_rows),
  };
}

/** Tells how far it is, and what came in the end. */
async function* counting(
  bytes: AsyncIterable<Uint8Array>,
  written: RowCounter,
  found: number,
  format: string,
  table: string,
  io: Io,
) {
  const progress = createProgress(`exporting ${table}`, io);
  let size = 0;
  for await (const piece of bytes) {
    size += piece.length;
    written.add(piece);
    const rows = format === 'parquet' ? 0 : Math.min(written.rows(), found);
    progress.update(rows, found, `of ${countOf(found)}, ${Math.round(size / 1024)} KB`);
    yield piece;
  }
  const left = found - written.rows();
  progress.finish(`${countOf(written.rows())}${left === 0 ? '' : `; ${leftOutWords(left)}`}`);
}
