// Late events and what they have changed, from the command line.
import { ApiError, type Client, dataDirOf, withServer } from '../client.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand, print, table } from './options.ts';

interface LateEvent {
  customer_id: string;
  ref: string;
  seq: number;
  type: string;
  day: string;
  days_late: number;
}
interface Side {
  orders: number;
  p_alive: number | null;
  p_churn: number | null;
  band: string | null;
  clv_mean: number | null;
}
interface Difference {
  at: string | null;
  before: Side | null;
  after: Side | null;
}

/** Each asks the log twice. */
const COMPARED = 20;

export const late: Command = {
  name: 'late',
  summary: 'events that came late, and the scores they have changed',
  help: `
axiom47 late [--limit 20] [--before SEQ[/INDEX]] [--data-dir DIR] [--json]

Live events whose day lay before the log's own day when they came, newest first, each with what was answered of its customer by the log before
it and with it, both asked about the same moment. Files of history (\`axiom47 import\` without --live) are not late.

Example: axiom47 late --limit 5
`,
  async run(argv, io) {
    const { values } = parseCommand(argv, { limit: { type: 'string' }, before: { type: 'string' } });
    const limit = Number(values.limit ?? COMPARED);
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= COMPARED))
      throw new UsageError(`--limit ${values.limit}: a whole number from 1 to ${COMPARED}`);
    if (values.before !== undefined && !/^[1-9]\d{0,14}(\/\d{1,9})?$/.test(values.before))
      throw new UsageError(`--before ${values.before}: a log position, or the place in a message (47/2)`);
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      const query = new URLSearchParams({ limit: String(limit), ...(values.before ? { before: values.before } : {}) });
      const page = await client.call<{ items: LateEvent[]; next: string | null; total: number }>(
        'GET',
        `/api/late?${query}`,
      );
      const items: (LateEvent & Difference)[] = [];
      for (const event of page.items) items.push({ ...event, ...(await differenceOf(client, event)) });
      print(io, values.json, { ...page, items }, () =>
        page.total === 0
          ? 'Nothing has come late.'
          : [
              `${page.total} events have come late`,
              '',
              table(
                ['position', 'customer', 'type', 'day', 'days late', 'P(alive)', 'P(churn)', 'band', 'CLV'],
                items.map((each) => [
                  each.seq,
                  each.customer_id,
                  each.type,
                  each.day,
                  each.days_late,
                  change(each, ({ p_alive }) => digits(p_alive, 4)),
                  change(each, ({ p_churn }) => digits(p_churn, 4)),
                  change(each, ({ band }) => band),
                  change(each, ({ clv_mean }) => digits(clv_mean, 2)),
                ]),
              ),
              ...(page.next === null ? [] : ['', `more: axiom47 late --before ${page.next}`]),
            ].join('\n'),
      );
      return 0;
    });
  },
};

/** Of whom nothing is kept any more, erased since the list was made: said in the customer's place. */
async function differenceOf(client: Client, { seq, ref }: LateEvent): Promise<Difference & { customer_id?: string }> {
  try {
    return await client.call<Difference>('GET', `/api/late/${seq}/${ref}`);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 410)) throw error;
    return { customer_id: '(erased)', at: null, before: null, after: null };
  }
}

const digits = (value: number | null, places: number): string | null => value?.toFixed(places) ?? null;

function change({ before, after }: Difference, of: (side: Side) => string | null): string {
  const [was, is] = [before && of(before), after && of(after)];
  return was === is ? (was ?? '–') : `${was ?? '–'} → ${is ?? '–'}`;
}
