// Customers: a searchable list with live predictions, and everything known of one of them at any moment. Addresses are kept by histories, proxies
// and logs, so they name a customer by the reference alone (facts: a raw id reaches no URL); who knows an id asks for it in a body.
import { z } from '@hono/zod-openapi';
import type { Role } from '#domain/access.ts';
import { CHURN_KINDS } from '#domain/churn-definition.ts';
import { CUSTOMER_SORTS } from '#projections/customer-profile.ts';
import { COLUMN_FLAG } from '#projections/memory/columns.ts';
import { hasBought, netOf } from '#projections/memory/history.ts';
import { nameAll, refOf, SID_REF, seesIds, sidOfRef } from '../customers.ts';
import type { Deps } from '../deps.ts';
import { dayText, type Moment } from '../predict/as-of.ts';
import { type ChurnPredictions, createChurnPredictions } from '../predict/churn.ts';
import type { Coordinate } from '../predict/coordinates.ts';
import { customerDetail } from '../predict/detail.ts';
import type { Predictions } from '../predict/service.ts';
import { orProblem, type Subject } from '../predict/subjects.ts';
import { subscriptionOf } from '../predict/subscription.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { AsOfQuery, Cursor, CustomerId, jsonAnswer, jsonBody, PageLimit, Provenance } from '../schemas.ts';

const Net = z.number().nullable().describe('Null when it is money of several currencies and a rate is missing');
const Subscription = z
  .object({
    plan: z.string().nullable(),
    price: z.string().nullable().describe('Of one payment, as the last event said; how often it is paid is not known'),
    currency: z.string().nullable(),
    since: z.string().describe('First day of the time under contract'),
    days: z.number().describe('Length of it so far, or until it ended'),
    ended: z.string().nullable().describe('First day without; null while it runs'),
  })
  .nullable()
  .describe('The latest subscription');
const Row = z.object({
  customer_id: z.string(),
  ref: z.string(),
  masked: z.boolean(),
  first_day: z.string().nullable(),
  last_day: z.string().nullable(),
  orders: z.number(),
  frequency: z.number(),
  net: Net,
  currency: z.string(),
  p_alive: z.number().nullable(),
  p_churn: z.number().nullable(),
  horizon_days: z.number().nullable(),
  band: z.string().nullable(),
  churn_model: z.string().nullable().describe('Which model says so: that of the customer’s definition of churn'),
  clv_mean: z.number().nullable(),
  clv_p05: z.number().nullable(),
  clv_p95: z.number().nullable(),
  subscription: Subscription,
  not_applicable: z.string().nullable().describe('Why a prediction is missing'),
});
const Point = z.object({ day: z.string(), p_alive: z.number(), p_churn: z.number(), purchases: z.number() });
const Entry = z.object({
  day: z.string(),
  type: z.enum(['order', 'refund', 'activity', 'subscription']),
  amount: z.string().nullable(),
  currency: z.string().nullable(),
  name: z.string().nullable(),
  channel: z.string().nullable().describe('By which an order came'),
  count: z.number(),
});
const Refused = z.object({ reason: z.string(), detail: z.string() });
const Definition = z.object({
  kind: z.enum(CHURN_KINDS),
  horizon_days: z.number(),
  grace_days: z.number(),
  active_within_days: z.number().nullable(),
});
const Contribution = z.object({
  feature: z.string(),
  amount: z.number(),
  value: z.union([z.number(), z.string()]).nullable(),
  unit: z.string().nullable(),
});
const Detail = z.object({
  customer_id: z.string(),
  ref: z.string(),
  masked: z.boolean(),
  first_day: z.string().nullable(),
  last_day: z.string().nullable(),
  orders: z.number(),
  frequency: z.number(),
  net: Net,
  currency: z.string(),
  net_by_currency: z.array(z.object({ currency: z.string(), net: z.string() })),
  anonymous: z.boolean(),
  linked: z.number().describe('Further ids of the same person'),
  timeline: z.array(Entry).describe('Newest first'),
  timeline_total: z.number(),
  p_alive_series: z.array(Point),
  definition: Definition.describe('What churn means for this customer'),
  churn: z
    .object({
      p_churn: z.number(),
      p_alive: z.number().nullable().describe('Of BG/NBD; the other models know nothing of it'),
      band: z.string(),
      horizon_days: z.number(),
      model: z.string().nullable(),
      contributions: z.array(Contribution).describe('Largest first; the reference and their sum are the score'),
      explanation: z
        .object({ scale: z.string(), against: z.string(), reference: z.number(), score: z.number() })
        .nullable(),
    })
    .nullable(),
  caveat: z
    .string()
    .nullable()
    .describe(
      'What the model of purchases takes for granted, when few data determined it: nobody leaves, so P(alive) is 1',
    ),
  subscription: Subscription,
  ahead: z
    .object({
      model: z.string(),
      points: z.array(z.object({ days: z.number(), p_stays: z.number() })),
      reason: z.string().nullable(),
      watched_days: z
        .number()
        .nullable()
        .describe('Longest time one subscription was under observation; null: the model does not say'),
      caveat: z.string().nullable().describe('Where the curve goes beyond that: what it rests on'),
    })
    .nullable()
    .describe('Of subscribers, where a Cox model is in force: P(still under contract after so many days)'),
  clv: z
    .object({
      clv_mean: z.number(),
      clv_p05: z.number(),
      clv_p50: z.number(),
      clv_p95: z.number(),
      p_zero_spend: z.number(),
      expected_purchases: z.number(),
      expected_spend: z.number(),
      months: z.number(),
    })
    .nullable(),
  not_applicable: z.object({ churn: Refused.nullable(), clv: Refused.nullable() }),
  ...Provenance,
});

