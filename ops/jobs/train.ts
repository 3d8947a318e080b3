// `train` as a job: the position of the log, the rows, the model, each a step whose output is kept, so that a retry goes on from there and the same
// position gives the same bytes. The model is in the registry only when it is whole.
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Deployments } from '#api/model-deps.ts';
import { canonicalJson } from '#domain/canonical-json.ts';
import { CHURN_KINDS, type ChurnDefinition, DEFAULT_CHURN } from '#domain/churn-definition.ts';
import { FEATURE_SET, FEATURE_SETS, featureSet } from '#domain/churn-features.ts';
import { dateOf } from '#domain/models/cutoffs.ts';
import type { Diagnostic } from '#domain/models/fit.ts';
import { ok, type Result } from '#domain/result.ts';
import type { JobProcess } from '#processors/job-process.ts';
import type { JobRun } from '#processors/jobs/kind.ts';
import { TRAINED_KINDS, type TrainingPlan } from '#processors/training/plan.ts';
import { type Refusal, refusal } from '#processors/training/refusal.ts';
import type { TrainedModel } from '#processors/training/train-model.ts';
import type { Registry } from '../registry.ts';
import type { JobOfKind } from './catalogue.ts';
import { firstPosition, foldedBy, type LogDeps, type LogPosition, POSITION, positionNow } from './log-job.ts';

export interface TrainDeps extends LogDeps {
  pool: Pick<JobProcess, 'trainingRows' | 'trainModel'>;
  /** Dry runs wait for no job. */
  checks: Pick<JobProcess, 'checkTraining'>;
  registry: Pick<Registry, 'register'>;
  deploy: Deployments['deploy'];
  /** Where rows wait between two steps. */
  rowsDir: string;
  /** Of the demo: resolves when the log holds the events it makes up, with what they are. Null: the events are somebody's own. */
  generated: (() => Promise<Record<string, unknown>>) | null;
  codeVersion: string;
  now: () => number;
}

/** The names the requirements keep (the reference stack's pipeline, steps and experiment). */
const PIPELINE = 'churn_pipeline';
const TRACKING = 'churn_prediction';
const STEP = { generate: 'generate_events', rows: 'build_user_features', train: 'train_model' } as const;

const body = z
  .strictObject({
    kind: z.enum(TRAINED_KINDS),
    definition: z.enum(CHURN_KINDS).optional().describe('Of churn; contractual for churn-cox, else non-contractual'),
    horizon_days: z
      .int()
      .min(1)
      .max(3653)
      .optional()
      .describe('Another one than the definition has; not to be deployed'),
    cutoffs: z.int().min(1).max(12).default(4).describe('churn-logistic: at most so many, one horizon apart'),
    lateness_days: z.int().min(0).max(90).optional().describe('7 with live input, else 0'),
    seed: z
      .int()
      .min(0)
      .max(2 ** 31 - 1)
      .default(47)
      .describe('churn-logistic: of who learns, who calibrates, who judges'),
    without: z.array(z.string().min(1).max(200)).max(50).default([]).describe('Features the model must not know'),
    feature_set: z
      .int()
      .min(1)
      .optional()
      .describe(
        'Churn models: version of the set of features (GET /api/features); 1 unless told, 2 to 4 know more of each customer (4: channels)',
      ),
    deploy: z.boolean().default(false),
    dry_run: z
      .boolean()
      .default(false)
      .describe('What a training would find: counts and a checklist, at once; writes nothing'),
  })
  .refine(({ kind, definition }) => kind !== 'clv' || definition === undefined, {
    path: ['definition'],
    message: 'a value model knows no definition of churn: it answers any horizon',
  })
  .refine(({ kind, horizon_days }) => kind !== 'clv' || horizon_days === undefined, {
    path: ['horizon_days'],
    message: 'a value model answers any horizon',
  })
  .refine(({ kind, definition }) => kind !== 'churn-cox' || definition !== 'non-contractual', {
    path: ['definition'],
    message: 'a Cox model speaks of subscriptions: contractual',
  })
  .refine(({ kind, without }) => kind !== 'clv' || without.length === 0, {
    path: ['without'],
    message: 'a value model reads purchases and money, no features: there is nothing to leave out',
  })
  .refine(({ deploy, dry_run }) => !(deploy && dry_run), { path: ['deploy'], message: 'a dry run makes no model' });
type Params = z.output<typeof body>;

interface Position extends LogPosition {
  /** ms */
  at: number;
}

