// The read models built anew beside the live ones, compared and switched to.
import { z } from '@hono/zod-openapi';
import { type Deps, REBUILD_STEPS } from '../deps.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer } from '../schemas.ts';

const State = z.object({
  step: z.enum(REBUILD_STEPS),
  seq: z.number().describe('Log position the new tables have reached'),
  of: z.number(),
  rows: z.number(),
  ms: z.number().describe('Spent on filling them'),
  differs: z.number().nullable().describe('Customers whose orders and refunds were others in the tables before'),
  first: z.array(z.string()).describe('The first of them, by their key in the tables (sid_key)'),
  detail: z.string().nullable(),
});

export function rebuildRoutes({ rebuild, log }: Pick<Deps, 'rebuild' | 'log'>) {
  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/api/rebuild',
        permission: 'system:read',
        tags: ['system'],
        summary: 'How far the rebuild of the read models is, or how the last one ended',
        responses: { 200: jsonAnswer('The rebuild', State) },
      }),
      (c) => c.json(rebuild.state(), 200),
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/rebuild',
        permission: 'workspace:write',
        tags: ['system'],
        summary: 'Fill the read models anew beside the live ones, compare them with the ledger, and switch to them',
        responses: { 202: jsonAnswer('It has begun', State) },
      }),
      (c) => {
        if (!rebuild.start()) throw new Problem('conflict', 'a rebuild is under way: see GET /api/rebuild');
        log.info({ by: c.var.principal.id }, 'the read models are rebuilt');
        return c.json(rebuild.state(), 202);
      },
    );
}
