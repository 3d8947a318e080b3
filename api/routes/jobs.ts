// Long work in the background: asked for by kind, watched, cancelled, asked for again. A kind brings its own body, examples and permission.
import { z } from '@hono/zod-openapi';
import { hasEnded, JOB_FAILURES, JOB_STATUSES, type JobReason } from '#domain/job.ts';
import type { Deps } from '../deps.ts';
import type { JobKind, JobSummary, JobView } from '../job-deps.ts';
import { type JobFileDeps, readJobFile } from '../job-file.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer, jsonBody, optionalBody } from '../schemas.ts';
import type { EventStreams, SseMessage } from '../sse.ts';

const Time = z.string().nullable();
const JobRow = z.object({
  id: z.string(),
  kind: z.string(),
  status: z.enum(JOB_STATUSES),
  params: z.record(z.string(), z.unknown()),
  by: z.string(),
  attempt: z.number(),
  steps_finished: z.number().describe('How many; which, says the job itself'),
  progress: z.object({ done: z.number(), total: z.number(), note: z.string() }).nullable(),
  requested_at: Time,
  started_at: Time,
  ended_at: Time,
  failure: z
    .object({
      reason: z.enum(JOB_FAILURES),
      code: z.string().optional().describe('Of what was refused, where the kind of job tells them apart'),
      message: z.string(),
    })
    .nullable(),
});
export const JobAnswer = JobRow.extend({
  steps: z.array(z.string()).describe('Finished; a later attempt does not do them again'),
  attempts: z
    .array(
      z.object({
        attempt: z.number(),
        started_at: z.string(),
        ended_at: Time.describe('null while it runs, or when its process died'),
        steps: z
          .array(z.object({ step: z.string(), ended_at: z.string() }))
          .describe('Finished in this attempt, and not asked to be done again since'),
      }),
    )
    .describe('Each time it was taken up'),
  retry_from: z
    .array(z.string())
    .describe('Steps a retry may begin at, in their order; empty where there is nothing to choose'),
  result: z.unknown().optional().describe('Once it has succeeded'),
  log: z.array(z.object({ at: z.string(), text: z.string() })).optional(),
});
const JobId = z.object({ id: z.string().regex(/^[0-9a-f]{32}$/, 'an id as POST /api/jobs/… answered it') });
const Key = z.object({
  'idempotency-key': z
    .string()
    .refine((key) => key.length >= 8 && key.length <= 200, 'an idempotency key has 8 to 200 characters')
    .optional()
    .describe('8 to 200 characters. The same key with the same body is the same job; with another body it is refused'),
});

const Retry = z.strictObject({
  from: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe(
      'This step and all later ones are done again, those before it are kept; retry_from of the job names them',
    ),
});

const time = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
const rowOf = (job: JobSummary): z.infer<typeof JobRow> => ({
  id: job.id,
  kind: job.kind,
  status: job.status,
  params: { ...job.params },
  by: job.by,
  attempt: job.attempt,
  steps_finished: job.stepsFinished,
  progress: job.progress,
  requested_at: time(job.requestedAt),
  started_at: time(job.startedAt),
  ended_at: time(job.endedAt),
  failure: job.failure,
});
export const shown = (job: JobView): z.infer<typeof JobAnswer> => ({
  ...rowOf(job),
  steps: job.steps.map(({ step }) => step),
  attempts: job.attempts.map(({ attempt, startedAt, endedAt }) => ({
    attempt,
    started_at: time(startedAt)!,
    ended_at: time(endedAt),
    steps: job.steps.filter((each) => each.attempt === attempt).map(({ step, at }) => ({ step, ended_at: time(at)! })),
  })),
  retry_from: [...job.retryFrom],
});