export interface TrainResult extends Record<string, unknown> {
  kind: Params['kind'];
  pipeline: typeof PIPELINE;
  tracking: typeof TRACKING;
  /** In the registry. */
  id: string;
  version: number;
  /** SHA-256 of the artefact. */
  digest: string;
  deployed: boolean;
  /** Why it was not put in force although that was asked for. */
  refused: Diagnostic | null;
  definition: ChurnDefinition | null;
  asOf: { seq: number; at: string };
}

export const trainJob = (deps: TrainDeps): JobOfKind => ({
  name: 'train',
  summary:
    'Train a model from the log on what was known at past moments; the same position and seed give the same bytes',
  permission: 'model:write',
  steps: [...(deps.generated ? [STEP.generate] : []), POSITION, STEP.rows, STEP.train],
  body,
  examples: {
    'a classifier of purchases': { kind: 'churn-logistic' },
    'what it would find, without a model': { kind: 'churn-logistic', dry_run: true },
    'of subscriptions, and in force': { kind: 'churn-logistic', definition: 'contractual', deploy: true },
    'how long subscriptions last': { kind: 'churn-cox' },
    'lifetime value': { kind: 'clv', deploy: true },
  },
  alsoNeeds: (params) => (params.deploy === true ? 'model:deploy' : null),
  async atOnce(given) {
    const params = body.parse(given);
    const plan = planOf(params, positionNow(deps), deps);
    if (!plan.ok) return plan;
    return params.dry_run ? await deps.checks.checkTraining(deps.nats, plan.value) : null;
  },
  async run(job) {
    const params = body.parse(job.params);
    if (deps.generated && !job.steps.has(STEP.generate))
      await job.finishStep(STEP.generate, await unlessAborted(deps.generated(), job.signal));
    const position = await firstPosition(job, () => ({ ...positionNow(deps), at: deps.now() }));
    const plan = planOf(params, position, deps);
    if (!plan.ok) return plan;
    const trained = await modelOf(job, plan.value, deps);
    if (!trained.ok) return trained;
    job.signal.throwIfAborted();
    const answer = await register(job, params, position, trained.value, deps);
    rmSync(rowsFile(job, deps), { force: true });
    return ok({ ...answer, definition: params.kind === 'clv' ? null : plan.value.definition });
  },
});

const unlessAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  Promise.race([
    work,
    new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    }),
  ]);

function planOf(
  params: Params,
  { seq, today, offsets, definitions }: LogPosition,
  deps: TrainDeps,
): Result<TrainingPlan, Refusal> {
  const kind = params.definition ?? (params.kind === 'churn-cox' ? 'contractual' : 'non-contractual');
  const inForce = definitions.find((each) => each.kind === kind) ?? (kind === 'contractual' ? null : DEFAULT_CHURN);
  if (inForce === null)
    return refusal(
      'unknown-definition',
      'there is no contractual definition of churn; say what it means: axiom47 churn define contractual --horizon 30d',
    );
  const set = featureSet(params.feature_set ?? FEATURE_SET.version);
  if (set === null)
    return refusal(
      'unknown-feature-set',
      `there is no feature set ${FEATURE_SET.name}@${params.feature_set}; there ${FEATURE_SETS.length === 1 ? 'is' : 'are'} ${FEATURE_SETS.map(({ name, version }) => `${name}@${version}`).join(', ')} (GET /api/features)`,
    );
  const horizonDays = params.horizon_days ?? inForce.horizonDays;
  if (params.deploy && horizonDays !== inForce.horizonDays)
    return refusal(
      'other-horizon',
      `churn is defined over ${inForce.horizonDays} days, so a model of ${horizonDays} would answer another question than everybody asks: leave deploy out, or define it anew (axiom47 churn define ${kind} --horizon ${horizonDays}d)`,
    );
  return ok({
    kind: params.kind,
    definition: { ...inForce, horizonDays },
    cutoffs: params.cutoffs,
    latenessDays: params.lateness_days ?? null,
    seed: params.seed,
    featureSet: set.version,
    without: params.without,
    seq,
    today,
    offsets,
    ...foldedBy(deps),
  });
}

const rowsFile = ({ id }: JobRun, { rowsDir }: TrainDeps): string => join(rowsDir, `${id}.rows`);

interface RowsStep {
  /** SHA-256 of the file of rows. */
  digest: string;
  events: number;
}
/** What `train_model` puts out: the artefact, and what the registry is told. */
interface ModelStep {
  model: TrainedModel['model'];
  artefact: Record<string, unknown>;
  refused: Diagnostic | null;
  fromDay: number | null;
}

