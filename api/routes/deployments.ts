// Which version of each model answers, and what is tried beside it; the rules its versions are judged by. The steps of one version: deployment-steps.ts.
import { z } from '@hono/zod-openapi';
import { ruleSettings } from '#domain/deployment-rules.ts';
import type { Deps } from '../deps.ts';
import type { DeploymentState } from '../model-deps.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer, jsonBody } from '../schemas.ts';
import {
  Because,
  Deployment,
  deploymentOf,
  Happened,
  happenedOf,
  Reason,
  Rules,
  refusedStep,
  rulesOf,
} from './deployment-shapes.ts';

const Name = z.object({ model: z.string().min(1).max(100).describe('Of the model, without a version: clv_model') });

export function deploymentRoutes({ deployments }: Pick<Deps, 'deployments'>) {
  const named = async (name: string): Promise<DeploymentState> => {
    const all = await deployments.list();
    const found = all.find((each) => each.name === name);
    if (found) return found;
    const names = all.map((each) => each.name).join(', ');
    throw new Problem('not-found', `there is no model ${name}; there ${names === '' ? 'is none yet' : `are ${names}`}`);
  };

  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/api/deployments',
        permission: 'model:read',
        tags: ['deployments'],
        summary: 'Every model: who answers, what is tried beside it, its rules',
        responses: { 200: jsonAnswer('Deployments', z.object({ items: z.array(Deployment) })) },
      }),
      async (c) => c.json({ items: (await deployments.list()).map(deploymentOf) }, 200),
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/deployments/{model}',
        permission: 'model:read',
        tags: ['deployments'],
        summary: 'One model with everything that has happened to it, newest first',
        request: { params: Name },
        responses: { 200: jsonAnswer('The deployment', Deployment.extend({ history: z.array(Happened) })) },
      }),
      async (c) => {
        const { model } = c.req.valid('param');
        const found = await named(model);
        const history = (await deployments.history(model)) ?? [];
        return c.json({ ...deploymentOf(found), history: history.map((each) => happenedOf(model, each)) }, 200);
      },
    )
    .openapi(
      route({
        method: 'put',
        path: '/api/deployments/{model}/rules',
        permission: 'model:approve',
        tags: ['deployments'],
        summary: 'What differs from the rules’ defaults for this model; what is left out is as by default',
        request: {
          params: Name,
          ...jsonBody(ruleSettings.extend({ reason: Reason }), {
            'a stricter shift, an offer, an hour in shadow': {
              rules: { 'score-shift': { limit: 0.25, watch: 1 } },
              offer: { cost: 5, benefit: 60 },
              least: { minutes: 60, scores: 1000 },
              reason: 'asked for by finance',
            },
            'as by default': { reason: 'back to the defaults' },
          }),
        },
        responses: { 200: jsonAnswer('In force from now on', Rules) },
      }),
      async (c) => {
        const { reason, ...rules } = c.req.valid('json');
        const set = await deployments.setRules(c.req.valid('param').model, rules, reason, c.var.principal.id);
        if (!set.ok) throw refusedStep(set.reason);
        return c.json(rulesOf(set.value), 200);
      },
    )
    .openapi(
      route({
        method: 'delete',
        path: '/api/deployments/{model}/challenger',
        permission: 'model:deploy',
        tags: ['deployments'],
        summary: 'No version is the challenger by hand any more; without one it is the canary',
        request: { params: Name, ...jsonBody(Because, { 'with a reason': { reason: 'it lost' } }) },
        responses: {
          200: jsonAnswer(
            'The challenger as it is now',
            z.object({
              model: z.string(),
              challenger: z.string().nullable().describe('The canary; null: there is none'),
              changed: z.boolean().describe('False: none was named by hand'),
            }),
          ),
        },
      }),
      async (c) => {
        const { model } = c.req.valid('param');
        const freed = await deployments.freeChallenger(model, c.req.valid('json').reason, c.var.principal.id);
        if (!freed.ok) throw refusedStep(freed.reason);
        return c.json({ model, ...freed.value }, 200);
      },
    );
}
