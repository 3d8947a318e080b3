// What models may know of a customer: the catalogue of features with their versions, and how their values lie over the base.
import { z } from '@hono/zod-openapi';
import { CATALOGUE, FEATURE_SET, FEATURE_SETS, FEATURES, pinOf } from '#domain/churn-features.ts';
import { FEATURE_GROUPS, type FeatureDefinition } from '#domain/feature-definition.ts';
import type { Deps } from '../deps.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer } from '../schemas.ts';

const Feature = z.object({
  name: z.string(),
  version: z.number(),
  group: z.enum(FEATURE_GROUPS),
  dtype: z.enum(['number', 'text']),
  unit: z.string(),
  owner: z.string(),
  docs: z.string(),
  range: z.array(z.number().nullable()).describe('Smallest and largest value that can be'),
  nulls: z.string().describe('When it is not known; never: it always is'),
  current: z.boolean().describe('In the set that trainings read'),
  used_by: z.array(z.string()).describe('Models in force that read it'),
});
const Count = z.object({ from: z.number(), to: z.number(), count: z.number() });
const Statistics = z.object({
  name: z.string(),
  version: z.number(),
  n: z.number(),
  nulls: z.number(),
  nullRate: z.number(),
  min: z.number().nullable().describe('But for nine customers: the least is somebody’s'),
  max: z.number().nullable().describe('But for nine customers'),
  mean: z.number().nullable(),
  outOfRange: z.number(),
  histogram: z.array(Count).nullable(),
  levels: z
    .array(z.object({ level: z.string(), count: z.number() }))
    .nullable()
    .describe('Fewer than ten customers are under “other”'),
});
const Report = z.object({
  job: z.string(),
  set: z.object({ name: z.string(), version: z.number() }),
  asOf: z.object({ seq: z.number(), at: z.string() }),
  customers: z.number(),
  sampled: z.number(),
  leakage: z.object({ checked: z.number(), differing: z.number() }),
  features: z.array(Statistics),
  findings: z.array(z.object({ code: z.string(), feature: z.string().nullable(), message: z.string() })),
});
const FeatureSet = z.object({ name: z.string(), version: z.number(), features: z.array(z.string()) });

const sets: z.infer<typeof FeatureSet>[] = FEATURE_SETS.map(({ name, version, features }) => ({
  name,
  version,
  features: features.map(pinOf),
}));

export function featureRoutes({ jobs, deployedChurnModels }: Pick<Deps, 'jobs' | 'deployedChurnModels'>) {
  const usedBy = (feature: FeatureDefinition): string[] => {
    const inForce = new Map(deployedChurnModels().map((each) => [each.id, each.model]));
    return [...inForce].flatMap(([id, model]) => {
      const read = model.model === 'churn-cox' ? model.encoding : model.logistic.encoding;
      const set = FEATURE_SETS.find(({ version }) => version === model.featureSet.version);
      return set?.features.includes(feature) && read.some(({ column }) => column === feature.name) ? [id] : [];
    });
  };
  const shown = (feature: FeatureDefinition): z.infer<typeof Feature> => {
    const { of: _, range, nulls, ...rest } = feature;
    return {
      ...rest,
      range: [...range],
      nulls: nulls ?? 'never',
      current: FEATURES.includes(feature),
      used_by: usedBy(feature),
    };
  };
  const report = async (): Promise<z.infer<typeof Report> | null> => {
    const newest = jobs.list().find(({ kind, status }) => kind === 'check-features' && status === 'succeeded');
    if (newest === undefined) return null;
    return { job: newest.id, ...((await jobs.result(newest.id)) as Omit<z.infer<typeof Report>, 'job'>) };
  };
  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/api/features',
        permission: 'model:read',
        tags: ['features'],
        summary:
          'What models may know of a customer on a day, each definition with its versions; attributes follow as attribute:NAME',
        responses: {
          200: jsonAnswer(
            'The catalogue, and the latest report of POST /api/jobs/check-features',
            z.object({
              set: FeatureSet,
              sets: z.array(FeatureSet),
              items: z.array(Feature),
              report: Report.nullable(),
            }),
          ),
        },
      }),
      async (c) =>
        c.json(
          {
            set: sets.find(({ version }) => version === FEATURE_SET.version)!,
            sets,
            items: CATALOGUE.map(shown),
            report: await report(),
          },
          200,
        ),
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/features/{name}',
        permission: 'model:read',
        tags: ['features'],
        summary: 'One feature: its newest version, those before it, and how its values lie over the base',
        request: { params: z.object({ name: z.string().min(1).max(120).describe('name, or name@version') }) },
        responses: {
          200: jsonAnswer(
            'The feature',
            Feature.extend({ versions: z.array(Feature), statistics: Statistics.nullable() }),
          ),
        },
      }),
      async (c) => {
        const { name: asked } = c.req.valid('param');
        const [name = '', version] = asked.split('@');
        const versions = CATALOGUE.filter((each) => each.name === name).sort((a, b) => b.version - a.version);
        const found = version === undefined ? versions[0] : versions.find((each) => String(each.version) === version);
        if (found === undefined)
          throw new Problem(
            'not-found',
            versions.length === 0
              ? `there is no feature ${name}; GET /api/features lists them`
              : `there is no ${asked}; there is ${versions.map(pinOf).join(', ')}`,
          );
        const statistics = (await report())?.features.find(
          (each) => each.name === name && each.version === found.version,
        );
        return c.json({ ...shown(found), versions: versions.map(shown), statistics: statistics ?? null }, 200);
      },
    );
}
