// Where the log stands, and the digests that say two states are the same.
import { z } from '@hono/zod-openapi';
import type { Deps } from '../deps.ts';
import type { Predictions } from '../predict/service.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer } from '../schemas.ts';

export function logRoutes(deps: Deps, predictions: Predictions) {
  return createRouter().openapi(
    route({
      method: 'get',
      path: '/api/log',
      permission: 'system:read',
      tags: ['system'],
      summary: 'Position and state digest; with ?portable=1 also the digest that is equal across workspaces',
      request: { query: z.object({ portable: z.enum(['0', '1']).optional() }) },
      responses: {
        200: jsonAnswer(
          'The log',
          z.object({
            seq: z.number(),
            at: z.string().nullable(),
            clock: z.enum(['log', 'wall']),
            customers: z.number(),
            orders: z.number(),
            events: z.number(),
            parked: z
              .number()
              .describe('Events and facts that could not be applied: of a newer version, or the fold failed at them'),
            digests: z.object({ state: z.string(), seq: z.number(), portable: z.string().nullable() }),
          }),
        ),
      },
    }),
    async (c) => {
      const { portable } = c.req.valid('query');
      const [digest, across, { parked }] = await Promise.all([
        deps.fold.digest(),
        portable === '1' ? deps.portableDigest() : null,
        deps.fold.position(),
      ]);
      const moment = predictions.now();
      const { customers, orders, events } = deps.columns.state();
      return c.json(
        {
          seq: moment.seq,
          at: moment.atText,
          clock: moment.clock,
          customers,
          orders,
          events,
          parked,
          digests: { ...digest, portable: across },
        },
        200,
      );
    },
  );
}
