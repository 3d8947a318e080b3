// The ledger of ledgers, as it was last compared, for the console and for whoever watches.
import { z } from '@hono/zod-openapi';
import type { Deps } from '../deps.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer } from '../schemas.ts';

const Ledgers = z.object({
  ok: z.boolean(),
  at: z.string().nullable().describe('When they were last compared'),
  rounds: z.number(),
  trouble: z.string().nullable().describe('Why they cannot be compared at the moment'),
  stream: z.object({ last: z.number(), sealed_to: z.number() }),
  gateway: z.object({
    gateway: z.string(),
    epoch: z.number(),
    acknowledged: z.number().describe('Events the log has acknowledged to this life of the gateway'),
    applied: z.number().describe('Events of that life the fold has applied, each number once'),
  }),
  tables: z.object({
    events: z.number(),
    customers: z.number(),
    rows: z.number().describe('Customers compared since the start'),
    changed_meanwhile: z.number(),
    counted: z
      .number()
      .describe(
        'Log position up to which the tables and the log agree on the number of events and the sum of their ids',
      ),
  }),
  mismatches_found: z.number().describe('Since the start, mended or not'),
  mismatches: z.array(
    z.object({
      ledger: z.enum(['log', 'gateway', 'events', 'customers']),
      seq: z.number().describe('Log position'),
      sid: z.string().nullable(),
      detail: z.string(),
      found_at: z.string(),
    }),
  ),
});

export function ledgerRoutes(deps: Deps) {
  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/api/ledgers',
        permission: 'system:read',
        tags: ['system'],
        summary: 'Do gateway, log, fold and tables agree: as it was last compared, a few seconds ago',
        responses: { 200: jsonAnswer('The ledgers', Ledgers) },
      }),
      (c) => c.json(deps.agreement.report(), 200),
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/verify/projections',
        permission: 'system:read',
        tags: ['system'],
        summary: 'Compare the rows of every customer in the tables with the ledger',
        responses: { 200: jsonAnswer('The ledgers, all of them compared', Ledgers) },
      }),
      async (c) => c.json(await deps.agreement.verify(), 200),
    );
}
