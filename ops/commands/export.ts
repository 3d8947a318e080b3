// A read model as a file: every row of a table of the running installation, streamed.
import { existsSync } from 'node:fs';
import { EXPORTED } from '#projections/exports.ts';
import { ApiError, dataDirOf, withServer } from '../client.ts';
import { fetchTo } from '../fetch-to.ts';
import { createProgress } from '../progress.ts';
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

All rows of one moment, in no order that is promised; how many there are is told before the first. Without --out they go to stdout.
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
    const query = new URLSearchParams({ table, format });
    if (values.identified) query.set('identified', 'true');
    if (asOf !== undefined) query.set('as_of', asOf);
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      const { headers, bytes } = await client.download(`/api/export?${query}`).catch((error: unknown) => {
        // What was asked for cannot be had: bad input, in the API's own words.
        if (error instanceof ApiError && [400, 404, 422].includes(error.status)) throw new UsageError(error.message);
        throw error;
      });
      const rows = Number(headers.get('x-axiom47-rows'));
      const seq = Number(headers.get('x-axiom47-seq'));
      const counted = counting(bytes, format, rows, table, io);
      if (out === undefined) {
        const decoder = new TextDecoder();
        for await (const piece of counted) io.stdout(decoder.decode(piece, { stream: true }));
        io.stdout(decoder.decode());
        return 0;
      }
      const replaced = existsSync(out);
      await fetchTo(out, counted);
      print(io, values.json, { table, rows, format, file: out, asOf: { seq, at: asOf ?? null } }, () =>
        [
          `${table}: ${rows.toLocaleString('en-US')} rows at log position ${seq} in ${out}`,
          ...(replaced ? ['the file that was there was replaced'] : []),
        ].join('; '),
      );
      return 0;
    });
  },
};

const NEWLINE = 10;

/** Tells how far it is: by lines where the file has lines. */
async function* counting(bytes: AsyncIterable<Uint8Array>, format: string, rows: number, table: string, io: Io) {
  const progress = createProgress(`exporting ${table}`, io);
  const total = `${rows.toLocaleString('en-US')} rows`;
  let lines = format === 'csv' ? -1 : 0;
  let size = 0;
  for await (const piece of bytes) {
    size += piece.length;
    for (let at = piece.indexOf(NEWLINE); format !== 'parquet' && at >= 0; at = piece.indexOf(NEWLINE, at + 1)) lines++;
    progress.update(Math.max(0, Math.min(lines, rows)), rows, `of ${total}, ${Math.round(size / 1024)} KB`);
    yield piece;
  }
  progress.finish(total);
}
