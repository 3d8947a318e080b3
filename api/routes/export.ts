// Read models as files: every row of a table at one moment, streamed while it is read. Who somebody is never comes from the tables: `ref` does, and names
// are put in here, for who may see them.
import { Readable as Streams } from 'node:stream';
import { createGzip, constants as zlib } from 'node:zlib';
import { z } from '@hono/zod-openapi';
import { csvText } from '#domain/csv.ts';
import { sidBytes } from '#projections/catalogue.ts';
import { EXPORTED, type ExportColumn, type ExportedTable, type OpenExport } from '#projections/exports.ts';
import { COLUMN_FLAG, createCustomerColumns } from '#projections/memory/columns.ts';
import { refOf } from '../customers.ts';
import type { Deps } from '../deps.ts';
import type { Predictions } from '../predict/service.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { type AsOfInput, AsOfQuery } from '../schemas.ts';

const FORMATS = {
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
  parquet: 'application/vnd.apache.parquet',
} as const;
const PATIENCE_MS = 15_000;
type Row = readonly (string | null)[];
type ExportDeps = Pick<Deps, 'exports' | 'tables' | 'columns' | 'keyring' | 'log'>;

const NAMES = EXPORTED.map(({ name }) => name).join(', ');
const FILE = { schema: { type: 'string' as const, format: 'binary' } };
const HEADERS = {
  'x-axiom47-rows': { description: 'How many rows the table has', schema: { type: 'integer' as const } },
  'x-axiom47-seq': { description: 'The tables hold the log up to here', schema: { type: 'integer' as const } },
};

export function exportRoutes(deps: ExportDeps, predictions: Predictions) {
  return createRouter().openapi(
    route({
      method: 'get',
      path: '/api/export',
      permission: 'customer:read',
      tags: ['system'],
      summary: 'A read model as a file: all its rows at one moment, streamed; how many are told up front',
      request: {
        query: z.strictObject({
          table: z.string().max(40).describe(NAMES),
          format: z.enum(['csv', 'ndjson', 'parquet']).default('csv'),
          identified: z
            .enum(['true', 'false'])
            .default('false')
            .describe('customer_id in the place of ref; for who may see ids'),
          as_of: AsOfQuery.describe(
            'A time (ISO 8601): only what is of that day and before it, as it is known now. Of transactions and events',
          ),
        }),
      },
      responses: {
        200: {
          description: 'The rows, in no order that is promised',
          headers: HEADERS,
          content: { 'text/csv': FILE, 'application/x-ndjson': FILE, [FORMATS.parquet]: FILE },
        },
      },
    }),
    async (c) => {
      const { table: name, format, as_of, identified: wished } = c.req.valid('query');
      const table = EXPORTED.find((each) => each.name === name);
      if (table === undefined)
        throw new Problem('not-found', `there is no table ${name}; there are ${NAMES}`, {
          fields: [{ pointer: 'table', detail: NAMES }],
        });
      const identified = wished === 'true';
      if (identified && !c.var.principal.permissions.has('customer:read-identified'))
        throw new Problem('forbidden', 'this role may export tables, but not with customer ids; leave identified out');
      const until = await untilOf(predictions, table, as_of);
      await caughtUp(deps.tables, predictions.now().seq);
      const opened = await deps.exports.open(table, until);
      const packed = format !== 'parquet' && /\bgzip\b/.test(c.req.header('accept-encoding') ?? '');
      const headers = {
        'content-type': FORMATS[format],
        'content-disposition': `attachment; filename="${table.name}.${format}"`,
        'cache-control': 'no-store',
        vary: 'accept-encoding',
        'x-axiom47-rows': String(opened.rows),
        'x-axiom47-seq': String(opened.seq),
        ...(packed && { 'content-encoding': 'gzip' }),
      };
      // Nobody reads what answers a HEAD (which comes here as a GET would): neither its rows nor its place are kept.
      if (c.req.method === 'HEAD') {
        await opened[Symbol.asyncDispose]();
        return c.body(null, 200, headers);
      }
      const shown = table.ofCustomers
        ? [{ name: identified ? 'customer_id' : 'ref', type: 'text' as const }, ...opened.columns.slice(1)]
        : opened.columns;
      const lines = linesOf(
        opened,
        format === 'csv' ? 'csv' : 'ndjson',
        shown,
        table.ofCustomers ? namer(deps, identified) : null,
      );
      const plain = Streams.from(format === 'parquet' ? deps.exports.parquet(table.name, shown, lines) : lines, {
        objectMode: false,
      });
      const body = packed ? plain.pipe(createGzip({ level: zlib.Z_BEST_SPEED })) : plain;
      // A file that breaks off must not look whole: the connection breaks off too.
      if (body !== plain) {
        plain.on('error', (error) => body.destroy(error));
        body.on('close', () => plain.destroy());
      }
      body.on('error', (error: Error) =>
        deps.log.warn({ table: table.name, reason: error.message }, 'an export was not read to its end'),
      );
      body.on('close', () => void opened[Symbol.asyncDispose]());
      return c.body(Streams.toWeb(body) as ReadableStream, 200, headers);
    },
  );
}

