// Customers that are parked: an event of theirs could not be applied, what came later waits behind it in order, and everybody else's flows (ADR 0015).
import { z } from '@hono/zod-openapi';
import { PARK_REASONS } from '#projections/memory/parked.ts';
import { nameAll } from '../customers.ts';
import type { Deps } from '../deps.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer, PageLimit } from '../schemas.ts';

const Letter = z.object({
  customer_id: z.string().nullable().describe('Null: it is not known whose it is'),
  ref: z.string().nullable(),
  masked: z.boolean(),
  seq: z.number().describe('Log position of the event everything waits for'),
  index: z.number().describe('Its place in that message; -1: the whole message'),
  reason: z
    .enum(PARK_REASONS)
    .describe(
      'unknown: only a newer program knows its type or version. failed: the ledger failed at it, each time. stuck: the ledger did not come back from it. ' +
        'unreadable: a whole message. fact: a fact for all customers, of a newer version',
    ),
  detail: z.string(),
  tries: z.number(),
  events: z.number().describe('Events of the customer that are not applied, that one among them'),
  last_seq: z.number(),
  scores: z.number().describe('Kinds of scores given of this customer by what was known before it'),
  orders: z.number().describe('Orders they are given by'),
});

export function deadLetterRoutes(deps: Deps) {
  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/api/dead-letters',
        permission: 'quarantine:read',
        tags: ['system'],
        summary: 'Customers with an event that could not be applied, in the order of the log, and what depends on them',
        request: { query: z.strictObject({ limit: PageLimit, after: z.coerce.number().int().min(0).default(0) }) },
        responses: {
          200: jsonAnswer(
            'A page',
            z.object({
              items: z.array(Letter),
              next: z.number().nullable().describe('`after` of the next page'),
              total: z.number(),
              events: z.number().describe('Events parked, of all of them'),
              beyond: z.number().describe('Events whose places are not kept: there are too many'),
            }),
          ),
        },
      }),
      async (c) => {
        const { limit, after } = c.req.valid('query');
        const { customers, total, events, dropped } = await deps.fold.parkedCustomers(limit, after);
        const known = customers.flatMap(({ sid }) => (sid ? [sid] : []));
        const names = await nameAll(deps.keyring, c.var.principal.role, known);
        let next = 0;
        const models = deps.deployedModels().length > 0 ? 1 : 0;
        const items = customers.map(({ sid, lastSeq, ...rest }) => ({
          ...(sid ? names[next++]! : { customer_id: null, ref: null, masked: false }),
          ...rest,
          last_seq: lastSeq,
          scores: rest.orders > 0 ? models + Math.min(1, deps.deployedChurnModels().length) : 0,
        }));
        const end = after + items.length;
        return c.json({ items, next: end < total ? end : null, total, events, beyond: dropped }, 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/dead-letters/replay',
        permission: 'quarantine:replay',
        tags: ['system'],
        summary: 'Try everything that is parked again, in order; who is whole again flows on, who is not stays parked',
        responses: {
          200: jsonAnswer(
            'What became of it',
            z.object({
              seq: z.number().describe('Log position at which it was tried'),
              applied: z.number().describe('Parked events that are applied now'),
              parked: z.number().describe('Events that still are'),
              customers: z.number(),
            }),
          ),
        },
      }),
      async (c) => {
        const before = await deps.fold.parkedCustomers(1, 0);
        if (before.events === 0)
          return c.json({ seq: deps.columns.state().seq, applied: 0, parked: 0, customers: 0 }, 200);
        const { seq } = await deps.replayParked();
        const left = await deps.fold.parkedCustomers(1, 0);
        return c.json(
          { seq, applied: Math.max(0, before.events - left.events), parked: left.events, customers: left.total },
          200,
        );
      },
    );
}
