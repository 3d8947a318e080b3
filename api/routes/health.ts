// Is the process alive, and should traffic come here. What exactly is wrong is shown to an Administrator only.
import { z } from '@hono/zod-openapi';
import type { Deps } from '../deps.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer } from '../schemas.ts';

const Check = z.object({ name: z.string(), ok: z.boolean(), detail: z.string().nullable() });
const Ready = z.object({ status: z.enum(['ready', 'not-ready']), checks: z.array(Check).optional() });

const CHECK_MS = 2_000;

/** A check that hangs is a check that fails. */
function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

export function healthRoutes(deps: Deps) {
  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/livez',
        permission: 'public',
        tags: ['health'],
        summary: 'The event loop turns',
        responses: { 200: jsonAnswer('Alive', z.object({ status: z.literal('alive') })) },
      }),
      (c) => c.json({ status: 'alive' as const }, 200),
    )
    .openapi(
      route({
        method: 'get',
        path: '/readyz',
        permission: 'optional',
        tags: ['health'],
        summary: 'Engines answer, projections keep up; each check by name for an Administrator',
        responses: { 200: jsonAnswer('Ready', Ready), 503: jsonAnswer('Not ready', Ready) },
      }),
      async (c) => {
        const checks = await Promise.all(
          Object.entries(deps.checks).map(async ([name, check]) => {
            try {
              return { name, ok: true, detail: (await within(CHECK_MS, check())) ?? null };
            } catch (error) {
              return { name, ok: false, detail: error instanceof Error ? error.message : String(error) };
            }
          }),
        );
        const ready = checks.every((check) => check.ok);
        const body = { status: ready ? ('ready' as const) : ('not-ready' as const) };
        const shown = c.var.principal.role === 'admin' ? { ...body, checks } : body;
        return ready ? c.json(shown, 200) : c.json(shown, 503);
      },
    );
}