const Page = z.object({
  items: z.array(Row),
  next: z.string().nullable(),
  total: z.number(),
  churn_models: z.array(z.string()).describe('In force beside the model of purchases, each for its own customers'),
  ...Provenance,
});
const Ref = z
  .string()
  .regex(
    SID_REF,
    'the `ref` of a list or of POST /api/customers/lookup, sid: and 32 hexadecimal digits; customer ids do not belong in addresses',
  );

const unknown = () => new Problem('not-found', 'no event of this customer is known; search by the beginning of the id');

export function customerRoutes(deps: Deps, predictions: Predictions) {
  const currency = deps.workspace.reportingCurrency;

  const churnPredictions = createChurnPredictions(deps, predictions);
  type Churn = Awaited<ReturnType<ChurnPredictions['answer']>>[number] | null;

  /** The row of a list: present columns, and what the models in force make of them. */
  function rowOf(
    named: { customer_id: string; ref: string; masked: boolean },
    sid: Uint8Array,
    at: Coordinate | null,
    subject: Subject | null,
    churn: Churn,
    subscription: z.infer<typeof Subscription>,
  ) {
    const columnsRow = deps.columns.rowOf(sid);
    const history = predictions.historyOf(columnsRow);
    const clv = at && subject ? orProblem(() => predictions.clv(at, subject, { discountMonthly: 0.01 })) : null;
    const problem = churn instanceof Problem ? churn : clv instanceof Problem ? clv : null;
    const said = churn instanceof Problem ? null : churn;
    const value = clv instanceof Problem ? null : clv;
    return {
      ...named,
      first_day: history && hasBought(history) ? dayText(history.firstDay) : null,
      last_day: history && hasBought(history) ? dayText(history.lastDay) : null,
      orders: history?.orders ?? 0,
      frequency: history?.frequency ?? 0,
      ...(history ? netOf(history, currency) : { net: 0, currency }),
      p_alive: said?.p_alive ?? null,
      p_churn: said?.p_churn ?? null,
      horizon_days: said?.horizon_days ?? null,
      band: said?.band ?? null,
      churn_model: said?.model?.id ?? null,
      clv_mean: value?.clv_mean ?? null,
      clv_p05: value?.clv_p05 ?? null,
      clv_p95: value?.clv_p95 ?? null,
      subscription,
      not_applicable: problem ? String(problem.extra.applicable ?? problem.reason) : at === null ? 'no-model' : null,
    };
  }

  const hasSubscribed = ({ sid }: Subject): boolean => {
    const history = sid && predictions.historyOf(deps.columns.rowOf(sid));
    return history !== null && (history.flags & COLUMN_FLAG.subscriber) !== 0;
  };

  async function rowsOf(
    named: readonly { customer_id: string; ref: string; masked: boolean }[],
    sids: readonly Uint8Array[],
    at: Coordinate | null,
    moment: Moment,
  ) {
    const subjects = named.map((name, i) => predictions.subjectOfSid(name.customer_id, sids[i]!, moment, false));
    const asking = subjects.filter((subject) => subject !== null);
    const views = await churnPredictions.viewsOf(moment, asking, hasSubscribed);
    const asked = { horizonDays: null, curve: false, explain: false };
    const answers = await churnPredictions.answer(moment, asking, asked, views);
    let next = 0;
    return named.map((name, i) => {
      const subject = subjects[i] ?? null;
      if (subject === null) return rowOf(name, sids[i]!, at, null, null, null);
      const place = next++;
      const view = views.get(place) ?? null;
      const subscription = view && subscriptionOf(view, churnPredictions.definitionFor(moment, view), moment.day);
      return rowOf(name, sids[i]!, at, subject, answers[place] ?? null, subscription);
    });
  }

  const churnModelsNow = (): string[] =>
    churnPredictions.inForce(predictions.now().seq).map(({ serving: { id } }) => id);

  async function pageOf(
    role: Role,
    found: (at: Coordinate | null) => Promise<{ sids: Uint8Array[]; next: string | null }>,
  ) {
    const moment = predictions.now();
    const coordinate = orProblem(() => predictions.at(moment));
    const at = coordinate instanceof Problem ? null : coordinate;
    const { sids, next } = await found(at);
    const named = await nameAll(deps.keyring, role, sids);
    const items = await rowsOf(named, sids, at, moment);
    const placed = predictions.placed(moment, at?.serving ?? null);
    return { items, next, total: deps.columns.state().customers, ...placed, churn_models: churnModelsNow() };
  }

  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/api/customers',
        permission: 'customer:read',
        tags: ['customers'],
        summary: 'Customers with live predictions; ids are masked without customer:read-identified',
        request: {
          query: z.strictObject({ sort: z.enum(CUSTOMER_SORTS).default('last_day'), cursor: Cursor, limit: PageLimit }),
        },
        responses: { 200: jsonAnswer('A page', Page) },
      }),
      async (c) => {
        const { sort, cursor, limit } = c.req.valid('query');
        const page = await pageOf(c.var.principal.role, (at) =>
          deps.tables.customers({
            sort,
            after: cursor ?? null,
            limit,
            modelId: at?.serving.id ?? null,
            churnModelIds: churnModelsNow(),
          }),
        );
        return c.json(page, 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/customers/search',
        permission: 'customer:read',
        tags: ['customers'],
        summary: 'Customers whose id begins so; roles that see masked ids find one by its whole id',
        request: jsonBody(
          z.strictObject({
            q: z.string().trim().min(1).max(256).describe('Beginning of a customer id, or a `ref`'),
            limit: PageLimit,
          }),
          { 'the beginning of an id': { q: 'demo-024', limit: 8 } },
        ),
        responses: { 200: jsonAnswer('The first of them', Page) },
      }),
      async (c) => {
        const { q, limit } = c.req.valid('json');
        const { role } = c.var.principal;
        const whole = deps.ids.lookup(q) ?? sidOfRef(q);
        // A prefix search lists ids one by one: only for those who see ids anyway.
        const found = seesIds(role) ? (await deps.keyring.search(q, limit)).map(({ sid }) => sid) : [];
        const sids = found.length > 0 ? found : whole ? [whole] : [];
        return c.json(await pageOf(role, async () => ({ sids, next: null })), 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/customers/lookup',
        permission: 'customer:read',
        tags: ['customers'],
        summary: 'The reference that addresses name a customer by',
        request: jsonBody(z.strictObject({ customer_id: CustomerId }), {
          'a customer of the demo': { customer_id: 'demo-02400' },
        }),
        responses: { 200: jsonAnswer('The reference', z.object({ ref: z.string() })) },
      }),
      (c) => {
        const sid = deps.ids.lookup(c.req.valid('json').customer_id);
        if (!sid) throw unknown();
        return c.json({ ref: refOf(sid) }, 200);
      },
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/customers/{ref}',
        permission: 'customer:read',
        tags: ['customers'],
        summary:
          'One customer: profile, timeline, what churn means for them, how likely and why, lifetime value, at any moment',
        request: {
          params: z.object({ ref: Ref }),
          query: z.object({ as_of: AsOfQuery, timeline: z.coerce.number().int().min(0).max(5000).default(500) }),
        },
        responses: { 200: jsonAnswer('The customer', Detail) },
      }),
      async (c) => {
        const query = c.req.valid('query');
        const sid = sidOfRef(c.req.valid('param').ref);
        if (!sid) throw unknown();
        const moment = await predictions.momentOf(query.as_of);
        const [view] = moment.past ? await deps.ledgers.past([sid], moment.seq) : await deps.ledgers.present([sid]);
        if (!view) throw unknown();
        if (view.entries.erased) throw new Problem('erased', 'everything that named this customer was destroyed');
        const [named] = await nameAll(deps.keyring, c.var.principal.role, [sid]);
        const coordinate = orProblem(() => predictions.at(moment));
        const at =
          coordinate instanceof Problem
            ? null
            : predictions.settled(coordinate, { sid, person: Buffer.from(view.entries.sid, 'hex') });
        const detail = customerDetail(predictions, churnPredictions, {
          view,
          sid,
          ref: refOf(sid),
          at,
          moment,
          timeline: query.timeline,
          currency,
        });
        return c.json({ ...named!, ...detail, ...predictions.placed(moment, at?.serving ?? null) }, 200);
      },
    );
}
