// Jobs asked for by themselves, at moments in a time zone. Whoever may ask for a job may plan it, and change the plan.
import { z } from '@hono/zod-openapi';
import type { Deps } from '../deps.ts';
import type { JobKind, ScheduleView } from '../job-deps.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer, jsonBody } from '../schemas.ts';
import { JobAnswer, shown as shownJob } from './jobs.ts';

const Moment = z.string().describe('UTC');
const ScheduleAnswer = z.object({
  id: z.string(),
  cron: z.string().describe('minute, hour, day of month, month, day of week'),
  zone: z.string(),
  kind: z.string(),
  params: z.record(z.string(), z.unknown()),
  status: z.enum(['active', 'paused', 'removed']),
  created_at: Moment,
  created_by: z.string(),
  runs_for: z
    .string()
    .describe('With whose rights it asks, looked up before each run: who made it, or resumed it last'),
  paused_because: z
    .string()
    .nullable()
    .describe('Why the program paused it by itself: whoever it runs for may not ask for its job any more'),
  next: z.array(Moment).describe('The next runs; none while it is paused'),
  last: z
    .object({
      planned: Moment,
      job: z.string().nullable().describe('Null: none was asked for, refused says why'),
      refused: z.string().nullable(),
      missed: z.number().describe('Moments before it that passed while the server was off: only the latest is run'),
      at: Moment,
    })
    .nullable(),
});
const ScheduleId = z.object({ id: z.string().regex(/^[0-9a-f]{32}$/, 'an id as POST /api/schedules answered it') });
const time = (at: number): string => new Date(at).toISOString();
const shown = (schedule: ScheduleView) => {
  const { since: _, lastJob: __, by, onBehalfOf, pausedFor, createdAt, last, next, params, ...rest } = schedule;
  return {
    ...rest,
    params: { ...params },
    created_at: time(createdAt),
    created_by: by,
    runs_for: onBehalfOf,
    paused_because: pausedFor,
    next: next.map(time),
    last: last && { ...last, planned: time(last.planned), at: time(last.at) },
  };
};
const unreadable = ({ field, message }: { field: string; message: string }) =>
  new Problem('bad-field', message, { fields: [{ pointer: `/${field}`, detail: message }] });
const NIGHTLY = { cron: '0 3 * * *', zone: 'Europe/Sofia' };

