// What concerns every customer, or forgets one: rates, clock, joining two customers, erasure. Each is one fact in the log, and the answer comes
// when every read model holds it. Ids come in bodies: an address would be written down on the way (facts §8).
import { z } from '@hono/zod-openapi';
import { parseDecimal } from '#domain/decimal.ts';
import { parseCurrency } from '#domain/money.ts';
import { DAY_MS } from '#domain/time.ts';
import type { Deps } from '../deps.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { CustomerId, jsonAnswer, jsonBody } from '../schemas.ts';

const Applied = z.object({ seq: z.number().describe('Log sequence from which it holds') });
const Rate = z
  .string()
  .max(40)
  .refine((text) => {
    const rate = parseDecimal(text);
    return rate !== null && rate.units > 0;
  }, 'a positive decimal, like "1.0832"');

export function workspaceRoutes(deps: Deps) {
  const { gateway, fold, tables, workspace } = deps;
  const held = async (seq: number) => {
    await fold.waitFor(seq);
    await tables.waitFor(seq);
    return { seq };
  };
  return createRouter()
    .openapi(
      route({
        method: 'post',
        path: '/api/rates',
        permission: 'workspace:write',
        tags: ['workspace'],
        summary: 'Rates into the reporting currency, valid from a day on until a later one says otherwise',
        request: jsonBody(z.strictObject({ day: z.iso.date(), rates: z.record(z.string().max(8), Rate) }), {
          'rates of a day': { day: '2025-11-03', rates: { USD: '0.8671', GBP: '1.1386' } },
        }),
        responses: { 200: jsonAnswer('Applied', Applied) },
      }),
      async (c) => {
        const { day, rates } = c.req.valid('json');
        for (const code of Object.keys(rates)) {
          const detail =
            parseCurrency(code) !== code
              ? 'is not an ISO 4217 code, like USD'
              : code === workspace.reportingCurrency
                ? 'is the reporting currency: its rate is 1'
                : null;
          if (detail !== null)
            throw new Problem('bad-field', `/rates/${code} ${detail}`, {
              fields: [{ pointer: `/rates/${code}`, detail }],
            });
        }
        if (Object.keys(rates).length === 0)
          throw new Problem('bad-field', '/rates is empty', {
            fields: [{ pointer: '/rates', detail: 'name a currency' }],
          });
        const seq = await gateway.appendFact({
          type: 'fx.rates.set',
          day: Math.floor(Date.parse(day) / DAY_MS),
          rates,
        });
        return c.json(await held(seq), 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/clock',
        permission: 'workspace:write',
        tags: ['workspace'],
        summary: 'What "now" is: the largest event time (log), or the clock on the wall',
        request: jsonBody(z.strictObject({ mode: z.enum(['log', 'wall']) }), {
          'the largest event time': { mode: 'log' },
          'the clock on the wall': { mode: 'wall' },
        }),
        responses: { 200: jsonAnswer('Applied', Applied) },
      }),
      async (c) => c.json(await held(await gateway.appendFact({ type: 'clock.set', ...c.req.valid('json') })), 200),
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/links',
        permission: 'workspace:write',
        tags: ['workspace'],
        summary: 'Two customer ids are one person; an administrator’s decision that cannot be undone',
        request: jsonBody(z.strictObject({ customer_id: CustomerId, same_as: CustomerId }), {
          'one person, two ids': { customer_id: 'c-1042-old', same_as: 'c-1042' },
        }),
        responses: { 200: jsonAnswer('Applied', Applied) },
      }),
      async (c) => {
        const { customer_id: from, same_as: to } = c.req.valid('json');
        for (const [pointer, id] of [
          ['/customer_id', from],
          ['/same_as', to],
        ] as const)
          if (deps.ids.lookup(id) === null)
            throw new Problem('unknown-customer', 'nothing is known of this customer', {
              fields: [{ pointer, detail: 'unknown' }],
            });
        const linked = await gateway.link({ anonymousId: from, customerId: to, source: 'api', administrator: true });
        if (!linked.ok)
          throw new Problem('conflict', 'one of the two was joined with somebody else or erased meanwhile');
        deps.log.info({ by: c.var.principal.id, seq: linked.value }, 'customers joined');
        return c.json(await held(linked.value), 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/erasures',
        permission: 'erase:execute',
        tags: ['workspace'],
        summary: 'Forget a customer for good: every id, key and row; what was earned stays as monthly totals of nobody',
        request: jsonBody(
          z.strictObject({
            customer_id: CustomerId,
            anonymous: z.boolean().default(false).describe('The id is a device’s or browser’s, of nobody known'),
          }),
          { 'a customer': { customer_id: 'customer-to-forget' } },
        ),
        responses: {
          200: jsonAnswer('Erased', Applied.extend({ sids: z.number().describe('Ids that were destroyed') })),
        },
      }),
      async (c) => {
        const { customer_id: customerId, anonymous } = c.req.valid('json');
        const erased = await gateway.erase({ customerId, anonymous });
        if (erased === null)
          throw new Problem('unknown-customer', 'nothing is known of this customer, or it was erased before', {
            fields: [{ pointer: '/customer_id', detail: 'unknown' }],
          });
        deps.log.info({ by: c.var.principal.id, sids: erased.sids, seq: erased.seq }, 'erasure executed');
        return c.json({ ...(await held(erased.seq)), sids: erased.sids }, 200);
      },
    );
}
