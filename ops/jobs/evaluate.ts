// `evaluate` as a job: versions of the registry on the same rows of the log, held against what came. The position is its first step, so that however
// often it is taken up it is one question.
import { z } from 'zod';
import { CHURN_KINDS, type ChurnDefinition, DEFAULT_CHURN } from '#domain/churn-definition.ts';
import { CHURN_MODELS, parseChurnModel } from '#domain/models/churn-model.ts';
import { LONGEST_HORIZON_DAYS } from '#domain/models/clv-model.ts';
import { parseClvModel } from '#domain/models/clv-model-file.ts';
import { dateOf } from '#domain/models/cutoffs.ts';
import { ok, type Result } from '#domain/result.ts';
import { DAY_MS } from '#domain/time.ts';
import type { Evaluation } from '#processors/evaluation/evaluate.ts';
import { type EvaluatedModel, type EvaluationPlan, QUESTIONS, type Question } from '#processors/evaluation/plan.ts';
import type { JobProcess } from '#processors/job-process.ts';
import type { Registry } from '../registry.ts';
import type { JobOfKind } from './catalogue.ts';
import { expectNoLeakage, firstPosition, foldedBy, type LogDeps, positionNow, seedInput } from './log-job.ts';

export interface EvaluateDeps extends LogDeps {
  pool: Pick<JobProcess, 'evaluate'>;
  registry: Pick<Registry, 'show' | 'list'>;
}

const MOST_MODELS = 8;
const DEFAULT_HORIZON_DAYS = 90;

const body = z
  .strictObject({
    models: z
      .array(z.string().min(1).max(120))
      .min(1)
      .max(MOST_MODELS)
      .refine((ids) => new Set(ids).size === ids.length, 'a version stands twice')
      .describe('Versions (name@version), judged on the same rows'),
    question: z.enum(QUESTIONS).optional().describe('value when all of them are value models, else churn'),
    at: z.iso.date().optional().describe('The cut-off, a local day; the latest whose outcomes have settled'),
    horizon_days: z
      .int()
      .min(1)
      .max(LONGEST_HORIZON_DAYS)
      .optional()
      .describe('value: days foretold, 90; churn brings its own'),
    definition: z.enum(CHURN_KINDS).optional().describe('Of churn, when value models alone are asked about it'),
    offer_cost: z.number().min(0).max(1e9).optional().describe('What reaching one costs: adds the profit curve'),
    offer_benefit: z.number().positive().max(1e9).optional().describe('What one who was reached in time is worth'),
    segment: z.string().min(1).max(200).optional().describe('A feature, or attribute:NAME, to judge by'),
    lateness_days: z.int().min(0).max(90).optional().describe('7 with live input, else 0'),
    seed: seedInput('Of samples and bootstraps'),
  })
  .refine(({ offer_cost, offer_benefit }) => (offer_cost === undefined) === (offer_benefit === undefined), {
    path: ['offer_benefit'],
    message: 'a profit needs both what an offer costs and what it brings',
  });
type Params = z.output<typeof body>;

export type EvaluationResult = Evaluation & {
  /** The log that said what came. */
  asOf: { seq: number; at: string };
  offer: { cost: number; benefit: number } | null;
};

export type EvaluateRefusal = { code: string; message: string };
const no = (code: string, message: string): { ok: false; reason: EvaluateRefusal } => ({
  ok: false,
  reason: { code, message },
});

export const evaluateJob = (deps: EvaluateDeps): JobOfKind => ({
  name: 'evaluate',
  summary: 'Hold versions of the registry against what came, on the same customers, and against each other',
  permission: 'model:write',
  body,
  examples: {
    'one version': { models: ['churn_model@1'] },
    'two, with what an offer costs and brings': {
      models: ['churn_model@1', 'churn_model@2'],
      offer_cost: 4,
      offer_benefit: 60,
    },
    'lifetime value on one day': { models: ['clv_model@1'], at: '2026-01-31', horizon_days: 90 },
  },
  async atOnce(given) {
    const params = body.parse(given);
    const models = await modelsOf(params, deps);
    if (!models.ok) return models;
    const asked = questionOf(params, models.value, deps.definitions());
    return asked.ok ? null : asked;
  },
  async run(job) {
    const params = body.parse(job.params);
    const position = await firstPosition(job, () => positionNow(deps));
    const models = await modelsOf(params, deps);
    if (!models.ok) return models;
    const asked = questionOf(params, models.value, position.definitions);
    if (!asked.ok) return asked;
    const offer =
      params.offer_cost === undefined ? null : { cost: params.offer_cost, benefit: params.offer_benefit ?? 0 };
    const plan: EvaluationPlan = {
      ...asked.value,
      models: models.value,
      day: params.at === undefined ? null : Date.parse(`${params.at}T00:00:00Z`) / DAY_MS,
      offer,
      segment: params.segment ?? null,
      latenessDays: params.lateness_days ?? null,
      definitions: position.definitions,
      seed: params.seed,
      seq: position.seq,
      today: position.today,
      offsets: position.offsets,
      ...foldedBy(deps),
    };
    const evaluated = await deps.pool.evaluate(deps.nats, plan, job, job.signal);
    if (!evaluated.ok) return evaluated;
    expectNoLeakage(evaluated.value.leakage);
    return ok({
      ...evaluated.value,
      offer,
      asOf: { seq: position.seq, at: dateOf(position.today) },
    } satisfies EvaluationResult);
  },
});

