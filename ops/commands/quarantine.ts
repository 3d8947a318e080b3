// What was refused, with reasons, from the command line.
import { dataDirOf, withServer } from '../client.ts';
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

export const quarantine: Command = {
  name: 'quarantine',
  summary: 'list what was refused, or show one with what was sent',
  help: `
axiom47 quarantine list [--reason R] [--source S] [--run ID] [--limit 50] [--cursor C] [--data-dir DIR] [--json]
axiom47 quarantine show ID [--json]

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
    if (!((verb ?? 'list') === 'list' || (verb === 'show' && id !== undefined)))
      throw new UsageError('quarantine list, or quarantine show ID');
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      if (verb === 'show') {
        const row = await client.call<Row>('GET', `/api/quarantine/${encodeURIComponent(id!)}`);
        print(
          io,
          values.json,
          row,
          () => `${row.reason}: ${row.detail}\nsource ${row.source}, ${row.at}\n\n${row.raw}`,
        );
        return 0;
      }
      const query = new URLSearchParams();
      for (const name of ['reason', 'source', 'run', 'limit', 'cursor'] as const)
        if (values[name] !== undefined) query.set(name, values[name]);
      const page = await client.call<{ items: Row[]; next: string | null; reasons: Record<string, number> }>(
        'GET',
        `/api/quarantine?${query}`,
      );
      print(io, values.json, page, () => {
        const totals = Object.entries(page.reasons).map(([reason, rows]) => `${reason} ${rows}`);
        if (page.items.length === 0)
          return query.size === 0 ? 'Nothing is in the quarantine.' : 'Nothing in the quarantine is like that.';
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