export function jobRoutes(
  { jobs, jobKinds, now, ...readers }: Pick<Deps, 'jobs' | 'jobKinds' | 'now'> & JobFileDeps,
  streams: EventStreams,
) {
  const isThere = <View>(found: View | null, id: string): View => {
    if (!found) throw new Problem('not-found', `there is no job ${id}; GET /api/jobs lists them`);
    return found;
  };
  const jobOf = (id: string): JobSummary => isThere(jobs.show(id), id);
  const wholeOf = async (id: string): Promise<JobView> => isThere(await jobs.whole(id), id);
  const kindOf = ({ kind }: JobSummary) => jobKinds.find(({ name }) => name === kind);
  /** Whoever may ask for a job may also end it, ask again, and have its file. */
  const mayAsk = (job: JobSummary, permissions: ReadonlySet<string>): void => {
    const kind = kindOf(job);
    // Of a kind this program does not know nobody can say what it needs.
    for (const needed of [kind?.permission ?? 'model:write', kind?.alsoNeeds?.(job.params)])
      if (needed && !permissions.has(needed))
        throw new Problem('forbidden', `this job of kind ${job.kind} needs the permission ${needed}`);
  };
  const withResult = async (job: JobView): Promise<z.infer<typeof JobAnswer>> => ({
    ...shown(job),
    ...(job.status === 'succeeded' && { result: await jobs.result(job.id) }),
    log: job.lines.map(({ at, text }) => ({ at: time(at)!, text })),
  });
  const message = (job: JobView): SseMessage => ({ id: String(now()), event: 'job', data: shown(job) });

  const router = createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/api/jobs',
        permission: 'model:read',
        tags: ['jobs'],
        summary: 'Long work in the background, newest first',
        request: {
          query: z.object({
            kind: z.string().max(32).optional(),
            status: z.enum(JOB_STATUSES).optional(),
            limit: z.coerce.number().int().min(1).max(500).default(50),
          }),
        },
        responses: {
          200: jsonAnswer(
            'Jobs without their steps and results',
            z.object({
              items: z.array(JobRow),
              total: z.number().describe('Of this kind and status, before the limit'),
              kinds: z.array(z.string()).describe('What can be asked for'),
            }),
          ),
        },
      }),
      (c) => {
        const { kind, status, limit } = c.req.valid('query');
        const wanted = jobs
          .list()
          .filter((job) => (kind ?? job.kind) === job.kind && (status ?? job.status) === job.status);
        const kinds = jobKinds.map(({ name }) => name);
        return c.json({ items: wanted.slice(0, limit).map(rowOf), total: wanted.length, kinds }, 200);
      },
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/jobs/{id}',
        permission: 'model:read',
        tags: ['jobs'],
        summary: 'One job: how far it is, its log, its result',
        request: { params: JobId },
        responses: { 200: jsonAnswer('The job', JobAnswer) },
      }),
      async (c) => c.json(await withResult(await wholeOf(c.req.valid('param').id)), 200),
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/jobs/{id}/events',
        permission: 'model:read',
        tags: ['jobs'],
        summary: 'The job by server-sent events whenever it moves; ends when the job has ended',
        request: { params: JobId },
        responses: { 200: { description: 'text/event-stream: `job` messages' } },
      }),
      (c) => {
        const { id } = c.req.valid('param');
        jobOf(id);
        return streams(c, {
          begin: async () => [message(await wholeOf(id))],
          // Who has just moved is held whole.
          listen: (listener) =>
            jobs.listen((changed) => {
              const job = changed === id ? jobs.lately(id) : null;
              if (job) listener(message(job));
            }),
          isLast: ({ data }) => hasEnded(data as JobView),
        });
      },
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/jobs/{id}/result',
        permission: 'score:read',
        tags: ['jobs'],
        summary: 'The file a job has put out; gzip where it is accepted. Whoever was erased since is not in it',
        request: { params: JobId },
        responses: {
          200: {
            description: 'text/csv, application/x-ndjson or application/vnd.apache.parquet, as the job was asked for',
          },
        },
      }),
      async (c) => {
        const job = jobOf(c.req.valid('param').id);
        mayAsk(job, c.var.principal.permissions);
        if (job.status !== 'succeeded')
          throw new Problem(
            'not-found',
            `job ${job.id} has no file (it ${job.status === 'failed' ? 'has' : 'is'} ${job.status})`,
          );
        const file = kindOf(job)?.file?.(await jobs.result(job.id)) ?? null;
        if (file === null)
          throw new Problem('not-found', `job ${job.id} has put out no file; its result is in GET /api/jobs/${job.id}`);
        return await readJobFile(c, file, readers);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/jobs/{id}/cancel',
        permission: 'score:read',
        tags: ['jobs'],
        summary:
          'End a job that waits or runs; finished steps stay for a retry. Whoever may ask for such a job may end it',
        request: { params: JobId },
        responses: { 200: jsonAnswer('Cancelled', JobAnswer) },
      }),
      async (c) => {
        const { id } = c.req.valid('param');
        mayAsk(jobOf(id), c.var.principal.permissions);
        const ended = await jobs.cancel(id, c.var.principal.id);
        if (!ended.ok) throw new Problem('job-ended', `job ${id} has ${jobOf(id).status} already`);
        return c.json(shown(ended.value), 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/jobs/{id}/retry',
        permission: 'score:read',
        tags: ['jobs'],
        summary: 'Once more what failed or was cancelled, after its last finished step or from the step named on',
        request: {
          params: JobId,
          ...optionalBody(Retry, {
            'after its last finished step': {},
            'features of the same moment and everything after, anew': { from: 'build_user_features' },
          }),
        },
        responses: { 202: jsonAnswer('Waiting again', JobAnswer) },
      }),
      async (c) => {
        const { id } = c.req.valid('param');
        mayAsk(jobOf(id), c.var.principal.permissions);
        const { from = null } = c.req.valid('json');
        const again = await jobs.retry(id, c.var.principal.id, from);
        if (!again.ok) throw notRetried(await wholeOf(id), from, again.reason);
        c.header('location', `/api/jobs/${id}`);
        return c.json(shown(again.value), 202);
      },
    );
  for (const kind of jobKinds) addKind(router, kind, jobs);
  return router;
}

