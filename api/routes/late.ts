// Late events, and what each has changed: the same moment asked about with the log as it was before its message and with it (facts §4).
import { z } from '@hono/zod-openapi';
import type { Place } from '#projections/memory/parked-lists.ts';
import { nameAll, SID_REF, sidOfRef } from '../customers.ts';
import type { Deps } from '../deps.ts';
import { dayText, type Moment } from '../predict/as-of.ts';
import { createChurnPredictions } from '../predict/churn.ts';
import type { Predictions } from '../predict/service.ts';
import { orProblem } from '../predict/subjects.ts';
import { Problem } from '../problem.ts';
import type { LedgerView } from '../read-deps.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer, PageLimit } from '../schemas.ts';

const Event = z.object({
  customer_id: z.string(),
  ref: z.string(),
  masked: z.boolean(),
  seq: z.number().describe('Log position of its message'),
  type: z.string(),
  day: z.string(),
  days_late: z.number().describe('Between its day and the day of the log when it came'),
});
const Side = z.object({
  seq: z.number(),
  orders: z.number(),
  frequency: z.number(),
  p_alive: z.number().nullable(),
  p_churn: z.number().nullable(),
  band: z.string().nullable(),
  clv_mean: z.number().nullable(),
  not_applicable: z.string().nullable(),
});

/** SEQ, or SEQ/INDEX: one message may hold several. */
const PLACE = /^([1-9]\d{0,14})(?:\/(\d{1,9}))?$/;
const placeOf = (text: string | undefined): Place => {
  const [, seq, index] = (text === undefined ? null : PLACE.exec(text)) ?? [];
  return [Number(seq ?? Number.MAX_SAFE_INTEGER), Number(index ?? 0)];
};

export function lateRoutes(deps: Deps, predictions: Predictions) {
  const churn = createChurnPredictions(deps, predictions);

  /** What is answered of the sid at `moment` by the log as `view` holds it. */
  async function sideOf(sid: Uint8Array, view: LedgerView | null, moment: Moment) {
    const subject = predictions.subjectOfView(sid, view, moment);
    if (view === null || subject === null) return null;
    const at = orProblem(() => predictions.at(moment));
    const said = churn.byView(moment, subject, view, { horizonDays: null, curve: false, explain: false });
    const value = at instanceof Problem ? at : orProblem(() => predictions.clv(at, subject, { discountMonthly: 0.01 }));
    const problem = said instanceof Problem ? said : value instanceof Problem ? value : null;
    const { orders, frequency } = view.at(moment.day);
    return {
      seq: moment.seq,
      orders,
      frequency,
      p_alive: said instanceof Problem ? null : said.p_alive,
      p_churn: said instanceof Problem ? null : said.p_churn,
      band: said instanceof Problem ? null : said.band,
      clv_mean: value instanceof Problem ? null : value.clv_mean,
      not_applicable: problem ? String(problem.extra.applicable ?? problem.reason) : null,
    };
  }

  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/api/late',
        permission: 'customer:read',
        tags: ['customers'],
        summary: 'Live events that changed a past day, newest first: the last thousand of them',
        request: {
          query: z.strictObject({
            limit: PageLimit,
            before: z.string().regex(PLACE, 'the `next` of the page before').optional(),
          }),
        },
        responses: {
          200: jsonAnswer(
            'The events',
            z.object({
              items: z.array(Event),
              next: z.string().nullable().describe('`before` of the next page: log position and place in its message'),
              total: z.number(),
            }),
          ),
        },
      }),
      async (c) => {
        const { limit, before } = c.req.valid('query');
        const { events, total } = await deps.fold.late(limit, placeOf(before));
        const names = await nameAll(
          deps.keyring,
          c.var.principal.role,
          events.map(({ sid }) => sid),
        );
        const items = events.map(({ seq, type, day, daysLate }, i) => ({
          ...names[i]!,
          ...{ seq, type, day: dayText(day), days_late: daysLate },
        }));
        const last = events.length === limit ? events.at(-1)! : null;
        return c.json({ items, next: last && `${last.seq}/${last.index}`, total }, 200);
      },
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/late/{seq}/{ref}',
        permission: 'customer:read',
        tags: ['customers'],
        summary: 'What a message of the log has changed in the answers about one customer, at the moment it came',
        request: {
          params: z.object({
            seq: z.coerce.number().int().min(1),
            ref: z.string().regex(SID_REF, 'the `ref` of GET /api/late'),
          }),
        },
        responses: {
          200: jsonAnswer(
            'Before and after',
            z.object({
              customer_id: z.string(),
              ref: z.string(),
              masked: z.boolean(),
              seq: z.number(),
              at: z.string().nullable().describe('The moment both are asked about: that of the log with it'),
              before: Side.nullable().describe('Null: nothing was known of the customer'),
              after: Side.nullable(),
            }),
          ),
        },
      }),
      async (c) => {
        const { seq, ref } = c.req.valid('param');
        const sid = sidOfRef(ref)!;
        const asked = await predictions.momentOf(seq);
        // One moment for both: the log's own now at that place (of its last message, by the workspace's clock).
        const with_ = { ...asked, past: true };
        const without = { ...with_, seq: seq - 1 };
        const [[before], [after]] = [await deps.ledgers.past([sid], seq - 1), await deps.ledgers.past([sid], seq)];
        if (!after) throw new Problem('not-found', `the log at ${seq} knows nothing of this customer`);
        if (after.entries.erased) throw new Problem('erased', 'everything that named this customer was destroyed');
        const [named] = await nameAll(deps.keyring, c.var.principal.role, [sid]);
        return c.json(
          {
            ...named!,
            seq,
            at: with_.atText,
            before: await sideOf(sid, before ?? null, without),
            after: await sideOf(sid, after, with_),
          },
          200,
        );
      },
    );
}
