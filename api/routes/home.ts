// What a visitor without an account may see: aggregates of the demo, and nothing of anybody. A count of fewer than ten people is hidden.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from '@hono/zod-openapi';
import { type ClvModel, expectedOfNewCustomer } from '#domain/models/clv-model.ts';
import { type Birth, expectedCumulative } from '#domain/models/tracking.ts';
import { COLUMN_FLAG } from '#projections/memory/columns.ts';
import { emptyHistory, type History, hasBought, isErased, isLinked } from '#projections/memory/history.ts';
import type { Deps } from '../deps.ts';
import type { LiveFeed } from '../live.ts';
import { dayText, inForceOf, type Moment } from '../predict/as-of.ts';
import { createChurnPredictions } from '../predict/churn.ts';
import { DEFAULT_HORIZON_DAYS } from '../predict/coordinates.ts';
import type { Predictions } from '../predict/service.ts';
import { orProblem } from '../predict/subjects.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer, Provenance } from '../schemas.ts';

const SMALLEST_CELL = 10;
const CACHE_MS = 5_000;
/** An answer is kept for so many times what it took: who looks at Home has a twentieth of the thread at most. */
const CACHE_TIMES = 20;
/** After so long of reading rows, who waits is answered. */
const TURN_MS = 2;

const People = {
  buyers: z.number().nullable().describe('Of the customers who have bought; null: one to nine'),
  subscribers: z.number().nullable().describe('Who have or had a subscription; null: one to nine'),
};

const Home = z.object({
  workspace: z.string(),
  customers: z.number().nullable(),
  ...People,
  orders: z.number(),
  events: z.number(),
  events_per_second: z.number(),
  churn_rate: z.number().nullable().describe('Mean P(no purchase in the next `horizon_days`) over all who have bought'),
  horizon_days: z.number().describe('Of the definition of churn in force'),
  subscribers_churn: z
    .object({ rate: z.number(), horizon_days: z.number(), customers: z.number(), model: z.string() })
    .nullable()
    .describe(
      'Mean of P(lost within `horizon_days`) over all who are under contract; null: no model, or fewer than ten',
    ),
  models_in_force: z.array(z.string()).describe('Of purchases first, then the churn models that are asked before it'),
  tracking: z.object({
    unit: z.literal('week'),
    days: z.array(z.string()),
    actual: z.array(z.number().nullable()),
    expected: z.array(z.number().nullable()).nullable(),
    truth: z.array(z.number()).nullable().describe('What the demo’s own parameters say; no model has seen them'),
  }),
  ...Provenance,
});

/** That nobody is there tells of nobody. */
const hidden = (people: number): number | null => (people > 0 && people < SMALLEST_CELL ? null : people);

interface Counted {
  seq: number;
  births: Birth[];
  people: { buyers: number | null; subscribers: number | null };
}

/** Asks once for all who ask meanwhile and for a while after. */
function kept<T>(ask: () => Promise<T>, now: () => number): () => Promise<T> {
  let last: { until: number; answer: Promise<T> } | null = null;
  async function anew(): Promise<T> {
    const begun = now();
    try {
      const answer = await ask();
      last!.until = now() + Math.max(CACHE_MS, CACHE_TIMES * (now() - begun));
      return answer;
    } catch (error) {
      last = null;
      throw error;
    }
  }
  return () => {
    if (last === null || last.until <= now())
      last = { until: Number.POSITIVE_INFINITY, answer: Promise.resolve().then(anew) };
    return last.answer;
  };
}