function notRetried({ id, kind, retryFrom, steps }: JobView, from: string | null, reason: JobReason): Problem {
  const names = retryFrom.join(', ');
  const extra = { extra: { retry_from: retryFrom } };
  switch (reason) {
    case 'job-ended':
      return new Problem('job-ended', `job ${id} has succeeded; ask for a new one without its idempotency key`);
    case 'step-unknown':
      return new Problem(
        'unknown-step',
        retryFrom.length === 0
          ? `a job of kind ${kind} has no steps to name: it goes on after its last finished one; leave from out`
          : `a job of kind ${kind} has no step ${from}; this one may be retried from ${names}`,
        extra,
      );
    case 'step-not-reached':
      return new Problem(
        'unknown-step',
        `job ${id} has not come as far as ${from} (finished: ${steps.map(({ step }) => step).join(', ') || 'nothing'}); it may be retried from ${names}`,
        extra,
      );
    default:
      return new Problem('job-not-ended', `job ${id} runs still; cancel it first`);
  }
}

const AtOnce = jsonAnswer('What was asked for without a job; nothing is kept', z.record(z.string(), z.unknown()));

function addKind(router: ReturnType<typeof createRouter>, { name, ...kind }: JobKind, jobs: Deps['jobs']): void {
  router.openapi(
    route({
      method: 'post',
      path: `/api/jobs/${name}`,
      permission: kind.permission,
      tags: ['jobs'],
      summary: kind.summary,
      request: { headers: Key, ...jsonBody(kind.body, kind.examples as Record<string, Record<string, unknown>>) },
      responses: {
        ...(kind.atOnce ? { 200: AtOnce } : ({} as { 200: typeof AtOnce })),
        202: jsonAnswer('It waits or runs: GET its Location', JobAnswer),
      },
    }),
    async (c) => {
      const key = c.req.valid('header')['idempotency-key'] ?? null;
      const params = c.req.valid('json');
      const needed = kind.alsoNeeds?.(params);
      if (needed && !c.var.principal.permissions.has(needed))
        throw new Problem(
          'forbidden',
          `this role may ask for a ${name}, but not with ${needed.split(':')[1]}; leave it out`,
        );
      const answer = (await kind.atOnce?.(params)) ?? null;
      if (answer?.ok === false)
        throw new Problem('data-refused', answer.reason.message, { extra: { code: answer.reason.code } });
      if (answer !== null) return c.json(answer.value as Record<string, unknown>, 200);
      const asked = await jobs.request(name, params, key, c.var.principal.id);
      if (!asked.ok)
        throw new Problem(
          'idempotency-key-reused',
          'this idempotency key asked for something else before; use a new one for another body',
        );
      c.header('location', `/api/jobs/${asked.value.job.id}`);
      if (asked.value.existing) c.header('idempotent-replayed', 'true');
      return c.json(shown(asked.value.job), 202);
    },
  );
}
