// Data sources and what was refused from them.
import { z } from '@hono/zod-openapi';
import { DEFAULT_BURN_IN_DAYS, LONGEST_BURN_IN_DAYS } from '#domain/coverage.ts';
import type { QuarantinedRow } from '#streams/quarantine.ts';
import type { Deps, SourceSummary } from '../deps.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer, jsonBody, PageLimit } from '../schemas.ts';

const Name = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'lower-case letters, digits, - and _, at most 63');
const Source = z.object({
  name: z.string(),
  coverage: z.string(),
  burn_in_days: z.number(),
  kept: z.array(z.string()),
  created_at: z.string(),
});
const Coverage = z.union([z.literal('complete'), z.iso.date()]);
const BurnIn = z.int().min(0).max(LONGEST_BURN_IN_DAYS);
const shown = ({ name, coverage, burnInDays, kept, createdAt }: SourceSummary): z.infer<typeof Source> => ({
  name,
  coverage,
  burn_in_days: burnInDays,
  kept,
  created_at: new Date(createdAt).toISOString(),
});
const Registered = z.object({
  source: z.string(),
  writeKey: z.string().nullable(),
  nats: z.object({ url: z.string(), creds: z.string() }).nullable(),
  coverage: z.string(),
  note: z.string().nullable(),
});
const SHOWN_ONCE =
  'this source is there already, and its credentials were shown once, when it was added (an import shows none); rotate makes new ones';
const ROTATED = 'the NATS seed made before has stopped working; write keys made before go on working';

const Quarantined = z.object({
  id: z.string(),
  at: z.string(),
  reason: z.string(),
  source: z.string(),
  run: z.string().nullable(),
  row: z.number().describe('In the file from 1, or the place in its batch; 0 when unknown'),
  column: z.string().nullable(),
  detail: z.string(),
  rows: z.number(),
});
const refused = (row: QuarantinedRow): z.infer<typeof Quarantined> => ({
  id: row.id,
  at: new Date(row.at).toISOString(),
  reason: row.reason,
  source: row.source,
  run: row.run,
  row: row.rowNumber,
  column: row.column,
  detail: row.detail,
  rows: row.rows,
});