async function modelsOf(
  { models }: Params,
  { registry }: EvaluateDeps,
): Promise<Result<EvaluatedModel[], EvaluateRefusal>> {
  const found: EvaluatedModel[] = [];
  for (const id of models) {
    const shown = await registry.show(id);
    if (!shown) {
      const ids = (await registry.list()).slice(-10).map((each) => each.id);
      return no(
        'unknown-model',
        `there is no model ${id}; ${ids.length === 0 ? 'nor any other yet' : `there are ${ids.join(', ')}`} (GET /api/models, axiom47 model list)`,
      );
    }
    if (shown.id !== id)
      return no('alias', `${id} is ${shown.id} now: ask by version, so that the same job stays the same question`);
    const { artefact, kind, window } = shown;
    const parsed = (CHURN_MODELS as readonly string[]).includes(kind)
      ? parseChurnModel(artefact)
      : parseClvModel(artefact);
    if (!parsed.ok) return no('bad-model', `${id}: ${parsed.reason}`);
    // What an artefact says of its making is believed of those made here, which the registry knows by their window.
    const { seed, division, cutoffs } = (window === null ? {} : artefact) as {
      seed?: number;
      division?: number;
      cutoffs?: number[];
    };
    found.push({
      id: shown.id,
      model: parsed.value,
      learnedUntil: window?.toDay ?? null,
      seed: seed ?? 0,
      division: division ?? null,
      cutoffs: cutoffs ?? [],
    });
  }
  return ok(found);
}

/** All of them must be able to answer one question: of the same definition, or of value. */
function questionOf(
  params: Params,
  models: readonly EvaluatedModel[],
  definitions: readonly ChurnDefinition[],
): Result<{ question: Question; definition: ChurnDefinition; horizonDays: number }, EvaluateRefusal> {
  const churn = models.flatMap(({ id, model }) =>
    model.model === 'clv' ? [] : [{ id, definition: model.definition }],
  );
  const question = params.question ?? (churn.length === 0 ? 'value' : 'churn');
  if (question === 'value') {
    if (churn.length > 0)
      return no('other-question', `${churn[0]!.id} knows nothing of value; ask about churn, or leave it out`);
    const definition = definitions.find(({ kind }) => kind === 'non-contractual') ?? DEFAULT_CHURN;
    return ok({ question, definition, horizonDays: params.horizon_days ?? DEFAULT_HORIZON_DAYS });
  }
  const first = churn[0];
  const kind = params.definition ?? 'non-contractual';
  const definition = first?.definition ?? definitions.find((each) => each.kind === kind) ?? DEFAULT_CHURN;
  const fields = Object.keys(definition) as (keyof ChurnDefinition)[];
  const other = churn.find((each) => fields.some((field) => each.definition[field] !== definition[field]));
  if (first && other)
    return no(
      'other-definition',
      `${first.id} and ${other.id} mean different things by churn (${first.definition.kind} over ${first.definition.horizonDays} days, ${other.definition.kind} over ${other.definition.horizonDays}), so no row can judge both`,
    );
  if (definition.kind === 'contractual' && models.some(({ model }) => model.model === 'clv'))
    return no('other-question', 'a value model says nothing of subscriptions; leave it out');
  if (params.horizon_days !== undefined && params.horizon_days !== definition.horizonDays)
    return no(
      'other-horizon',
      `churn is defined over ${definition.horizonDays} days, not ${params.horizon_days}: leave the horizon out`,
    );
  return ok({ question, definition, horizonDays: definition.horizonDays });
}
