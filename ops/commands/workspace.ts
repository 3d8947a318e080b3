// What concerns every customer, from the command line: rates, clock, two customers that are one, and forgetting one.
import { type Client, dataDirOf, withServer } from '../client.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand, print } from './options.ts';

const post = (client: Client, path: string, body: unknown) => client.call<{ seq: number }>('POST', path, body);

export const workspace: Command = {
  name: 'workspace',
  summary: 'rates, clock, joining two customers, erasing one',
  help: `
axiom47 workspace rates DATE CODE=RATE… [--data-dir DIR] [--json]
axiom47 workspace clock log|wall
axiom47 workspace join CUSTOMER_ID SAME_AS
axiom47 workspace erase CUSTOMER_ID

rates: units of the reporting currency for one unit of CODE, from DATE on until a later DATE says otherwise.
clock: what "now" is, the largest event time (log, the default) or the clock on the wall.
join and erase cannot be undone; erase destroys every id and key of the customer and all that names them.

Example: axiom47 workspace rates 2026-01-01 USD=0.92 GBP=1.16
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, {});
    const [verb, first = '', second = '', ...rest] = positionals;
    const request = requestOf(verb, first, second, rest);
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      const answer = await post(client, request.path, request.body);
      print(io, values.json, answer, () => `done at log position ${answer.seq}`);
      return 0;
    });
  },
};

function requestOf(verb: string | undefined, first: string, second: string, rest: string[]) {
  const given = [first, second, ...rest].filter((text) => text !== '').length;
  if (verb === 'rates' && given >= 2) {
    const pairs = [second, ...rest].map((pair) => /^([A-Za-z]{3})=(.+)$/.exec(pair));
    if (pairs.includes(null)) throw new UsageError('workspace rates DATE CODE=RATE…, for example USD=0.92');
    const rates = Object.fromEntries(pairs.map((pair) => [pair![1]!.toUpperCase(), pair![2]!]));
    return { path: '/api/rates', body: { day: first, rates } };
  }
  if (verb === 'clock' && given === 1) return { path: '/api/clock', body: { mode: first } };
  if (verb === 'join' && given === 2) return { path: '/api/links', body: { customer_id: first, same_as: second } };
  if (verb === 'erase' && given === 1) return { path: '/api/erasures', body: { customer_id: first } };
  throw new UsageError(
    'workspace rates DATE CODE=RATE… | clock log|wall | join CUSTOMER_ID SAME_AS | erase CUSTOMER_ID',
  );
}
