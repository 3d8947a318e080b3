// What a scoring of the base was asked, pinned: one position of the log, one day, the models by their digests. Kept as the job's first step, so that
// however often it is taken up it is one question, and a later scoring can be compared with it.
import type { ModelRegistry, ServingChurnModel, ServingModel } from '#api/model-deps.ts';
import { answeringOf, type Moment } from '#api/predict/as-of.ts';
import { Problem } from '#api/problem.ts';
import type { AsOfInput } from '#api/schemas.ts';
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import { CHURN_MODELS, type ChurnModel, parseChurnModel } from '#domain/models/churn-model.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import { parseClvModel } from '#domain/models/clv-model-file.ts';
import { ok, type Result, refuse } from '#domain/result.ts';
import type { PlannedModel, ScorePlan } from '#processors/scoring/score-customer.ts';
import type { ChurnInForce } from '#projections/memory/workspace.ts';

export interface ModelRef {
  id: string;
  digest: string;
}
export interface Position {
  seq: number;
  day: number;
  /** ms */
  at: number;
  clock: 'log' | 'wall';
  /** `canaries`: absent before there were any. */
  models: { clv: ModelRef | null; churn: ModelRef[]; canaries?: (ModelRef & { percent: number })[] };
  definitions: ChurnDefinition[];
}

export interface QuestionDeps {
  /** A moment asked about; throws Problem. */
  moment(asOf: AsOfInput | undefined): Promise<Moment>;
  models(): readonly ServingModel[];
  churnModels(): readonly ServingChurnModel[];
  /** Every definition of churn so far, by position. */
  churnDefinitions(): readonly ChurnInForce[];
  registry: Pick<ModelRegistry, 'show'>;
}

type Any = { clv: PlannedModel<ClvModel> } | { churn: PlannedModel<ChurnModel> };

async function modelById({ registry }: QuestionDeps, id: string): Promise<Result<Any, string>> {
  const found = await registry.show(id);
  if (found === null) return refuse(`there is no model ${id}; GET /api/models or \`axiom47 model list\` shows them`);
  // What was asked for may have been an alias.
  const { id: version, digest, artefact, kind } = found;
  const parsed = (CHURN_MODELS as readonly string[]).includes(kind)
    ? parseChurnModel(artefact)
    : parseClvModel(artefact);
  if (!parsed.ok) return refuse(`model ${id} cannot be used: ${parsed.reason}`);
  const model = parsed.value;
  return ok(
    model.model === 'clv' ? { clv: { id: version, digest, model } } : { churn: { id: version, digest, model } },
  );
}

/** The models in force at the position, and the one that was asked for in the place of its like. */
export async function positionOf(
  deps: QuestionDeps,
  asOf: AsOfInput | undefined,
  modelId: string | undefined,
  horizonDays: number | null,
): Promise<Result<Position, string>> {
  let moment: Moment;
  try {
    moment = await deps.moment(asOf);
  } catch (error) {
    if (error instanceof Problem) return refuse(error.message);
    throw error;
  }
  const { seq, day, at, clock } = moment;
  const byKind = new Map<string, ChurnDefinition>();
  for (const each of deps.churnDefinitions()) if (each.seq <= seq) byKind.set(each.definition.kind, each.definition);
  const value = answeringOf(deps.models(), seq);
  let clv: PlannedModel<ClvModel> | null = value?.active ?? null;
  const canaries = new Map<string, ModelRef & { percent: number }>();
  const tried = (canary: ServingModel | ServingChurnModel | null | undefined): void => {
    if (canary) canaries.set(canary.name, { id: canary.id, digest: canary.digest, percent: canary.percent });
  };
  tried(value?.canary);
  const churn = new Map<string, PlannedModel<ChurnModel>>();
  const likeOf = ({ model, definition }: ChurnModel) => `${model} ${definition.kind}`;
  for (const serving of deps.churnModels()) {
    const like = deps.churnModels().filter(({ model }) => likeOf(model) === likeOf(serving.model));
    const found = answeringOf(like, seq);
    if (found !== null) churn.set(likeOf(found.active.model), found.active);
    tried(found?.canary);
  }
  if (modelId !== undefined) {
    const wanted = await modelById(deps, modelId);
    if (!wanted.ok) return wanted;
    canaries.delete(('clv' in wanted.value ? wanted.value.clv : wanted.value.churn).id.split('@')[0]!);
    if ('clv' in wanted.value) clv = wanted.value.clv;
    else {
      const { model } = wanted.value.churn;
      const { horizonDays: own } = model.definition;
      if (model.model === 'churn-logistic' && horizonDays !== null && horizonDays !== own)
        return refuse(
          `${modelId} answers ${own} days and no other horizon: leave the horizon out, or name another model`,
        );
      churn.set(likeOf(model), wanted.value.churn);
    }
  }
  if (clv === null && churn.size === 0)
    return refuse(
      `no model is in force at position ${seq}: purchases are needed: import orders (a model is fitted from ten customers on), or \`axiom47 model import FILE\`; one that was fitted but not put in force is in \`axiom47 model list\`, \`axiom47 model deploy ID --yes\` puts it there`,
    );
  const ref = ({ id, digest }: ModelRef): ModelRef => ({ id, digest });
  return ok({
    seq,
    day,
    at: at!,
    clock,
    models: { clv: clv && ref(clv), churn: [...churn.values()].map(ref), canaries: [...canaries.values()] },
    definitions: [...byKind.values()],
  });
}

/** The models behind their digests, as they were when the question was asked. */
export async function planOf(deps: QuestionDeps, { models, definitions }: Position): Promise<ScorePlan> {
  const serving = [...deps.models(), ...deps.churnModels()];
  async function load({ id, digest }: ModelRef): Promise<Any> {
    const known = serving.find((each) => each.digest === digest);
    if (known) {
      const { model } = known;
      return model.model === 'clv' ? { clv: { id, digest, model } } : { churn: { id, digest, model } };
    }
    const found = await modelById(deps, id);
    if (!found.ok) throw new Error(found.reason);
    const loaded = found.value;
    if (('clv' in loaded ? loaded.clv : loaded.churn).digest !== digest)
      throw new Error(`model ${id} is another one than when the job was asked for`);
    return loaded;
  }
  const clv = models.clv && (await load(models.clv));
  const churn = await Promise.all(models.churn.map(load));
  const canaries = await Promise.all(
    (models.canaries ?? []).map(async ({ percent, ...ref }) => {
      const found = await load(ref);
      return { ...('clv' in found ? found.clv : found.churn), percent };
    }),
  );
  return {
    clv: clv && 'clv' in clv ? clv.clv : null,
    churn: churn.flatMap((each) => ('churn' in each ? [each.churn] : [])),
    definitions,
    canaries,
  };
}

/** Which succession of models answered: versions may differ where two scorings are compared, names may not. */
export const familyOf = ({ models }: Position): string =>
  [...(models.clv ? [models.clv] : []), ...models.churn]
    .map(({ id }) => id.split('@')[0]!)
    .sort()
    .join(' + ');