export function scheduleRoutes({ schedules, jobKinds, jobs }: Pick<Deps, 'schedules' | 'jobKinds' | 'jobs'>) {
  const kindOf = (name: string): JobKind => {
    const kind = jobKinds.find((each) => each.name === name);
    if (kind) return kind;
    const names = jobKinds.map((each) => each.name).join(', ');
    throw new Problem('bad-field', `there are no jobs of kind ${name}`, {
      fields: [{ pointer: '/kind', detail: `one of ${names}` }],
    });
  };
  const mayAsk = (kind: JobKind, params: Readonly<Record<string, unknown>>, permissions: ReadonlySet<string>): void => {
    for (const needed of [kind.permission, kind.alsoNeeds?.(params)])
      if (needed && !permissions.has(needed))
        throw new Problem('forbidden', `planning this ${kind.name} needs the permission ${needed}`);
  };
  const scheduleOf = (id: string, permissions?: ReadonlySet<string>): ScheduleView => {
    const found = schedules.show(id);
    if (!found) throw new Problem('not-found', `there is no schedule ${id}; GET /api/schedules lists them`);
    if (permissions) mayAsk(kindOf(found.kind), found.params, permissions);
    return found;
  };
  /** To end it; one of a kind that this program does not know asks for nothing, and must not stay for ever. */
  const endable = (id: string, permissions: ReadonlySet<string>): ScheduleView => {
    const found = scheduleOf(id);
    const kind = jobKinds.find((each) => each.name === found.kind);
    if (kind) mayAsk(kind, found.params, permissions);
    return found;
  };
  /** As POST /api/jobs/{kind} would take them. */
  const paramsOf = (kind: JobKind, given: Record<string, unknown>): Record<string, unknown> => {
    const parsed = kind.body.safeParse(given);
    if (!parsed.success)
      throw new Problem('bad-field', `params are not what a ${kind.name} is asked with`, {
        fields: parsed.error.issues.map(({ path, message }) => ({
          pointer: `/params${path.map((part) => `/${String(part)}`).join('')}`,
          detail: message,
        })),
      });
    if (parsed.data.dry_run === true)
      throw new Problem('bad-field', 'a dry run is not planned', {
        fields: [{ pointer: '/params/dry_run', detail: 'leave it out' }],
      });
    return parsed.data;
  };
  const change = (verb: 'pause' | 'resume', type: 'PauseSchedule' | 'ResumeSchedule', summary: string) =>
    [
      route({
        method: 'post' as const,
        path: `/api/schedules/{id}/${verb}` as const,
        permission: 'score:read',
        tags: ['jobs'],
        summary,
        request: { params: ScheduleId },
        responses: { 200: jsonAnswer('As it is now', ScheduleAnswer) },
      }),
      type,
    ] as const;
  const [pause, pausing] = change('pause', 'PauseSchedule', 'No more runs until it is resumed');
  const [resume, resuming] = change(
    'resume',
    'ResumeSchedule',
    'Runs from now on; what the pause left out is left out',
  );

  async function changed(id: string, type: typeof pausing | typeof resuming | 'RemoveSchedule', by: string) {
    const answer = await schedules.change(id, type, by);
    if (!answer.ok) throw new Problem('not-found', `schedule ${id} was removed`);
    return shown(answer.value);
  }

  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/api/schedules',
        permission: 'model:read',
        tags: ['jobs'],
        summary: 'Jobs planned in a time zone, with their next runs',
        responses: { 200: jsonAnswer('In the order they were made', z.object({ items: z.array(ScheduleAnswer) })) },
      }),
      (c) => c.json({ items: schedules.list().map(shown) }, 200),
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/schedules/next',
        permission: 'model:read',
        tags: ['jobs'],
        summary: 'When a plan would run, without making it',
        request: {
          query: z.object({ cron: z.string().max(100), zone: z.string().max(64).default('UTC').describe('IANA') }),
        },
        responses: {
          200: jsonAnswer('Its next moments', z.object({ cron: z.string(), zone: z.string(), next: z.array(Moment) })),
        },
      }),
      (c) => {
        const { cron, zone } = c.req.valid('query');
        const found = schedules.nextOf(cron, zone);
        if (!found.ok) throw unreadable(found.reason);
        return c.json({ cron, zone, next: found.value.map(time) }, 200);
      },
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/schedules/{id}',
        permission: 'model:read',
        tags: ['jobs'],
        summary: 'One schedule',
        request: { params: ScheduleId },
        responses: { 200: jsonAnswer('The schedule', ScheduleAnswer) },
      }),
      (c) => c.json(shown(scheduleOf(c.req.valid('param').id)), 200),
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/schedules',
        permission: 'score:read',
        tags: ['jobs'],
        summary:
          'Plan a job. A local time that a change of clocks leaves out runs right after the gap, one that comes twice runs once',
        request: jsonBody(
          z.strictObject({
            cron: z.string().max(100),
            zone: z.string().max(64).default('UTC').describe('IANA'),
            kind: z.string().max(32),
            params: z.record(z.string(), z.unknown()).default({}).describe('As POST /api/jobs/{kind} takes them'),
          }),
          { 'everybody scored each night': { ...NIGHTLY, kind: 'score', params: { quantiles: false } } },
        ),
        responses: { 201: jsonAnswer('Planned', ScheduleAnswer) },
      }),
      async (c) => {
        const { cron, zone, kind: name, params: given } = c.req.valid('json');
        const kind = kindOf(name);
        const params = paramsOf(kind, given);
        mayAsk(kind, params, c.var.principal.permissions);
        const made = await schedules.create({ cron, zone, kind: name, params }, c.var.principal.id);
        if (!made.ok) throw unreadable(made.reason);
        c.header('location', `/api/schedules/${made.value.id}`);
        return c.json(shown(made.value), 201);
      },
    )
    .openapi(pause, async (c) => {
      const { id } = endable(c.req.valid('param').id, c.var.principal.permissions);
      return c.json(await changed(id, pausing, c.var.principal.id), 200);
    })
    .openapi(resume, async (c) => {
      const { id } = scheduleOf(c.req.valid('param').id, c.var.principal.permissions);
      return c.json(await changed(id, resuming, c.var.principal.id), 200);
    })
    .openapi(
      route({
        method: 'post',
        path: '/api/schedules/{id}/run',
        permission: 'score:read',
        tags: ['jobs'],
        summary: 'Its job at once, beside the plan',
        request: { params: ScheduleId },
        responses: { 202: jsonAnswer('It waits or runs: GET its Location', JobAnswer) },
      }),
      async (c) => {
        const { id } = scheduleOf(c.req.valid('param').id, c.var.principal.permissions);
        const asked = await schedules.run(id, c.var.principal.id);
        if (!asked.ok) throw new Problem('data-refused', asked.reason);
        c.header('location', `/api/jobs/${asked.value.id}`);
        return c.json(shownJob((await jobs.whole(asked.value.id))!), 202);
      },
    )
    .openapi(
      route({
        method: 'delete',
        path: '/api/schedules/{id}',
        permission: 'score:read',
        tags: ['jobs'],
        summary: 'No more runs; its jobs stay',
        request: { params: ScheduleId },
        responses: { 200: jsonAnswer('As it was', ScheduleAnswer) },
      }),
      async (c) => {
        const { id } = endable(c.req.valid('param').id, c.var.principal.permissions);
        return c.json(await changed(id, 'RemoveSchedule', c.var.principal.id), 200);
      },
    );
}
