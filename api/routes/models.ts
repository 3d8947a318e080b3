// Models: what there is, what is in force, importing one from a file, putting one in force, fitting one from the log.
import { z } from '@hono/zod-openapi';
import { STAGES } from '#domain/model.ts';
import { CHURN_MODELS, parseChurnModel, unknownFeatureSet } from '#domain/models/churn-model.ts';
import { parseClvModel } from '#domain/models/clv-model-file.ts';
import type { Deps } from '../deps.ts';
import { MODEL_FILE } from '../examples.ts';
import type { ModelSummary } from '../model-deps.ts';
import type { Predictions } from '../predict/service.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { AsOfInput, jsonAnswer, jsonBody } from '../schemas.ts';
import { refusedStep } from './deployment-shapes.ts';

const Model = z.object({
  id: z.string(),
  version: z.number(),
  kind: z.string(),
  digest: z.string(),
  created_at: z.string(),
  deployed_seq: z.number().nullable(),
  in_force: z.boolean(),
  stage: z.enum(STAGES).describe('registered → shadow → canary → active → retired'),
  percent: z.number().nullable().describe('Of the customers, while it is a canary'),
  aliases: z.array(z.string()).describe('What it may be called beside its version: clv_model@champion'),
});
const shown = (model: ModelSummary): z.infer<typeof Model> => ({
  id: model.id,
  version: model.version,
  kind: model.kind,
  digest: model.digest,
  created_at: new Date(model.createdAt).toISOString(),
  deployed_seq: model.deployedSeq,
  in_force: model.inForce,
  stage: model.stage,
  percent: model.percent,
  aliases: [...model.aliases],
});
const Id = z.object({ id: z.string().min(1).max(100) });
const Free = z.record(z.string(), z.unknown());
/** A model file, or several parts (a purchase model and a money model as `fit --json` prints them). */
const ModelFile = z.union([Free, z.array(Free).min(1).max(4)]);

export function modelRoutes(deps: Deps, predictions: Predictions) {
  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/api/models',
        permission: 'model:read',
        tags: ['models'],
        summary: 'All models, the one in force marked',
        responses: { 200: jsonAnswer('Models', z.object({ items: z.array(Model) })) },
      }),
      async (c) => c.json({ items: (await deps.models.list()).map(shown) }, 200),
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/models/{id}',
        permission: 'model:read',
        tags: ['models'],
        summary: 'One model with its artefact: parameters, standard errors, diagnostics',
        request: { params: Id },
        responses: { 200: jsonAnswer('The model', Model.extend({ artefact: Free })) },
      }),
      async (c) => {
        const { id } = c.req.valid('param');
        const model = await deps.models.show(id);
        if (!model)
          throw new Problem(
            'not-found',
            `there is no model ${id}; GET /api/models lists them, with what else they are called`,
          );
        return c.json({ ...shown(model), artefact: model.artefact }, 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/models',
        permission: 'model:write',
        tags: ['models'],
        summary:
          'Import a model file, parameters of a value model or an exported artefact; the same file again answers the same model',
        request: jsonBody(ModelFile, MODEL_FILE),
        responses: { 201: jsonAnswer('Stored', Model) },
      }),
      async (c) => {
        const file = c.req.valid('json');
        const isChurn = !Array.isArray(file) && (CHURN_MODELS as readonly unknown[]).includes(file.model);
        const parsed = isChurn ? parseChurnModel(file) : parseClvModel(...(Array.isArray(file) ? file : [file]));
        if (!parsed.ok) throw new Problem('bad-model', parsed.reason);
        const unknown = 'featureSet' in parsed.value ? unknownFeatureSet(parsed.value) : null;
        if (unknown !== null) throw new Problem('bad-model', unknown);
        return c.json(shown(await deps.models.importModel(parsed.value, file, c.var.principal.id)), 201);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/models/{id}/deploy',
        permission: 'model:deploy',
        tags: ['models'],
        summary: 'Put a version in force for everybody, by a barrier in the log, when its gates let it',
        request: { params: Id },
        responses: {
          200: jsonAnswer(
            'In force',
            z.object({ id: z.string(), version: z.number(), digest: z.string(), seq: z.number() }),
          ),
        },
      }),
      async (c) => {
        const { id } = c.req.valid('param');
        const deployed = await deps.deployments.deploy(id, c.var.principal.id);
        if (!deployed.ok) throw refusedStep(deployed.reason);
        return c.json(deployed.value, 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/fit',
        permission: 'model:write',
        tags: ['models'],
        summary: 'Fit from the log, now or on what was known at a moment',
        request: jsonBody(
          z.strictObject({
            kind: z.enum(['clv', 'bg-nbd', 'mbg-nbd', 'pareto-nbd', 'gamma-gamma']).default('clv'),
            as_of: AsOfInput.optional(),
            deploy: z.boolean().default(false),
          }),
          {
            'now, and in force': { kind: 'clv', deploy: true },
            'as of a moment': { kind: 'clv', as_of: '2026-05-31' },
          },
        ),
        responses: { 200: jsonAnswer('What `fit --json` prints', Free) },
      }),
      async (c) => {
        const { kind, as_of, deploy } = c.req.valid('json');
        if (deploy && !c.var.principal.permissions.has('model:deploy'))
          throw new Problem('forbidden', 'this role may fit but not deploy; leave deploy out');
        const moment = as_of === undefined ? null : await predictions.momentOf(as_of);
        const asOf = moment && { seq: moment.seq, day: moment.day };
        return c.json(await deps.fit({ kind, asOf, deploy, by: c.var.principal.id }), 200);
      },
    );
}