export function homeRoutes(deps: Deps, predictions: Predictions, live: LiveFeed) {
  const churn = createChurnPredictions(deps, predictions);
  async function everyRow(visit: (at: number) => void): Promise<void> {
    let turn = performance.now();
    for (let at = 0; at < deps.columns.rows(); at++) {
      visit(at);
      if ((at & 255) !== 255 || performance.now() - turn < TURN_MS) continue;
      await nextTurn();
      turn = performance.now();
    }
  }

  /** Reads a row; true for a customer who has bought by `day`. */
  const buyer = (at: number, row: History, day: number): boolean =>
    deps.columns.read(at, row) && !isLinked(row) && !isErased(row) && hasBought(row) && row.firstDay <= day;

  /** By first day who has bought, and how many have or had a subscription. */
  async function countPeople({ seq, day }: Moment): Promise<Counted> {
    const row = emptyHistory();
    const byDay = new Map<number, number>();
    let subscribers = 0;
    await everyRow((at) => {
      if (buyer(at, row, day)) byDay.set(row.firstDay, (byDay.get(row.firstDay) ?? 0) + 1);
      if ((row.flags & COLUMN_FLAG.subscriber) !== 0 && !isLinked(row) && !isErased(row)) subscribers++;
    });
    const births = [...byDay].map(([start, customers]) => ({ start, customers })).sort((a, b) => a.start - b.start);
    const buyers = births.reduce((sum, { customers }) => sum + customers, 0);
    return { seq, births, people: { buyers: hidden(buyers), subscribers: hidden(subscribers) } };
  }

  const horizonDays = (): number =>
    deps.churnDefinitions().findLast(({ definition }) => definition.kind === 'non-contractual')?.definition
      .horizonDays ?? DEFAULT_HORIZON_DAYS;

  async function churnRate(days: number): Promise<number | null> {
    const { moment, serving } = {
      moment: predictions.now(),
      serving: orProblem(() => predictions.modelAt(predictions.now().seq)),
    };
    if (serving instanceof Problem) return null;
    const row = emptyHistory();
    let sum = 0;
    let n = 0;
    await everyRow((at) => {
      if (!buyer(at, row, moment.day)) return;
      const p = predictions.churnOf(serving, row, moment.day, days);
      if (p === null) return;
      sum += p;
      n++;
    });
    return n >= SMALLEST_CELL ? sum / n : null;
  }

  /** From the scores that are kept current: each costs a ledger, of which everybody's is too much for a look at Home. */
  async function subscribersChurn(seq: number): Promise<z.infer<typeof Home>['subscribers_churn']> {
    const found = churn.inForce(seq).find(({ kind }) => kind === 'contractual')?.serving;
    if (found === undefined) return null;
    const { mean, customers } = await deps.tables.meanChurn(found.id);
    if (mean === null || customers < SMALLEST_CELL) return null;
    return { rate: mean, horizon_days: found.model.definition.horizonDays, customers, model: found.id };
  }

  /** One of each way of answering and kind of definition. */
  function churnModelsAt(seq: number): string[] {
    const likes = Map.groupBy(deps.deployedChurnModels(), ({ model }) => `${model.model} ${model.definition.kind}`);
    return [...likes.values()].flatMap((like) => inForceOf(like, seq)?.id ?? []);
  }

  async function home(): Promise<z.infer<typeof Home>> {
    const moment = predictions.now();
    const serving = orProblem(() => predictions.modelAt(moment.seq));
    const model = serving instanceof Problem ? null : serving;
    const counters = await live.counters();
    const { births, people } = await countPeople(moment);
    const first = births[0]?.start ?? moment.day;
    const repeats = births.length === 0 ? [] : await deps.tables.weeklyRepeats({ from: first, until: moment.day });
    // Whole weeks only: the last one is still going on.
    const whole = repeats.filter(([day]) => day + 6 <= moment.day);
    const weeks = whole.map(([day]) => day + 6);
    let seen = 0;
    const actual = whole.map(([, purchases]) => {
      seen += purchases;
      return seen;
    });
    const born = weeks.map((week) => births.reduce((sum, b) => (b.start <= week ? sum + b.customers : sum), 0));
    const hide = (values: number[]) => values.map((value, i) => (born[i]! < SMALLEST_CELL ? null : value));
    const { truth } = deps;
    const trueModel: ClvModel | null = truth && { model: 'clv', unit: truth.unit, bgNbd: truth.params };
    const days = horizonDays();
    return {
      workspace: deps.workspace.name,
      customers: counters.customers < SMALLEST_CELL ? null : counters.customers,
      ...people,
      orders: counters.orders,
      events: counters.events,
      events_per_second: counters.events_per_second,
      churn_rate: await churnRate(days),
      horizon_days: days,
      subscribers_churn: await subscribersChurn(moment.seq),
      models_in_force: [...(model ? [model.id] : []), ...churnModelsAt(moment.seq)],
      tracking: {
        unit: 'week',
        days: weeks.map(dayText),
        actual: hide(actual),
        expected: model && hide(expectedCumulative((days) => expectedOfNewCustomer(model.model, days), births, weeks)),
        truth: trueModel && expectedCumulative((days: number) => expectedOfNewCustomer(trueModel, days), births, weeks),
      },
      ...predictions.placed(moment, model),
    };
  }

  const keptPeople = kept(() => countPeople(predictions.now()), deps.now);
  const keptHome = kept(home, deps.now);

  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/api/home/people',
        permission: 'demo:read',
        tags: ['live'],
        summary: 'Whether there are buyers and subscribers: what can be learned here',
        responses: { 200: jsonAnswer('How many of each', z.object({ ...People, seq: z.number() })) },
      }),
      async (c) => {
        const { people, seq } = await keptPeople();
        return c.json({ ...people, seq }, 200);
      },
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/home',
        permission: 'demo:read',
        tags: ['live'],
        summary:
          'Aggregates: counters, churn rate, repeat purchases against the model (and, in the demo, against the truth)',
        responses: { 200: jsonAnswer('Aggregates', Home) },
      }),
      async (c) => c.json(await keptHome(), 200),
    );
}
