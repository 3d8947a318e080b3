// Everybody as of an earlier moment: counts, totals, the digest of the state and the models in force then. One customer's past is asked of
// /api/customers/{ref} and /api/predict with the same `as_of`.
import { z } from '@hono/zod-openapi';
import { formatMinor } from '#domain/money.ts';
import type { PastSummary } from '#projections/memory/past/protocol.ts';
import type { Deps } from '../deps.ts';
import type { ServingModel } from '../model-deps.ts';
import { dayText, type Moment } from '../predict/as-of.ts';
import { firstOf } from '../predict/coordinates.ts';
import type { Predictions } from '../predict/service.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { AsOfOutput, AsOfQuery, jsonAnswer } from '../schemas.ts';

const Money = z.record(z.string(), z.string()).describe('By currency, as exact decimals');
const Summary = z.object({
  as_of: AsOfOutput,
  day: z.string().describe('Local day of that moment: entries up to it count in orders, refunds and totals'),
  clock: z.enum(['log', 'wall']),
  state: z.string().describe('Digest of everything the log held: the same for the same sequence, for ever'),
  customers: z.number(),
  buyers: z.number().describe('Of them with an order by that day'),
  erased: z.number().describe('Erased by now: they have no past either'),
  events: z.number(),
  orders: z.number(),
  refunds: z.number(),
  gross: Money,
  refunded: Money,
  models: z
    .array(
      z.object({
        id: z.string(),
        version: z.number(),
        kind: z.string(),
        digest: z.string(),
        deployed_seq: z.number(),
        percent: z.number().describe('Of the customers: 100 all but those of a canary beside it, less a canary'),
      }),
    )
    .describe('In force then: of each kind the last one deployed, and a canary beside it'),
  first_model: z
    .object({ id: z.string(), deployed_seq: z.number() })
    .nullable()
    .describe('Where none was in force: the first that came later; null: none has come'),
  folded_from: z.number().describe('Position of the snapshot it was folded from; 0: from the log’s beginning'),
  ms: z.number(),
});
const Status = z.object({
  indexed: z.number().describe('The event index holds everything up to here'),
  making: z.number().nullable().describe('It is being made from the log up to here; until then the past takes longer'),
  entries: z.number().describe('Events, and facts about single customers, in it'),
  segments: z.number(),
  bytes: z.number(),
  folding: z
    .object({ from: z.number(), seq: z.number(), to: z.number() })
    .nullable()
    .describe('The fold of everybody that is under way'),
});

const moneyOf = (sums: Record<string, number>): Record<string, string> =>
  Object.fromEntries(Object.entries(sums).map(([currency, minor]) => [currency, formatMinor(minor, currency)]));

/** The last lifetime value model, and of each sort of churn model the last one (of subscriptions it has another name). */
const inForce = (models: PastSummary['models']): PastSummary['models'] => {
  const family = ({ kind, model }: PastSummary['models'][number]) => (kind === 'clv' ? '' : `${kind} ${model}`);
  const whole = models.filter(({ percent }) => percent === 100);
  return [...new Map(whole.map((each) => [family(each), each])).values()].flatMap((active) => {
    const last = models.findLast(({ model }) => model === active.model)!;
    return last.percent > 0 && last.percent < 100 ? [active, last] : [active];
  });
};

export function pastRoutes(
  { past, deployedModels, deployedChurnModels }: Pick<Deps, 'past' | 'deployedModels' | 'deployedChurnModels'>,
  predictions: Predictions,
) {
  const firstModel = () => {
    const first = firstOf<Pick<ServingModel, 'id' | 'deployedSeq'>>([...deployedModels(), ...deployedChurnModels()]);
    return first && { id: first.id, deployed_seq: first.deployedSeq };
  };
  const answer = (moment: Moment, found: PastSummary) => ({
    as_of: { seq: moment.seq, at: moment.atText },
    day: dayText(moment.day),
    clock: moment.clock,
    state: found.state,
    customers: found.customers,
    buyers: found.buyers,
    erased: found.erased,
    events: found.events,
    orders: found.orders,
    refunds: found.refunds,
    gross: moneyOf(found.gross),
    refunded: moneyOf(found.refunded),
    models: inForce(found.models).map(({ model, version, kind, digest, seq, percent }) => ({
      id: model,
      version,
      kind,
      digest,
      deployed_seq: seq,
      percent,
    })),
    first_model: found.models.length > 0 ? null : firstModel(),
    folded_from: found.from,
    ms: found.ms,
  });
  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/api/past',
        permission: 'system:read',
        tags: ['system'],
        summary: 'Everybody as of a moment: counts, totals, the digest of the state, the models in force',
        request: { query: z.strictObject({ as_of: AsOfQuery }) },
        responses: { 200: jsonAnswer('The moment', Summary) },
      }),
      async (c) => {
        const moment = await predictions.momentOf(c.req.valid('query').as_of);
        const found = await past.summary(moment.seq, moment.day);
        if (found.firstDay !== null && moment.day < found.firstDay)
          throw new Problem(
            'as-of-before',
            `the first order is of ${dayText(found.firstDay)}; nothing is known of ${dayText(moment.day)}`,
            { fields: [{ pointer: '/as_of', detail: `from ${dayText(found.firstDay)} on` }] },
          );
        return c.json(answer(moment, found), 200);
      },
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/past/status',
        permission: 'system:read',
        tags: ['system'],
        summary: 'How far the event index is, and the fold of an earlier moment that is under way',
        responses: { 200: jsonAnswer('The thread of the past', Status) },
      }),
      async (c) => {
        const { postings, ...status } = await past.status();
        return c.json({ entries: postings, ...status }, 200);
      },
    );
}
