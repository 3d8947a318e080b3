// Sources of events from the command line.
import { ApiError, dataDirOf, withServer } from '../client.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand, print, table } from './options.ts';

interface Added {
  source: string;
  writeKey: string | null;
  nats: { url: string; creds: string } | null;
  note: string | null;
}

interface Revoked {
  source: string;
  writeKeys: number;
  nats: boolean;
}

/** As the server judges it, in words for the command line. */
const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const named = (what: string, text: string | undefined): void => {
  if (text !== undefined && !NAME.test(text))
    throw new UsageError(
      `${what}: a source's name is lower-case letters, digits, - and _, begins with a letter or digit, and has at most 63 characters`,
    );
};
const isDay = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}$/.test(text) && new Date(`${text}T00:00:00Z`).toJSON()?.startsWith(text) === true;

export const source: Command = {
  name: 'source',
  summary: 'add, list or cut off sources of events',
  help: `
axiom47 source add NAME [--orders-as OTHER] [--coverage complete|YYYY-MM-DD] [--rotate] [--data-dir DIR] [--json]
axiom47 source list [--json]
axiom47 source revoke NAME [--json]

\`add\` answers the write key (user name of HTTP Basic on /v1/track) and NATS credentials that may publish to in.NAME and nothing else.
--orders-as shares the order ids of another source, so that one order sent by both is one order.

Credentials are shown once. For a source that is there already --rotate makes new ones: its NATS seed before stops working, its write keys
go on until \`revoke\`, which ends every credential of the source at once; what it has sent stays. \`source add NAME --rotate\` lets it in again.

Example: axiom47 source add shop
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, {
      'orders-as': { type: 'string' },
      coverage: { type: 'string' },
      rotate: { type: 'boolean' },
    });
    const [verb, name] = positionals;
    if (!(verb === 'list' || ((verb === 'add' || verb === 'revoke') && name !== undefined)))
      throw new UsageError('source add NAME, source list, or source revoke NAME');
    if (verb === 'revoke') named(`'${name}'`, name);
    if (verb === 'add') {
      named(`'${name}'`, name);
      named(`--orders-as '${values['orders-as']}'`, values['orders-as']);
      if (values.coverage !== undefined && values.coverage !== 'complete' && !isDay(values.coverage))
        throw new UsageError(`--coverage ${values.coverage}: complete, or a day like 2024-01-31`);
    }
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
      if (verb === 'revoke') {
        const path = `/api/data-sources/${encodeURIComponent(name!)}/revoke`;
        const revoked = await client.call<Revoked>('POST', path).catch((error: unknown) => {
          if (error instanceof ApiError && error.status === 404)
            throw new UsageError(`there is no source ${name}; \`axiom47 source list\` shows them`);
          throw error;
        });
        print(io, values.json, revoked, () =>
          [
            `source ${name}: ${revoked.writeKeys} write keys have stopped working`,
            revoked.nats
              ? 'its NATS user is gone'
              : 'the NATS server is not ours: remove its user there, or it goes on publishing',
            `\`axiom47 source add ${name} --rotate\` makes new credentials`,
          ].join('\n'),
        );
        return 0;
      }
      const added = await client.call<Added>('POST', '/api/data-sources', {
        name,
        ...(values['orders-as'] === undefined ? {} : { orders_as: values['orders-as'] }),
        ...(values.coverage === undefined ? {} : { coverage: values.coverage }),
        ...(values.rotate ? { rotate: true } : {}),
      });
      const { source: added_, writeKey, nats, note } = added;
      print(io, values.json, { source: added_, writeKey, nats, note }, () =>
        writeKey === null
          ? `Source ${added_} is there already; its credentials were shown once, when it was added (an import shows none).\n\`axiom47 source add ${added_} --rotate\` makes new ones and ends its NATS seed.`
          : [
              `source ${added_}`,
              `write key  ${writeKey}`,
              ...(nats ? [`nats url   ${nats.url}`, `nats seed  ${nats.creds}`] : []),
              '',
              nats ? 'Both are shown once.' : 'It is shown once.',
              ...(note === null ? [] : [`${note[0]!.toUpperCase()}${note.slice(1)}.`]),
            ].join('\n'),
      );
      return 0;
    });
  },
};
