// What concerns every customer, from the command line: rates, clock, two customers that are one, and forgetting one.
import { type Client, dataDirOf, withServer } from '../client.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand, print } from './options.ts';

const post = (client: Client, path: string, body: unknown) => client.call<{ seq: number }>('POST', path, body);

export const workspace: Command = {
  name: 'workspace',
  summary: 'rates, clock, zone, joining two customers, erasing one',
  help: `
axiom47 workspace rates DATE CODE=RATE… [--data-dir DIR] [--json]
axiom47 workspace clock log|wall
axiom47 workspace zone ZONE
axiom47 workspace join CUSTOMER_ID SAME_AS --yes
axiom47 workspace erase CUSTOMER_ID --yes

rates: units of the reporting currency for one unit of CODE, from DATE on until a later DATE says otherwise.
clock: what "now" is, the largest event time (log, the default) or the clock on the wall.
zone: the IANA zone whose local day new events get; earlier days stay until \`axiom47 rebuild --zone\`.
join and erase cannot be undone: without --yes they only show whom they concern. erase destroys every id and key of the customer and all
that names them.

Example: axiom47 workspace rates 2026-01-01 USD=0.92 GBP=1.16
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, { yes: { type: 'boolean' } });
    const [verb, first = '', second = '', ...rest] = positionals;
    const request = requestOf(verb, first, second, rest);
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      if (request.final.length > 0 && !values.yes) {
        for (const id of request.final) io.stderr(`${await describe(client, id)}\n`);
        throw new UsageError(`workspace ${verb} cannot be undone; nothing was done yet: say it again with --yes`);
      }
      const answer = await post(client, request.path, request.body);
      print(io, values.json, answer, () => `done at log position ${answer.seq}`);
      return 0;
    });
  },
};

interface Detail {
  customer_id: string;
  orders: number;
  first_day: string | null;
  last_day: string | null;
  linked: number;
}

/** Whom a step that cannot be undone concerns. */
async function describe(client: Client, id: string): Promise<string> {
  const { ref } = await client.call<{ ref: string }>('POST', '/api/customers/lookup', { customer_id: id });
  const found = await client.call<Detail>('GET', `/api/customers/${ref}?timeline=0`);
  const span =
    found.first_day === null ? 'no orders' : `${found.orders} orders, ${found.first_day} to ${found.last_day}`;
  return `${found.customer_id}: ${span}${found.linked > 0 ? `, ${found.linked} linked ids` : ''}`;
}

interface Request {
  path: string;
  body: Record<string, unknown>;
  /** Customers it changes for good. */
  final: string[];
}

function requestOf(verb: string | undefined, first: string, second: string, rest: string[]): Request {
  const given = [first, second, ...rest].filter((text) => text !== '').length;
  if (verb === 'rates' && given >= 2) {
    const pairs = [second, ...rest].map((pair) => /^([A-Za-z]{3})=(.+)$/.exec(pair));
    if (pairs.includes(null)) throw new UsageError('workspace rates DATE CODE=RATE…, for example USD=0.92');
    const rates = Object.fromEntries(pairs.map((pair) => [pair![1]!.toUpperCase(), pair![2]!]));
    return { path: '/api/rates', body: { day: first, rates }, final: [] };
  }
  if (verb === 'clock' && given === 1) return { path: '/api/clock', body: { mode: first }, final: [] };
  if (verb === 'zone' && given === 1) return { path: '/api/zone', body: { zone: first }, final: [] };
  if (verb === 'join' && given === 2)
    return { path: '/api/links', body: { customer_id: first, same_as: second }, final: [first, second] };
  if (verb === 'erase' && given === 1) return { path: '/api/erasures', body: { customer_id: first }, final: [first] };
  throw new UsageError(
    'workspace rates DATE CODE=RATE… | clock log|wall | zone ZONE | join CUSTOMER_ID SAME_AS | erase CUSTOMER_ID',
  );
}
