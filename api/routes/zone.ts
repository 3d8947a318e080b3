// The workspace's time zone: which local day an instant falls on. A new zone holds for new events; a rebuild gives every earlier day to it.
import { z } from '@hono/zod-openapi';
import { isZone } from '#domain/time.ts';
import type { Deps } from '../deps.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer, jsonBody } from '../schemas.ts';

const Current = z.object({
  zone: z.string(),
  version: z.number().describe('Of the zone that new events are stamped with'),
  rezoned: z
    .number()
    .describe('Version that all earlier days were computed anew with; 0: they are as they were stamped'),
  pending: z.boolean().describe('Earlier days are still those of an earlier zone; a rebuild changes that'),
  seq: z.number(),
  tablesSeq: z.number().describe('How far the tables are, as after a rebuild'),
});
const Preview = z.object({
  zone: z.string(),
  version: z.number(),
  seq: z.number(),
  customers: z.number().describe('With an order'),
  frequency: z.number().describe('Customers whose number of repeat purchase days would change'),
  days: z.number().describe('Customers whose first, last or number of days would change'),
  repeatsBefore: z.number(),
  repeatsAfter: z.number(),
});
const Said = z.object({ seq: z.number(), version: z.number() });

export function zoneRoutes({ zone, tables, log }: Deps) {
  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/api/zone',
        permission: 'system:read',
        tags: ['workspace'],
        summary: 'The zone of new events, and whether earlier days are those of an earlier one',
        responses: { 200: jsonAnswer('The zone', Current) },
      }),
      async (c) => c.json(await zone.current(), 200),
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/zone',
        permission: 'workspace:write',
        tags: ['workspace'],
        summary: 'Another zone for events from now on; earlier days stay until a rebuild',
        request: jsonBody(z.strictObject({ zone: z.string().min(1).max(64) }), { 'a zone': { zone: 'Europe/Berlin' } }),
        responses: { 200: jsonAnswer('Applied', Said) },
      }),
      async (c) => {
        const { zone: name } = c.req.valid('json');
        const detail = 'is not an IANA time zone, like Europe/Berlin';
        if (!isZone(name))
          throw new Problem('bad-field', `/zone ${detail}`, { fields: [{ pointer: '/zone', detail }] });
        const said = await zone.set(name);
        await tables.waitFor(said.seq);
        log.info({ by: c.var.principal.id, zone: name, ...said }, 'zone set');
        return c.json(said, 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/zone/preview',
        permission: 'workspace:write',
        tags: ['workspace'],
        summary: 'What a rebuild in the zone of new events would change; folds the whole log once',
        responses: { 200: jsonAnswer('Who would change', Preview) },
      }),
      async (c) => c.json(await zone.preview(), 200),
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/zone/rebuild',
        permission: 'workspace:write',
        tags: ['workspace'],
        summary:
          'Every earlier day becomes one of the zone of new events; the server starts again to fold everything anew',
        responses: { 202: jsonAnswer('It is in the log, and holds from there on', Said) },
      }),
      async (c) => {
        const said = await zone.rebuild();
        if (said === null)
          throw new Problem('conflict', 'every day is of the zone in force already; set another zone first');
        log.info({ by: c.var.principal.id, ...said }, 'days are to be computed anew');
        return c.json(said, 202);
      },
    );
}
