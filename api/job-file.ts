// A job's file as it is handed out: lines that name customers by `ref`, read piece by piece. Names are put in here, for who may see them, and whoever was
// erased since the file was written is left out: what lies on disk knows no names.
import type { Readable } from 'node:stream';
import { Readable as Streams } from 'node:stream';
import { createGunzip, createGzip, constants as zlib } from 'node:zlib';
import type { Context } from 'hono';
import { csvText } from '#domain/csv.ts';
import { COLUMN_FLAG, createCustomerColumns } from '#projections/memory/columns.ts';
import { sidOfRef } from './customers.ts';
import type { Deps } from './deps.ts';
import type { JobFile } from './job-deps.ts';
import { Problem } from './problem.ts';
import type { Env } from './route.ts';

export type JobFileDeps = Pick<Deps, 'columns' | 'keyring' | 'log'>;

const REF = 36;
const TYPES = { csv: 'text/csv; charset=utf-8', ndjson: 'application/x-ndjson; charset=utf-8' } as const;
const NDJSON_REF = '{"ref":"';

export async function readJobFile(c: Context<Env>, file: JobFile, deps: JobFileDeps): Promise<Response> {
  const packed = !file.as && /\bgzip\b/.test(c.req.header('accept-encoding') ?? '');
  const stored = await file.open();
  if (stored === null)
    throw new Problem(
      'not-found',
      `${file.name} is no longer in the folder exports; ask for it anew without its idempotency key`,
    );
  // It may be removed before its first byte is read, and its reader be gone by then: no reason for the process to end. linesOf tells whoever reads.
  stored.on('error', () => undefined);
  const headers = {
    'content-type': file.as?.type ?? TYPES[file.format],
    'content-disposition': `attachment; filename="${file.name}"`,
    'cache-control': 'no-store',
    vary: 'accept-encoding',
    ...(packed && { 'content-encoding': 'gzip' }),
  };
  // Nobody reads what answers a HEAD (which comes here as a GET would).
  if (c.req.method === 'HEAD') {
    stored.destroy();
    return c.body(null, 200, headers);
  }
  // A file that breaks off must not look whole: the connection breaks off too.
  const named = linesOf(stored, file, deps);
  const lines = Streams.from(file.as ? file.as.of(named) : named, { objectMode: false });
  const body = packed ? lines.pipe(createGzip({ level: zlib.Z_BEST_SPEED })) : lines;
  if (body !== lines) lines.on('error', (error) => body.destroy(error));
  body.on('error', (error: Error) =>
    deps.log.warn({ file: file.name, reason: error.message }, 'a file was not read to its end'),
  );
  body.on('close', () => stored.destroy());
  return c.body(Streams.toWeb(body) as ReadableStream, 200, headers);
}

/** @param stored gzip. */
async function* linesOf(stored: Readable, file: JobFile, deps: JobFileDeps): AsyncGenerator<string> {
  if (stored.errored != null) throw stored.errored;
  const plain = createGunzip();
  stored.on('error', (error) => plain.destroy(error));
  let rest = '';
  let first = file.format === 'csv';
  for await (const chunk of stored.pipe(plain).setEncoding('latin1')) {
    // Everything in the file is ASCII.
    const text = rest + (chunk as string);
    const end = text.lastIndexOf('\n') + 1;
    rest = text.slice(end);
    const lines = text.slice(0, end).split('\n');
    lines.pop();
    if (first && lines.length > 0) {
      first = false;
      const head = lines.shift()!;
      yield `${file.identified ? head.replace(/^ref,/, 'customer_id,') : head}\n`;
    }
    if (lines.length > 0) yield await namedLines(lines, file, deps);
  }
  if (rest !== '') throw new Error(`${file.name} ends in the middle of a line`);
}

async function namedLines(
  lines: readonly string[],
  { format, identified }: JobFile,
  deps: JobFileDeps,
): Promise<string> {
  const at = format === 'csv' ? 0 : NDJSON_REF.length;
  const row = createCustomerColumns();
  const kept: { line: string; sid: Uint8Array }[] = [];
  for (const line of lines) {
    const sid = sidOfRef(line.slice(at, at + REF));
    if (sid === null) throw new Error('a line of the file names no customer');
    const place = deps.columns.rowOf(sid);
    if (place < 0 || !deps.columns.read(place, row) || (row.flags & COLUMN_FLAG.erased) !== 0) continue;
    kept.push({ line, sid });
  }
  if (!identified) return kept.map(({ line }) => `${line}\n`).join('');
  const ids = await deps.keyring.idsOf(kept.map(({ sid }) => sid));
  let text = '';
  for (const [i, { line }] of kept.entries()) {
    const id = ids[i] ?? null;
    if (id === null) continue;
    text +=
      format === 'csv'
        ? `${csvText(id)}${line.slice(REF)}\n`
        : `{"customer_id":${JSON.stringify(id)}${line.slice(at + REF + 1)}\n`;
  }
  return text;
}
