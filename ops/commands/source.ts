// Sources of events from the command line.
import { DEFAULT_BURN_IN_DAYS, LONGEST_BURN_IN_DAYS } from '#domain/coverage.ts';
import { ApiError, dataDirOf, withServer } from '../client.ts';
import { type Command, UsageError } from './command.ts';
import { isDay, parseCommand, print, table } from './options.ts';

interface Source {
  name: string;
  coverage: string;
  burn_in_days: number;
  kept: string[];
  created_at: string;
}
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

export const source: Command = {
  name: 'source',
  summary: 'add, set, list or cut off sources of events',
  help: `
axiom47 source add NAME [--orders-as OTHER] [--coverage complete|YYYY-MM-DD] [--burn-in DAYS] [--rotate] [--data-dir DIR] [--json]
axiom47 source set NAME [--coverage complete|YYYY-MM-DD] [--burn-in DAYS] [--keep FIELD,FIELD,…] [--data-dir DIR] [--json]
axiom47 source list [--json]
axiom47 source revoke NAME [--json]

\`add\` answers the write key (user name of HTTP Basic on /v1/track) and NATS credentials that may publish to in.NAME (kept until
it is taken; what is refused then is in the quarantine) and ask.NAME (a request, answered with what was stored and what refused), nothing else.
--orders-as shares the order ids of another source, so that one order sent by both is one order.

--coverage YYYY-MM-DD says that the source knows nothing of purchases before that day; complete (the default) that it knows them all.
A customer with an order from it whose first purchase lies before that day + burn-in (${DEFAULT_BURN_IN_DAYS} days, --burn-in) may be an old one in mid-life:
left out of fits and not predicted. \`set\` changes both at any time; the customers' flags follow at once, the model at the next fit.
--keep lets fields travel in the clear from now on: traits of customers and fields of subscriptions become attributes for churn models,
the others properties of events. Name none that could be personal; everything else is sealed or dropped.

Credentials are shown once. For a source that is there already --rotate makes new ones: its NATS seed before stops working, its write keys
go on until \`revoke\`, which ends every credential of the source at once; what it has sent stays. \`source add NAME --rotate\` lets it in again.

Examples:
  axiom47 source add shop
  axiom47 source set till --coverage 2024-01-01 --burn-in 365
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, {
      'orders-as': { type: 'string' },
      coverage: { type: 'string' },
      'burn-in': { type: 'string' },
      keep: { type: 'string' },
      rotate: { type: 'boolean' },
    });
    const [verb, name] = positionals;
    if (!(verb === 'list' || ((verb === 'add' || verb === 'set' || verb === 'revoke') && name !== undefined)))
      throw new UsageError('source add NAME, source set NAME, source list, or source revoke NAME');
    if (verb !== 'list') {
      named(`'${name}'`, name);
      named(`--orders-as '${values['orders-as']}'`, values['orders-as']);
      if (values.coverage !== undefined && values.coverage !== 'complete' && !isDay(values.coverage))
        throw new UsageError(`--coverage ${values.coverage}: complete, or a day like 2024-01-31`);
      const burnIn = values['burn-in'];
      if (burnIn !== undefined && !(/^\d{1,4}$/.test(burnIn) && Number(burnIn) <= LONGEST_BURN_IN_DAYS))
        throw new UsageError(`--burn-in ${burnIn}: whole days from 0 to ${LONGEST_BURN_IN_DAYS}`);
      if (verb === 'set' && values.coverage === undefined && burnIn === undefined && values.keep === undefined)
        throw new UsageError(`source set ${name}: nothing to set; say --coverage, --burn-in or --keep`);
      if (verb !== 'set' && values.keep !== undefined) throw new UsageError('--keep goes with source set NAME');
      if (verb === 'set' && (values.rotate || values['orders-as'] !== undefined))
        throw new UsageError('source set changes --coverage, --burn-in and --keep; --rotate goes with source add');
    }
    const covered = {
      ...(values.keep === undefined ? {} : { keep: values.keep.split(',').map((field) => field.trim()) }),
      ...(values.coverage === undefined ? {} : { coverage: values.coverage }),
      ...(values['burn-in'] === undefined ? {} : { burn_in_days: Number(values['burn-in']) }),
    };
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      if (verb === 'list') {
        const { items } = await client.call<{ items: Source[] }>('GET', '/api/data-sources');
        print(io, values.json, items, () =>
          table(
            ['source', 'coverage', 'burn-in', 'added'],
            items.map((each) => [
              each.name,
              each.coverage,
              each.coverage === 'complete' ? null : `${each.burn_in_days} days`,
              each.created_at,
            ]),
          ),
        );
        return 0;
      }
      if (verb === 'set') {
        const set = await client.call<Source>('PATCH', `/api/data-sources/${name}`, covered);
        print(io, values.json, set, () =>
          [
            set.coverage === 'complete'
              ? `source ${set.name} knows all of its customers' past`
              : `source ${set.name} covers from ${set.coverage}; customers first seen within ${set.burn_in_days} days of it are left out of fits from the next one on`,
            ...(set.kept.length === 0 ? [] : [`in the clear: ${set.kept.join(', ')}`]),
          ].join('\n'),
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
        ...covered,
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