async function modelOf(job: JobRun, plan: TrainingPlan, deps: TrainDeps): Promise<Result<ModelStep, Refusal>> {
  const done = job.steps.get(STEP.train) as ModelStep | undefined;
  if (done !== undefined) return ok(done);
  const file = rowsFile(job, deps);
  const report = { progress: stepped(job, STEP.train), log: job.log };
  const known = job.steps.get(STEP.rows) as RowsStep | undefined;
  const learn = ({ digest }: RowsStep) => deps.pool.trainModel(plan, { file, digest }, report, job.signal);
  let rows: Result<RowsStep, Refusal> = known ? ok(known) : await builtRows(job, plan, file, deps);
  let trained = rows.ok ? await learn(rows.value) : rows;
  if (trained === null) {
    rows = await builtRows(job, plan, file, deps);
    trained = rows.ok ? await learn(rows.value) : rows;
  }
  if (!rows.ok) return rows;
  if (trained === null) throw new Error(`the rows written to ${file} cannot be read back`);
  if (!trained.ok) {
    rmSync(file, { force: true });
    return trained;
  }
  const { model, report: found, refused, fromDay } = trained.value;
  // No clock and no position: the same events trained again are the same version, although a deployment has lengthened the log.
  const artefact = JSON.parse(
    canonicalJson({
      ...model,
      ...found,
      window: { events: rows.value.events, fromDay, toDay: plan.today },
      code: deps.codeVersion,
    }),
  );
  const step: ModelStep = { model: JSON.parse(JSON.stringify(model)), artefact, refused, fromDay };
  await job.finishStep(STEP.train, step);
  return ok(step);
}

/** Also when they were made before and are gone: the position says everything about them. */
async function builtRows(
  job: JobRun,
  plan: TrainingPlan,
  file: string,
  deps: TrainDeps,
): Promise<Result<RowsStep, Refusal>> {
  const before = job.steps.get(STEP.rows) as RowsStep | undefined;
  tidy(deps.rowsDir);
  const report = { progress: stepped(job, STEP.rows), log: job.log };
  const rows = await deps.pool.trainingRows(deps.nats, plan, file, report, job.signal);
  if (!rows.ok) return rows;
  if (before && before.digest !== rows.value.digest)
    throw new Error(
      'the rows made again are not those of before: another version of the program made them; ask for a new training',
    );
  if (!before) await job.finishStep(STEP.rows, rows.value);
  return rows;
}

/** Reading the log is the longer part of the way. */
const ROWS_SHARE = 0.7;
const stepped =
  ({ progress }: JobRun, step: (typeof STEP)['rows' | 'train']) =>
  (done: number, total: number, note: string): void => {
    const share = total > 0 ? done / total : 0;
    const reached = step === STEP.rows ? ROWS_SHARE * share : ROWS_SHARE + (1 - ROWS_SHARE) * share;
    progress(reached, 1, `${step}: ${note}`);
  };

async function register(
  job: JobRun,
  { kind, deploy }: Params,
  { seq, at, today }: Position,
  { model, artefact, refused, fromDay }: ModelStep,
  { registry, deploy: put }: TrainDeps,
): Promise<Omit<TrainResult, 'definition'>> {
  const { id, version, digest } = await registry.register(model, artefact, { seq, at, fromDay, toDay: today }, job.by);
  // What is refused is kept, not served: whoever knows better puts it in force by hand.
  let why = refused;
  if (deploy && refused === null) {
    const answer = await put(id, job.by, { automatic: true });
    if (!answer.ok) why = { code: answer.reason.code, message: answer.reason.message };
  }
  const deployed = deploy && why === null;
  const names = { kind, pipeline: PIPELINE, tracking: TRACKING } as const;
  const { logistic: _, cox: __, encoding: ___, ...told } = artefact;
  return { ...told, ...names, id, version, digest, deployed, refused: why, asOf: { seq, at: dateOf(today) } };
}

/**
 * Rows of trainings that were given up, one that is retried makes its own again; and drafts, which are nobody's who is still asked: jobs are done one
 * after the other.
 */
function tidy(rowsDir: string): void {
  mkdirSync(rowsDir, { recursive: true, mode: 0o700 });
  const names = readdirSync(rowsDir);
  for (const name of names) if (name.endsWith('.draft')) rmSync(join(rowsDir, name), { force: true });
  const byAge = names
    .filter((name) => !name.endsWith('.draft'))
    .map((name) => ({ path: join(rowsDir, name), at: statSync(join(rowsDir, name)).mtimeMs }))
    .sort((a, b) => b.at - a.at);
  for (const { path } of byAge.slice(ROWS_KEPT)) rmSync(path, { force: true });
}
const ROWS_KEPT = 3;
