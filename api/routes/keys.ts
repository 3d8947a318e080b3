// API keys: shown once when made, revoked at once when not needed any more.
import { z } from '@hono/zod-openapi';
import { ROLES } from '#domain/access.ts';
import type { AccessKey } from '#streams/keyring/access-store.ts';
import type { Deps } from '../deps.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer, jsonBody } from '../schemas.ts';

const Key = z.object({
  id: z.string(),
  name: z.string().nullable(),
  role: z.enum(ROLES),
  createdAt: z.string(),
  expiresAt: z.string().nullable(),
  revokedAt: z.string().nullable(),
  lastUsedDay: z.string().nullable(),
});
const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
/** @param revokedAt what the log says of it: the keyring may not have been told yet. */
const shown = (key: AccessKey, revokedAt: number | null): z.infer<typeof Key> => ({
  id: key.id,
  name: key.name,
  role: key.role,
  createdAt: new Date(key.createdAt).toISOString(),
  expiresAt: iso(key.expiresAt),
  revokedAt: iso(key.revokedAt ?? revokedAt),
  lastUsedDay: key.lastUsedDay,
});

const DAY_MS = 86_400_000;
const NewKey = z.strictObject({
  role: z.enum(ROLES).exclude(['anonymous']),
  name: z.string().trim().min(1).max(100).optional(),
  expires: z
    .string()
    .regex(/^[1-9]\d{0,3}d$/, 'a number of days, as in 90d')
    .optional()
    .describe('Life of the key in days, e.g. 90d; for ever without it'),
});

export function keyRoutes(deps: Deps) {
  const { access, now } = deps;
  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/api/keys',
        permission: 'key:write',
        tags: ['access'],
        summary: 'All API keys, without their secrets',
        responses: { 200: jsonAnswer('Keys', z.object({ items: z.array(Key) })) },
      }),
      async (c) =>
        c.json({ items: (await access.keys()).map((key) => shown(key, deps.keyRevocations.at(key.id))) }, 200),
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/keys',
        permission: 'key:write',
        tags: ['access'],
        summary: 'A new key; its secret is in this answer and nowhere else',
        request: jsonBody(NewKey, { 'a notebook, 90 days': { role: 'analyst', name: 'notebook', expires: '90d' } }),
        responses: { 201: jsonAnswer('Created', Key.extend({ key: z.string() })) },
      }),
      async (c) => {
        const { role, name, expires } = c.req.valid('json');
        const at = now();
        const expiresAt = expires === undefined ? null : at + Number.parseInt(expires, 10) * DAY_MS;
        const made = await access.createKey({ role, name: name ?? null, expiresAt, now: at });
        deps.log.info({ key: made.id, role, by: c.var.principal.id }, 'api key created');
        return c.json({ ...shown(made, null), key: made.key }, 201);
      },
    )
    .openapi(
      route({
        method: 'delete',
        path: '/api/keys/{id}',
        permission: 'key:write',
        tags: ['access'],
        summary: 'Revoke a key; it stops working at once, also while the keyring is away',
        request: { params: z.object({ id: z.string().regex(/^[0-9A-Za-z_-]{1,64}$/) }) },
        responses: { 204: { description: 'Revoked' } },
      }),
      async (c) => {
        const { id } = c.req.valid('param');
        if (!(await deps.keyRevocations.revoke(id, c.var.principal.id)))
          throw new Problem('not-found', `there is no key ${id}; GET /api/keys lists them`);
        deps.log.info({ key: id, by: c.var.principal.id }, 'api key revoked');
        return c.body(null, 204);
      },
    );
}
