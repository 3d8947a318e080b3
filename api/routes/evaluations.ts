// What is known of one version of a model: its facts, how it did against what came, its card, its artefact; and several side by side.
import { createHash } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { canonicalJson } from '#domain/canonical-json.ts';
import type { Deps } from '../deps.ts';
import { Comparison, compareModels, type EvaluationLike, judges } from '../model-compare.ts';
import { factsOf, ModelFacts } from '../model-facts.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer } from '../schemas.ts';

const Version = z.object({
  id: z.string().min(1).max(100).describe('The model’s name, e.g. churn_model'),
  v: z.coerce.number().int().min(1).describe('Its version'),
});
const Evaluation = z.object({
  job: z.string(),
  ended_at: z.string().nullable(),
  question: z.string(),
  basis: z
    .string()
    .describe(
      'realised: it had learned nothing after the cut-off; held-out: customers it never learned from; refitted: its kind, fitted at the cut-off; divided: its kind, fitted on four fifths today and judged on the other; window-unknown: made outside',
    ),
  cutoff: z.string(),
  until: z.string(),
  horizonDays: z.number(),
  asOf: z.object({ seq: z.number(), at: z.string() }),
  offer: z.object({ cost: z.number(), benefit: z.number() }).nullable(),
  rows: z.record(z.string(), z.unknown()),
  leakage: z.object({ checked: z.number(), differing: z.number() }),
  others: z.array(z.string()).describe('Judged on the same rows'),
  result: z.record(z.string(), z.unknown()).describe('Figures, curves, segments, importance of this version'),
  naive: z.unknown(),
  rivals: z.unknown(),
});

export function evaluationRoutes({ models, jobs, modelCard }: Pick<Deps, 'models' | 'jobs' | 'modelCard'>) {
  const shownOf = async (id: string) => {
    const shown = await models.show(id);
    if (!shown) throw new Problem('not-found', `there is no model ${id}; GET /api/models lists them`);
    return shown;
  };
  const factsFor = async (id: string): Promise<ModelFacts> => {
    const { artefact, ...summary } = await shownOf(id);
    return factsOf(summary, artefact);
  };
  const idOf = ({ id, v }: z.output<typeof Version>) => `${id}@${v}`;
  const judged = async (ids: readonly string[], limit: number) => {
    const found = jobs
      .list()
      .filter((job) => judges(job, ids))
      .slice(0, limit);
    return await Promise.all(
      found.map(async ({ id, endedAt }) => ({ job: id, endedAt, result: (await jobs.result(id)) as EvaluationLike })),
    );
  };
  const evaluationsOf = async (id: string, limit: number): Promise<z.infer<typeof Evaluation>[]> =>
    (await judged([id], limit)).map(({ job, endedAt, result }) => {
      const { question, cutoff, until, horizonDays, asOf, offer, rows, leakage, models: all, ...beside } = result;
      const own = all.find((each) => each.id === id)!;
      const { naive = null, rivals = [] } = beside as { naive?: unknown; rivals?: unknown };
      return {
        job,
        ended_at: endedAt === null ? null : new Date(endedAt).toISOString(),
        question,
        basis: own.basis,
        cutoff,
        until,
        horizonDays,
        asOf,
        offer,
        rows,
        leakage,
        others: all.map((each) => each.id).filter((each) => each !== id),
        result: { ...own },
        naive,
        rivals,
      };
    });

  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/api/models/compare',
        permission: 'model:read',
        tags: ['models'],
        summary: 'Several versions side by side: parameters, figures, features, and who was better on the same rows',
        request: {
          query: z.object({
            versions: z
              .string()
              .transform((text) => text.split(',').map((id) => id.trim()))
              .pipe(z.array(z.string().min(1).max(120)).min(2, 'at least two, with a comma between').max(8))
              .refine((ids) => new Set(ids).size === ids.length, 'a version stands twice')
              .openapi({ type: 'string', example: 'churn_model@1,churn_model@2' }),
          }),
        },
        responses: { 200: jsonAnswer('Side by side', Comparison) },
      }),
      async (c) => {
        const { versions } = c.req.valid('query');
        const facts = await Promise.all(versions.map(factsFor));
        // An alias was asked for, a version is told of.
        const ids = facts.map(({ id }) => id);
        const [newest = null] = await judged(ids, 1);
        return c.json(compareModels(facts, newest), 200);
      },
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/models/{id}/versions/{v}',
        permission: 'model:read',
        tags: ['models'],
        summary: 'One version: parameters, figures, calibration, features, the part of the log it learned from',
        request: { params: Version },
        responses: { 200: jsonAnswer('What there is to know of it', ModelFacts) },
      }),
      async (c) => c.json(await factsFor(idOf(c.req.valid('param'))), 200),
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/models/{id}/versions/{v}/evaluations',
        permission: 'model:read',
        tags: ['models'],
        summary: 'How the version did against what came, newest first; POST /api/jobs/evaluate makes one',
        request: {
          params: Version,
          query: z.object({ limit: z.coerce.number().int().min(1).max(100).default(20) }),
        },
        responses: { 200: jsonAnswer('Evaluations', z.object({ items: z.array(Evaluation) })) },
      }),
      async (c) => {
        const id = idOf(c.req.valid('param'));
        await shownOf(id);
        return c.json({ items: await evaluationsOf(id, c.req.valid('query').limit) }, 200);
      },
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/models/{id}/versions/{v}/card',
        permission: 'model:read',
        tags: ['models'],
        summary: 'The model card: what it is for, what it learned from, how it did and where not to trust it',
        request: {
          params: Version,
          query: z.object({
            format: z.enum(['json', 'markdown']).default('json').describe('markdown: the text alone'),
          }),
        },
        responses: {
          200: jsonAnswer(
            'Markdown, and the figures it names',
            z.object({ markdown: z.string(), figures: z.array(z.object({ name: z.string(), svg: z.string() })) }),
          ),
        },
      }),
      async (c) => {
        const id = idOf(c.req.valid('param'));
        const card = modelCard(await factsFor(id), await evaluationsOf(id, 1));
        if (c.req.valid('query').format === 'json') return c.json(card, 200);
        return c.body(card.markdown, 200, { 'content-type': 'text/markdown; charset=utf-8' }) as never;
      },
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/models/{id}/versions/{v}/artefact',
        permission: 'model:read',
        tags: ['models'],
        summary: 'The artefact itself: the bytes whose SHA-256 is the version’s digest',
        request: { params: Version },
        responses: { 200: { description: 'application/json; ETag is the digest' } },
      }),
      async (c) => {
        const { artefact, digest, id } = await shownOf(idOf(c.req.valid('param')));
        const text = canonicalJson(artefact);
        if (createHash('sha256').update(text).digest('hex') !== digest)
          throw new Problem('artefact-damaged', `the artefact of ${id} is not the one that was registered`);
        return c.body(text, 200, {
          'content-type': 'application/json',
          etag: `"${digest}"`,
          'content-disposition': `attachment; filename="${id.replace('@', '-')}.json"`,
        }) as never;
      },
    );
}
