// The read models built anew beside the live ones, compared and switched to.
import { z } from '@hono/zod-openapi';
import type { Deps } from '../deps.ts';
import { REBUILD_STEPS, REBUILD_TARGETS } from '../integrity-deps.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer } from '../schemas.ts';

const State = z.object({
  what: z.enum(REBUILD_TARGETS),
  step: z.enum(REBUILD_STEPS),
  seq: z.number().describe('Log position the new tables have reached'),
  of: z.number(),
  rows: z.number().describe('Events, or rows of customers and scores, put in so far'),
  compared: z.number().describe('Customers compared with the ledger so far'),
  ms: z.number().describe('Spent on filling them'),
  differs: z.number().nullable().describe('Customers whose content was another in what was live'),
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
        summary: 'Build a read model anew beside the live one, compare it with the ledger, and switch to it',
        request: { query: z.strictObject({ what: z.enum(REBUILD_TARGETS).default('tables') }) },
        responses: { 202: jsonAnswer('It has begun', State) },
      }),
      (c) => {
        const { what } = c.req.valid('query');
        if (!rebuild.start(what)) throw new Problem('conflict', 'a rebuild is under way: see GET /api/rebuild');
        log.info({ by: c.var.principal.id, what }, 'a rebuild beside what is live');
        return c.json(rebuild.state(), 202);
      },
    );
}
