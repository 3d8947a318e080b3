// Sources of events from the command line.
import { dataDirOf, withServer } from '../client.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand, print, table } from './options.ts';

interface Added {
  source: string;
  writeKey: string;
  nats: { url: string; creds: string } | null;
}

export const source: Command = {
  name: 'source',
  summary: 'add or list sources of events',
  help: `
axiom47 source add NAME [--orders-as OTHER] [--coverage complete|YYYY-MM-DD] [--data-dir DIR] [--json]
axiom47 source list [--json]

\`add\` answers the write key (user name of HTTP Basic on /v1/track) and NATS credentials that may publish to in.NAME and nothing else.
--orders-as shares the order ids of another source, so that one order sent by both is one order.

Example: axiom47 source add shop
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, {
      'orders-as': { type: 'string' },
      coverage: { type: 'string' },
    });
    const [verb, name] = positionals;
    if (!(verb === 'list' || (verb === 'add' && name !== undefined)))
      throw new UsageError('source add NAME, or source list');
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      if (verb === 'list') {
        const { items } = await client.call<{ items: { name: string; coverage: string; created_at: string }[] }>(
          'GET',
          '/api/data-sources',
        );
        print(io, values.json, items, () =>
          table(
            ['source', 'coverage', 'added'],
            items.map((each) => [each.name, each.coverage, each.created_at]),
          ),
        );
        return 0;
      }
      const added = await client.call<Added>('POST', '/api/data-sources', {
        name,
        ...(values['orders-as'] === undefined ? {} : { orders_as: values['orders-as'] }),
        ...(values.coverage === undefined ? {} : { coverage: values.coverage }),
      });
      const { source: added_, writeKey, nats } = added;
      print(io, values.json, { source: added_, writeKey, nats }, () =>
        [
          `source ${added_}`,
          `write key  ${writeKey}`,
          ...(nats ? [`nats url   ${nats.url}`, `nats seed  ${nats.creds}`] : []),
          '',
          'Both are shown once.',
        ].join('\n'),
      );
      return 0;
    });
  },
};
