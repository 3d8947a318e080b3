// What churn means here, from the command line.
import { CHURN_KINDS, type ChurnDefinition } from '#domain/churn-definition.ts';
import type { TrainingCheck } from '#processors/training/training-check.ts';
import { ApiError, type Client, dataDirOf, withServer } from '../client.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand, print, table } from './options.ts';

interface Definition {
  kind: ChurnDefinition['kind'];
  horizon_days: number;
  grace_days: number;
  active_within_days: number | null;
}

/** 30, 30d, 4w, 3m (of 30 days). */
export function daysOf(option: string, text: string): number {
  const found = /^(\d{1,4})([dwm]?)$/.exec(text);
  const days = found === null ? 0 : Number(found[1]) * { '': 1, d: 1, w: 7, m: 30 }[found[2] as '' | 'd' | 'w' | 'm'];
  if (days < 1 || days > 3653) throw new UsageError(`${option} ${text}: days like 30, 30d, 4w or 3m`);
  return days;
}

export const churn: Command = {
  name: 'churn',
  summary: 'say what churn means for buyers and for subscribers',
  help: `
axiom47 churn list [--data-dir DIR] [--json]
axiom47 churn define non-contractual --horizon 90d [--active-within 365d]
axiom47 churn define contractual --horizon 30d [--grace 7d]

non-contractual: lost = no purchase within the horizon; asked of who bought at most --active-within ago (everybody without it).
contractual: lost = every subscription has ended within the horizon and none began within the grace after. With it, a customer who has or had a
subscription is judged by it; without it, by purchases like everybody else.
--grace needs a log that reaches horizon + grace beyond what is learned from; when it does not, it is said by how much.
A model goes on answering the horizon it was trained for: train again after a change.

Example: axiom47 churn define contractual --horizon 30d --grace 7d
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, {
      horizon: { type: 'string' },
      grace: { type: 'string' },
      'active-within': { type: 'string' },
    });
    const [verb, kind] = positionals;
    if (!(verb === 'list' || (verb === 'define' && CHURN_KINDS.some((each) => each === kind))))
      throw new UsageError(`churn list, or churn define ${CHURN_KINDS.join('|')} --horizon DAYS`);
    if (verb === 'define' && values.horizon === undefined) throw new UsageError('churn define needs --horizon DAYS');
    const body = {
      ...(values.horizon === undefined ? {} : { horizon_days: daysOf('--horizon', values.horizon) }),
      ...(values.grace === undefined ? {} : { grace_days: values.grace === '0' ? 0 : daysOf('--grace', values.grace) }),
      ...(values['active-within'] === undefined
        ? {}
        : { active_within_days: daysOf('--active-within', values['active-within']) }),
    };
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      const items =
        verb === 'define'
          ? [await client.call<Definition>('PUT', `/api/churn-definitions/${kind}`, body)]
          : (await client.call<{ items: Definition[] }>('GET', '/api/churn-definitions')).items;
      if (verb === 'define' && items[0]!.grace_days > 0)
        for (const lack of await lacksIfAnswered(client, items[0]!)) io.stderr(`warning: ${lack}\n`);
      print(io, values.json, verb === 'define' ? items[0] : items, () =>
        table(
          ['kind', 'horizon (days)', 'grace', 'active within'],
          items.map((each) => [each.kind, each.horizon_days, each.grace_days, each.active_within_days ?? 'ever']),
        ),
      );
      return 0;
    });
  },
};

/** The definition holds already: that its check is refused (a busy server, a role that may not train) is told, and no failure of the command. */
export async function lacksIfAnswered(client: Pick<Client, 'call'>, definition: Definition): Promise<string[]> {
  try {
    return await lacksOf(client, definition);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return [`whether the log is long enough for it could not be checked: ${error.message}`];
  }
}

/** What a training by the definition would lack, by the same functions that would train: a break can be forgiven only where the log saw its end. */
async function lacksOf(
  client: Pick<Client, 'call'>,
  { kind, horizon_days: horizon, grace_days: grace }: Definition,
): Promise<string[]> {
  const body = { kind: 'churn-logistic', definition: kind, dry_run: true };
  const { checklist, asOf, latenessDays } = await client.call<TrainingCheck>('POST', '/api/jobs/train', body);
  const lacking = checklist.filter(({ required, missing }) => required && missing > 0);
  if (lacking.length === 0) return [];
  const late = latenessDays > 0 ? ` and ${latenessDays} days for late events` : '';
  const reach = horizon + grace + latenessDays;
  const latest = new Date(Date.parse(asOf.at) - reach * 86_400_000).toISOString().slice(0, 10);
  const history = lacking.find(({ unit }) => unit === 'days');
  const see = `axiom47 train churn-logistic --definition ${kind} --dry-run`;
  if (history)
    return [
      `the log is ${history.missing} days too short for a horizon of ${horizon} days, a grace of ${grace}${late}: a training needs ${history.asked} days of history, there are ${history.found} (${see})`,
    ];
  const rows = lacking.map(({ item, asked, found }) => `${item} (${found} of ${asked})`).join(', ');
  return [
    `with a grace of ${grace} days${late} a training learns from ${latest} and before, ${reach} days ahead of the last day of the log, and there it lacks: ${rows}; a log that goes ${grace} days further, or a shorter grace, would do (${see})`,
  ];
}
