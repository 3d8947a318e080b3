// Customers whose events wait behind one that could not be applied, from the command line.
import { type Client, dataDirOf, withServer } from '../client.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand, print, table } from './options.ts';

interface Letter {
  customer_id: string | null;
  ref: string | null;
  seq: number;
  index: number;
  reason: string;
  detail: string;
  tries: number;
  events: number;
  last_seq: number;
  scores: number;
  orders: number;
}
interface Page {
  items: Letter[];
  next: number | null;
  total: number;
  events: number;
  beyond: number;
}

/** What to do about each reason. */
const ADVICE: Readonly<Record<string, string>> = {
  unknown: 'written by a newer program: start that version, it tries them again by itself',
  failed: 'this program fails at it: install one that is mended, it tries them again by itself',
  stuck: 'this program does not come back from it: install one that is mended, then `axiom47 dead-letters replay`',
  unreadable: 'a message this program cannot read: `axiom47 verify --chain` says whether it is as it was stored',
  fact: 'a fact for all customers, of a newer version: start that version',
};

export const deadLetters: Command = {
  name: 'dead-letters',
  summary: 'customers with an event that could not be applied: list, show, try again',
  help: `
axiom47 dead-letters list [--limit 50] [--after N] [--data-dir DIR] [--json]
axiom47 dead-letters show SEQ[/INDEX] [--json]
axiom47 dead-letters replay [--json]

An event that cannot be applied is tried three times; then its customer is parked: later events wait behind it in order, answers about the
customer say so and stay as they were before it, everybody else's events flow. Nothing is lost: the log holds all of it. A newer program tries
again at its start; \`replay\` does so now.

Example: axiom47 dead-letters list
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, { limit: { type: 'string' }, after: { type: 'string' } });
    const [verb = 'list', place] = positionals;
    if (!['list', 'replay'].includes(verb) && !(verb === 'show' && place !== undefined))
      throw new UsageError('dead-letters list, dead-letters show SEQ[/INDEX], or dead-letters replay');
    if (values.limit !== undefined && !(/^\d{1,3}$/.test(values.limit) && +values.limit >= 1 && +values.limit <= 500))
      throw new UsageError(`--limit ${values.limit}: a whole number from 1 to 500`);
    if (values.after !== undefined && !/^\d{1,9}$/.test(values.after))
      throw new UsageError(`--after ${values.after}: take it from the last line of the page before`);
    if (verb === 'show' && !PLACE.test(place!))
      throw new UsageError(`${place}: a log position, as \`axiom47 dead-letters list\` shows them`);
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      if (verb === 'replay') {
        const done = await client.call<{ seq: number; applied: number; parked: number; customers: number }>(
          'POST',
          '/api/dead-letters/replay',
        );
        print(io, values.json, done, () =>
          done.applied + done.parked === 0
            ? 'Nothing is parked.'
            : `tried at log position ${done.seq}: ${done.applied} events applied, ${done.parked} of ${done.customers} customers still parked`,
        );
        return done.parked === 0 ? 0 : 1;
      }
      if (verb === 'show') {
        const letter = await find(client, place!);
        if (!letter)
          throw new UsageError(`nothing waits for position ${place}; \`axiom47 dead-letters list\` shows what does`);
        print(io, values.json, letter, () => inWords(letter));
        return 0;
      }
      const query = new URLSearchParams();
      for (const name of ['limit', 'after'] as const) if (values[name] !== undefined) query.set(name, values[name]);
      const page = await client.call<Page>('GET', `/api/dead-letters?${query}`);
      print(io, values.json, page, () =>
        page.total === 0
          ? 'Nothing is parked.'
          : [
              `${page.total} parked, ${page.events} events wait`,
              '',
              table(
                ['position', 'customer', 'reason', 'detail', 'tries', 'events', 'last', 'scores'],
                page.items.map((each) => [
                  `${each.seq}/${each.index}`,
                  each.customer_id ?? '(not known)',
                  each.reason,
                  each.detail,
                  each.tries,
                  each.events,
                  each.last_seq,
                  each.scores,
                ]),
              ),
              ...(page.next === null ? [] : ['', `more: axiom47 dead-letters list --after ${page.next}`]),
            ].join('\n'),
      );
      return 0;
    });
  },
};

/** SEQ: the first that waits for something of that message; SEQ/INDEX: for this of it (-1: the whole). */
const PLACE = /^(\d{1,15})(?:\/(-1|\d{1,9}))?$/;

async function find(client: Client, place: string): Promise<Letter | null> {
  const [, seq, index] = PLACE.exec(place)!;
  const wanted = (each: Letter) => each.seq === Number(seq) && (index === undefined || each.index === Number(index));
  for (let after: number | null = 0; after !== null; ) {
    const page: Page = await client.call<Page>('GET', `/api/dead-letters?limit=500&after=${after}`);
    const found = page.items.find(wanted);
    if (found) return found;
    after = page.next;
  }
  return null;
}

function inWords(letter: Letter): string {
  const { seq, index, reason, detail, tries, customer_id, events, last_seq, scores, orders } = letter;
  return [
    `${customer_id ?? 'customers not known'}: ${reason}${detail === '' ? '' : ` (${detail})`}, tried ${tries} times`,
    `at log position ${seq}${index < 0 ? ', the whole message' : `, event ${index} of its message`}; ${events} events wait, the last at ${last_seq}`,
    `${scores} kinds of scores of this customer are given by ${orders} orders known before it`,
    ADVICE[reason] ?? '',
  ].join('\n');
}