/** What was acknowledged before the export was asked for is in it. */
async function caughtUp(tables: Pick<Deps['tables'], 'waitFor'>, seq: number): Promise<void> {
  let patience: NodeJS.Timeout | undefined;
  const behind = new Promise<never>((_, reject) => {
    patience = setTimeout(() => {
      reject(new Problem('tables-unavailable', `the tables do not hold the log up to ${seq} yet; ask again`));
    }, PATIENCE_MS);
  });
  await Promise.race([tables.waitFor(seq), behind]).finally(() => clearTimeout(patience));
}

/** The local day up to which rows count; null: all. */
async function untilOf(
  predictions: Predictions,
  { name, day }: ExportedTable,
  asOf: AsOfInput | undefined,
): Promise<number | null> {
  if (asOf === undefined) return null;
  const refused = (detail: string) =>
    new Problem('not-applicable', `${name}: ${detail}`, { fields: [{ pointer: 'as_of', detail }] });
  const dated = EXPORTED.filter((each) => 'column' in each.day).map((each) => each.name);
  if ('instead' in day)
    throw refused(
      `the table holds what is so now; of an earlier moment ${dated.join(' and ')} can be asked (${day.instead})`,
    );
  if (typeof asOf !== 'string')
    throw refused(
      'the tables hold what is known now, so a moment can be asked about (2026-01-31), not a position of the log; `axiom47 replay` and `axiom47 score --as-of` go back to one',
    );
  return (await predictions.momentOf(asOf)).day;
}

/** What stands in the first cell: null for who is erased or not known any more. */
type Namer = (rows: readonly Row[]) => Promise<(string | null)[]>;

function namer({ columns, keyring }: Pick<Deps, 'columns' | 'keyring'>, identified: boolean): Namer {
  const known = createCustomerColumns();
  const isThere = (sid: Uint8Array): boolean => {
    const place = columns.rowOf(sid);
    return place >= 0 && columns.read(place, known) && (known.flags & COLUMN_FLAG.erased) === 0;
  };
  return async (rows) => {
    const sids = new Map(rows.map(([who]) => [who!, sidBytes(who!)]));
    const there = [...sids].filter(([, sid]) => isThere(sid));
    const ids = identified ? await keyring.idsOf(there.map(([, sid]) => sid)) : there.map(([, sid]) => refOf(sid));
    const names = new Map(there.map(([who], i) => [who, ids[i] ?? null]));
    return rows.map(([who]) => names.get(who!) ?? null);
  };
}

async function* linesOf(
  table: OpenExport,
  format: 'csv' | 'ndjson',
  columns: readonly ExportColumn[],
  name: Namer | null,
): AsyncGenerator<string> {
  const line = format === 'csv' ? csvLine(columns) : jsonLine(columns);
  if (format === 'csv') yield `${columns.map((column) => column.name).join(',')}\n`;
  for await (const rows of table.batches()) {
    const names = await name?.(rows);
    let text = '';
    for (const [i, row] of rows.entries()) {
      if (names === undefined) text += line(row);
      else if (names[i] !== null) text += line([names[i]!, ...row.slice(1)]);
    }
    if (text !== '') yield text;
  }
}

const csvLine = (columns: readonly ExportColumn[]) => {
  const isText = columns.map(({ type }) => type === 'text' || type === 'json');
  return (row: Row): string =>
    `${row.map((cell, i) => (cell === null ? '' : isText[i] ? csvText(cell) : cell)).join(',')}\n`;
};

/** Decimals stay texts: a JSON number would be a float to most readers. */
const jsonLine = (columns: readonly ExportColumn[]) => {
  const cellOf = columns.map(({ type }) => {
    switch (type) {
      case 'json':
      case 'boolean':
        return (cell: string) => cell;
      case 'integer':
      case 'double':
        return (cell: string) => String(Number(cell));
      default:
        return JSON.stringify;
    }
  });
  return (row: Row): string =>
    `{${row.map((cell, i) => `${JSON.stringify(columns[i]!.name)}:${cell === null ? 'null' : cellOf[i]!(cell)}`).join(',')}}\n`;
};
