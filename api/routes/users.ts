// Accounts of people, made by an Administrator (the first one by the setup link: account.ts).
import { z } from '@hono/zod-openapi';
import { ROLES } from '#domain/access.ts';
import type { Deps } from '../deps.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer, jsonBody } from '../schemas.ts';
import { accessRefusals } from './account.ts';

const User = z.object({ id: z.string(), email: z.string(), role: z.enum(ROLES) });

export function userRoutes(deps: Deps) {
  const { access, now } = deps;
  return createRouter().openapi(
    route({
      method: 'post',
      path: '/api/users',
      permission: 'user:write',
      tags: ['access'],
      summary: 'Create an account',
      request: jsonBody(
        z.strictObject({
          email: z.string().max(254),
          password: z.string().max(1024).describe('12 characters at least, and none that guessing tools try first'),
          role: z.enum(ROLES).exclude(['anonymous']),
        }),
        { 'an analyst': { email: 'analyst@example.com', password: 'violet tram under rain 47', role: 'analyst' } },
      ),
      responses: { 201: jsonAnswer('Created', User) },
    }),
    async (c) => {
      const { email, password, role } = c.req.valid('json');
      const created = await access.createUser({ email, password, role, now: now() });
      if (!created.ok) throw new Problem(created.reason, accessRefusals[created.reason]);
      deps.log.info({ user: created.value.id, role, by: c.var.principal.id }, 'user created');
      return c.json(created.value, 201);
    },
  );
}
