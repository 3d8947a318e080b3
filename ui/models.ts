// Models as the console asks for them: all, one version with its facts, artefact and evaluations, several side by side, and which version answers whom.
import { queryOptions } from '@tanstack/react-query';
import type { RuleSettings } from '#domain/deployment-rules.ts';
import { answer, api } from './client.ts';
import { queryClient } from './queries.ts';

const models = () => answer(api.api.models.$get());
export type ModelRow = Awaited<ReturnType<typeof models>>['items'][number];
export const modelsQuery = queryOptions({ queryKey: ['models'], queryFn: models });

export interface VersionOf {
  name: string;
  version: string;
}
export const versionOf = (id: string): VersionOf => ({ name: id.split('@')[0]!, version: id.split('@')[1] ?? '1' });

const facts = ({ name, version }: VersionOf) =>
  answer(api.api.models[':id'].versions[':v'].$get({ param: { id: name, v: version } }));
export type ModelFacts = Awaited<ReturnType<typeof facts>>;
export const factsQuery = (of: VersionOf) =>
  queryOptions({ queryKey: ['models', 'facts', of], queryFn: () => facts(of) });

const artefact = ({ name, version }: VersionOf) =>
  answer(api.api.models[':id'].$get({ param: { id: `${name}@${version}` } }));
/** An artefact never changes; what surrounds it is the facts'. */
export const artefactQuery = (of: VersionOf) =>
  queryOptions({ queryKey: ['artefact', of], queryFn: () => artefact(of), staleTime: Number.POSITIVE_INFINITY });

const evaluations = ({ name, version }: VersionOf) =>
  answer(
    api.api.models[':id'].versions[':v'].evaluations.$get({ param: { id: name, v: version }, query: { limit: 20 } }),
  );
export type Evaluation = Awaited<ReturnType<typeof evaluations>>['items'][number];
export const evaluationsQuery = (of: VersionOf) =>
  queryOptions({ queryKey: ['models', 'evaluations', of], queryFn: () => evaluations(of) });

const comparison = (versions: readonly string[]) =>
  answer(api.api.models.compare.$get({ query: { versions: versions.join(',') } }));
export type Comparison = Awaited<ReturnType<typeof comparison>>;
export const comparisonQuery = (versions: readonly string[]) =>
  queryOptions({
    queryKey: ['models', 'compare', versions],
    queryFn: () => comparison(versions),
    enabled: versions.length >= 2,
  });

const deployment = (model: string) => answer(api.api.deployments[':model'].$get({ param: { model } }));
export type Deployment = Awaited<ReturnType<typeof deployment>>;
export const deploymentQuery = (model: string) =>
  queryOptions({ queryKey: ['models', 'deployment', model], queryFn: () => deployment(model), refetchInterval: 5_000 });

const gates = (id: string) => answer(api.api.models[':id'].gates.$get({ param: { id } }));
export type Gates = Awaited<ReturnType<typeof gates>>;
export type Gate = Gates['gates'][number];
export const gatesQuery = (id: string) =>
  queryOptions({ queryKey: ['models', 'gates', id], queryFn: () => gates(id), staleTime: 30_000 });

/** Stands in the way of answering. */
export const isOpenGate = ({ applicable, passed, approved }: Gate): boolean =>
  applicable && passed !== true && !approved;
/** The same by other rules; nothing is set. @param settings as JSON: what differs from the defaults. */
export const triedGatesQuery = (id: string, settings: string) =>
  queryOptions({
    queryKey: ['models', 'gates', id, settings],
    queryFn: () =>
      answer(api.api.models[':id'].gates.$post({ param: { id }, json: JSON.parse(settings) as RuleSettings })),
    staleTime: 30_000,
  });
export const setRules = (model: string, settings: RuleSettings, reason: string) =>
  answer(api.api.deployments[':model'].rules.$put({ param: { model }, json: { ...settings, reason } }));

/** What a rollback takes back now; named, so that nothing else is taken back when somebody was faster. */
export const takenBackBy = ({ model, active, canary }: Pick<Deployment, 'model' | 'active' | 'canary'>): string =>
  canary?.id ?? active ?? model;

/** @throws where the server took the step for taken already, so that it is not shown as done. */
async function changing<T extends { changed: boolean; id: string; stage: string }>(taken: Promise<T>): Promise<T> {
  const step = await taken;
  if (!step.changed) throw new Error(`Nothing has changed: it was so already. ${step.id} is ${step.stage}.`);
  return step;
}

async function freeChallenger(model: string, reason: string) {
  const freed = await answer(api.api.deployments[':model'].challenger.$delete({ param: { model }, json: { reason } }));
  if (!freed.changed) throw new Error('Nothing has changed: no version was named the challenger by hand.');
  return freed;
}

const steps = api.api.models[':id'];
/** Steps of a version on its way to answering, each with a reason that is kept. */
export const stepTo = {
  shadow: (id: string, reason: string) => changing(answer(steps.shadow.$post({ param: { id }, json: { reason } }))),
  challenger: (id: string, reason: string) =>
    changing(answer(steps.challenger.$post({ param: { id }, json: { reason } }))),
  free: (id: string, reason: string) => freeChallenger(versionOf(id).name, reason),
  canary: (id: string, reason: string, percent: number) =>
    changing(answer(steps.canary.$post({ param: { id }, json: { reason, percent } }))),
  promote: (id: string, reason: string) => answer(steps.promote.$post({ param: { id }, json: { reason } })),
  approve: (id: string, reason: string) => changing(answer(steps.approve.$post({ param: { id }, json: { reason } }))),
  withdraw: (id: string, reason: string) => changing(answer(steps.withdraw.$post({ param: { id }, json: { reason } }))),
  /** @param id of what is taken back (`takenBackBy`), not of the page. */
  rollback: (id: string, reason: string) => changing(answer(steps.rollback.$post({ param: { id }, json: { reason } }))),
  retire: (id: string, reason: string) => changing(answer(steps.retire.$post({ param: { id }, json: { reason } }))),
};
export type StepName = keyof typeof stepTo;
/** What happened in a step of a model's history, in words; its version stands before them. */
export const happenedWords = ({ event, id }: Pick<Deployment['history'][number], 'event' | 'id'>): string =>
  event === 'model.challenger-named' && id === null
    ? 'no challenger by hand any more'
    : event.replace('model.', '').replaceAll('-', ' ');
/** Whatever was read of models before may be otherwise now. */
export const readModelsAgain = () => queryClient.invalidateQueries({ queryKey: ['models'] });
