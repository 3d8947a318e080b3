// Refused input through today's rules again.
import { z } from '@hono/zod-openapi';
import type { Deps } from '../deps.ts';
import { replayQuarantine } from '../quarantine-replay.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer, jsonBody } from '../schemas.ts';

const Replayed = z.object({
  rows: z.number().describe('Refusals tried again'),
  accepted: z.number(),
  duplicates: z.number(),
  refused: z.record(z.string(), z.number()).describe('Refused again, by reason; they stay in the quarantine'),
  left: z
    .object({ imports: z.number(), others: z.number() })
    .describe('Not tried: rows of imports (import the file again), and conflicts and rows of erased customers'),
  seq: z.number().describe('Position of the log by which all of it is stored; 0 when nothing was'),
});

export const quarantineRoutes = (deps: Deps) =>
  createRouter().openapi(
    route({
      method: 'post',
      path: '/api/quarantine/replay',
      permission: 'quarantine:replay',
      tags: ['sources'],
      summary: 'Put what was refused through today’s rules again; what is stored leaves the quarantine, the rest stays',
      request: jsonBody(
        z.strictObject({
          reason: z.string().max(40).optional(),
          source: z
            .string()
            .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'lower-case letters, digits, - and _, at most 63')
            .optional(),
        }),
        { 'everything of one reason': { reason: 'unknown-source' } },
      ),
      responses: { 200: jsonAnswer('What became of it', Replayed) },
    }),
    async (c) => c.json(await replayQuarantine(deps, c.req.valid('json')), 200),
  );