export function sourceRoutes(deps: Deps) {
  const { access, sources, quarantine, now } = deps;
  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/api/data-sources',
        permission: 'source:read',
        tags: ['sources'],
        summary: 'Registered sources',
        responses: { 200: jsonAnswer('Sources', z.object({ items: z.array(Source) })) },
      }),
      async (c) => c.json({ items: (await sources.list()).map(shown) }, 200),
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/data-sources',
        permission: 'source:write',
        tags: ['sources'],
        summary:
          'Register a source: its write key and NATS credentials limited to in.<name> and ask.<name>, both shown once; `rotate` for new ones',
        request: jsonBody(
          z.strictObject({
            name: Name,
            orders_as: Name.optional().describe('Share the order ids of another source'),
            coverage: Coverage.optional().describe('complete (without it), or the day the data begin'),
            burn_in_days: BurnIn.optional().describe(
              `First purchases sooner after that day may not be the first: such customers are left out of fits. ${DEFAULT_BURN_IN_DAYS} without it`,
            ),
            rotate: z.boolean().default(false).describe('New credentials for a source that is there already'),
          }),
          {
            'a new source': { name: 'shop' },
            'data from a day on': { name: 'till', orders_as: 'shop', coverage: '2024-01-01' },
            'new credentials': { name: 'shop', rotate: true },
          },
        ),
        responses: {
          200: jsonAnswer('It is there already: no credentials, and a note how to get new ones', Registered),
          201: jsonAnswer('Registered, or rotated', Registered),
        },
      }),
      async (c) => {
        const { name, orders_as, coverage, burn_in_days, rotate } = c.req.valid('json');
        const known = (await sources.list()).find((each) => each.name === name);
        if (
          known &&
          ((coverage ?? known.coverage) !== known.coverage || (burn_in_days ?? known.burnInDays) !== known.burnInDays)
        )
          throw new Problem(
            'conflict',
            `source ${name} is there already, with coverage ${known.coverage} and a burn-in of ${known.burnInDays} days; PATCH /api/data-sources/${name} (axiom47 source set ${name}) changes them`,
          );
        if (known && !rotate) {
          if (orders_as !== undefined)
            throw new Problem('conflict', `source ${name} is there already; whose orders it shares was settled then`);
          return c.json({ source: name, writeKey: null, nats: null, coverage: known.coverage, note: SHOWN_ONCE }, 200);
        }
        const added = await sources.add({
          name,
          ordersAs: orders_as ?? null,
          coverage: coverage ?? 'complete',
          burnInDays: burn_in_days ?? DEFAULT_BURN_IN_DAYS,
          by: c.var.principal.id,
        });
        if (!added.ok) throw new Problem('conflict', `source ${name}: ${added.reason}`);
        const writeKey = await access.createWriteKey(name, now());
        // Said before it is shown: a key nobody has said anything of is ended by the next start when the ones before it were revoked.
        await sources.keyMade({ name, writeKey, by: c.var.principal.id });
        deps.log.info(
          { source: name, rotated: known !== undefined, by: c.var.principal.id },
          'source credentials made',
        );
        const { nats, source } = added.value;
        return c.json({ source: name, writeKey, nats, coverage: source.coverage, note: known ? ROTATED : null }, 201);
      },
    )
    .openapi(
      route({
        method: 'patch',
        path: '/api/data-sources/{name}',
        permission: 'source:write',
        tags: ['sources'],
        summary:
          'Say what a source holds of the past (customers who may be older are left out of fits), and which fields travel in the clear',
        request: {
          params: z.object({ name: Name }),
          ...jsonBody(
            z
              .strictObject({
                coverage: Coverage.optional(),
                burn_in_days: BurnIn.optional(),
                keep: z
                  .array(z.string().min(1).max(64))
                  .min(1)
                  .max(200)
                  .optional()
                  .describe(
                    'Fields and traits that travel in the clear from now on: attributes for churn models. Never personal ones',
                  ),
              })
              .refine((body) => Object.keys(body).length > 0, 'nothing to set: coverage, burn_in_days, keep'),
            {
              'data from a day on': { coverage: '2024-01-01' },
              'fields in the clear': { keep: ['contract', 'seats'] },
              'with a burn-in of its own': { coverage: '2024-01-01', burn_in_days: 365 },
            },
          ),
        },
        responses: { 200: jsonAnswer('In force: flags of customers follow it', Source) },
      }),
      async (c) => {
        const { name } = c.req.valid('param');
        const { coverage, burn_in_days, keep } = c.req.valid('json');
        if (keep) await sources.keepFields({ name, fields: keep, by: c.var.principal.id });
        const set = await sources.setCoverage({ name, coverage, burnInDays: burn_in_days, by: c.var.principal.id });
        if (!set.ok) throw new Problem('not-found', `there is no source ${name}; GET /api/data-sources lists them`);
        return c.json(shown(set.value), 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/data-sources/{name}/revoke',
        permission: 'source:write',
        tags: ['sources'],
        summary: 'End every credential of a source at once; `rotate` makes new ones',
        request: { params: z.object({ name: Name }) },
        responses: {
          200: jsonAnswer(
            'Revoked',
            z.object({
              source: z.string(),
              writeKeys: z.number().describe('Write keys that worked until now'),
              nats: z
                .boolean()
                .describe('Its NATS user was removed; false: the NATS server is not ours, remove it there'),
            }),
          ),
        },
      }),
      async (c) => {
        const { name } = c.req.valid('param');
        const revoked = await sources.revoke({ name, by: c.var.principal.id });
        if (revoked === null) throw new Problem('not-found', `there is no source ${name}`);
        deps.log.info({ source: name, ...revoked, by: c.var.principal.id }, 'source credentials revoked');
        return c.json({ source: name, ...revoked }, 200);
      },
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/quarantine',
        permission: 'quarantine:read',
        tags: ['sources'],
        summary: 'What was refused, newest first, and how much by reason',
        request: {
          query: z.object({
            reason: z.string().max(40).optional(),
            source: Name.optional(),
            run: z.string().max(64).optional(),
            cursor: z
              .string()
              .regex(/^\d{1,15}-\d{1,6}$/, 'is not one of ours; take it from `next`')
              .optional(),
            limit: PageLimit,
          }),
        },
        responses: {
          200: jsonAnswer(
            'A page',
            z.object({
              items: z.array(Quarantined),
              next: z.string().nullable(),
              reasons: z.record(z.string(), z.number()),
            }),
          ),
        },
      }),
      async (c) => {
        const { reason, source, run, cursor, limit } = c.req.valid('query');
        const [page, reasons] = await Promise.all([
          quarantine.list({ reason, source, run, cursor, limit }),
          quarantine.counts({ source, run }),
        ]);
        return c.json({ items: page.rows.map(refused), next: page.next, reasons }, 200);
      },
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/quarantine/{id}',
        permission: 'quarantine:read',
        tags: ['sources'],
        summary: 'One refusal with what was sent',
        request: { params: z.object({ id: z.string().regex(/^\d{1,15}-\d{1,6}$/, 'an id of GET /api/quarantine') }) },
        responses: { 200: jsonAnswer('The refusal', Quarantined.extend({ raw: z.string() })) },
      }),
      async (c) => {
        const { id } = c.req.valid('param');
        const row = await quarantine.show(id);
        if (!row) throw new Problem('not-found', `there is no refusal ${id}, or it is past its keeping time`);
        return c.json({ ...refused(row), raw: row.raw }, 200);
      },
    );
}
