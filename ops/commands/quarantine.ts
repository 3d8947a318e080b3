// What was refused, with reasons, from the command line.
import type { QuarantineReplay } from '#api/quarantine-replay.ts';
import { ApiError, dataDirOf, withServer } from '../client.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand, print, table } from './options.ts';

interface Row {
  id: string;
  at: string;
  reason: string;
  source: string;
  run: string | null;
  row: number | null;
  column: string | null;
  detail: string;
  rows: number;
  raw?: string;
}

/** As the server writes them: what cannot be one is said in the command line's words. */
const ID = /^\d{1,15}-\d{1,6}$/;
const SOURCE = /^[a-z0-9][a-z0-9_-]{0,62}$/;

export const quarantine: Command = {
  name: 'quarantine',
  summary: 'list what was refused, show one with what was sent, or try it again',
  help: `
axiom47 quarantine list [--reason R] [--source S] [--run ID] [--limit 50] [--cursor C] [--data-dir DIR] [--json]
axiom47 quarantine show ID [--json]
axiom47 quarantine replay [--reason R] [--source S] [--json]

Refused input is kept for 90 days, encrypted at rest. \`show\` prints what was sent, which may be personal data.

Example: axiom47 quarantine list --reason bad-amount
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, {
      reason: { type: 'string' },
      source: { type: 'string' },
      run: { type: 'string' },
      limit: { type: 'string' },
      cursor: { type: 'string' },
    });
    const [verb, id] = positionals;
    if (!(['list', 'replay'].includes(verb ?? 'list') || (verb === 'show' && id !== undefined)))
      throw new UsageError('quarantine list, quarantine show ID, or quarantine replay');
    if (verb === 'replay' && [values.run, values.limit, values.cursor].some((each) => each !== undefined))
      throw new UsageError('quarantine replay takes --reason and --source only');
    const noSuch = () => new UsageError(`nothing refused has the id ${id}; \`axiom47 quarantine list\` shows the ids`);
    if (verb === 'show' && !ID.test(id!)) throw noSuch();
    if (values.limit !== undefined && !(/^\d{1,3}$/.test(values.limit) && +values.limit >= 1 && +values.limit <= 500))
      throw new UsageError(`--limit ${values.limit}: a whole number from 1 to 500`);
    if (values.cursor !== undefined && !ID.test(values.cursor))
      throw new UsageError(`--cursor ${values.cursor}: take it from the last line of the page before`);
    if (values.source !== undefined && !SOURCE.test(values.source))
      throw new UsageError(`--source ${values.source}: no source has such a name; \`axiom47 source list\` shows them`);
    for (const [name, most] of [
      ['reason', 40],
      ['run', 64],
    ] as const)
      if ((values[name]?.length ?? 0) > most) throw new UsageError(`--${name}: at most ${most} characters`);
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      if (verb === 'show') {
        const row = await client.call<Row>('GET', `/api/quarantine/${id}`).catch((error: unknown) => {
          throw error instanceof ApiError && error.status === 404 ? noSuch() : error;
        });
        print(
          io,
          values.json,
          row,
          () => `${row.reason}: ${row.detail}\nsource ${row.source}, ${row.at}\n\n${row.raw}`,
        );
        return 0;
      }
      if (verb === 'replay') {
        const { reason, source } = values;
        const done = await client.call<QuarantineReplay>('POST', '/api/quarantine/replay', { reason, source });
        print(io, values.json, done, () => inWords(done));
        return 0;
      }
      const query = new URLSearchParams();
      const filters = ['reason', 'source', 'run', 'cursor'] as const;
      for (const name of [...filters, 'limit'] as const) if (values[name] !== undefined) query.set(name, values[name]);
      const page = await client.call<{ items: Row[]; next: string | null; reasons: Record<string, number> }>(
        'GET',
        `/api/quarantine?${query}`,
      );
      print(io, values.json, page, () => {
        const totals = Object.entries(page.reasons).map(([reason, rows]) => `${reason} ${rows}`);
        if (page.items.length === 0)
          return filters.every((name) => values[name] === undefined)
            ? 'Nothing is in the quarantine.'
            : 'Nothing in the quarantine is like that.';
        return [
          `rows by reason: ${totals.join(', ')}`,
          '',
          table(
            ['id', 'reason', 'source', 'row', 'column', 'rows', 'detail'],
            page.items.map((row) => [row.id, row.reason, row.source, row.row, row.column, row.rows, row.detail]),
          ),
          ...(page.next ? ['', `more: axiom47 quarantine list --cursor ${page.next}`] : []),
        ].join('\n');
      });
      return 0;
    });
  },
};

function inWords({ rows, accepted, duplicates, refused, left, seq }: QuarantineReplay): string {
  const reasons = Object.entries(refused).map(([reason, count]) => `${reason} ${count}`);
  return [
    `${rows} tried again: ${accepted} stored, ${duplicates} known already${seq > 0 ? `, by log position ${seq}` : ''}`,
    ...(reasons.length > 0 ? [`refused again: ${reasons.join(', ')}`] : []),
    ...(left.imports > 0 ? [`${left.imports} rows of imports were left: import their files again`] : []),
    ...(left.others > 0
      ? [`${left.others} conflicts and rows of erased customers were left: nothing can be tried`]
      : []),
  ].join('\n');
}
