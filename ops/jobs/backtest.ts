// `backtest` as a job: the position of the log is its first step, so that however often it is taken up it is one question; each judged cut-off
// is another.
import { z } from 'zod';
import { CHURN_KINDS, type ChurnDefinition, DEFAULT_CHURN } from '#domain/churn-definition.ts';
import { LONGEST_HORIZON_DAYS } from '#domain/models/clv-model.ts';
import { dateOf } from '#domain/models/cutoffs.ts';
import { ok, type Result, refuse } from '#domain/result.ts';
import { DAY_MS } from '#domain/time.ts';
import type { Backtest, BacktestPlan, CutoffAnswer } from '#processors/backtest/backtest.ts';
import { VALUE_MODELS } from '#processors/backtest/value-cutoff.ts';
import type { JobProcess } from '#processors/job-process.ts';
import type { JobOfKind } from './catalogue.ts';
import {
  expectNoLeakage,
  firstPosition,
  foldedBy,
  type LogDeps,
  type LogPosition,
  positionNow,
  seedInput,
} from './log-job.ts';

export interface BacktestDeps extends LogDeps {
  pool: Pick<JobProcess, 'backtest'>;
}

const MOST_CUTOFFS = 24;
export const BACKTEST_MODELS = [...VALUE_MODELS, 'churn'] as const;

const body = z
  .strictObject({
    model: z
      .enum(BACKTEST_MODELS)
      .default('clv')
      .describe('clv: the purchase model the data choose, its rivals beside'),
    horizon_days: z
      .int()
      .min(1)
      .max(LONGEST_HORIZON_DAYS)
      .optional()
      .describe('Days foretold; a definition of churn brings its own'),
    cutoffs: z.int().min(1).max(MOST_CUTOFFS).optional().describe('So many, spread over what has come true; 3'),
    at: z.array(z.iso.date()).min(1).max(MOST_CUTOFFS).optional().describe('These local days instead'),
    definition: z.enum(CHURN_KINDS).optional().describe('Of churn; contractual where one is in force'),
    lateness_days: z.int().min(0).max(90).optional().describe('7 with live input, else 0'),
    seed: seedInput('Of samples and bootstraps'),
  })
  .refine(({ cutoffs, at }) => cutoffs === undefined || at === undefined, {
    path: ['at'],
    message: 'either so many cutoffs, or at which days',
  })
  .refine(({ model, horizon_days }) => model === 'churn' || horizon_days !== undefined, {
    path: ['horizon_days'],
    message: 'how many days ahead? e.g. 90',
  });
type Params = z.output<typeof body>;

export interface BacktestResult {
  model: Params['model'];
  horizonDays: number;
  /** The log that said what came. */
  asOf: { seq: number; at: string };
  cutoffs: BacktestCutoff[];
  /** Rows computed again with the future taken away and made up; `differing` is 0, or there is no result. */
  leakage: { checked: number; differing: number };
  /** Days of the last horizon that the log does not reach. */
  beyondDays: number;
  latenessDays: number;
}
export interface BacktestCutoff {
  asOf: { seq: number; at: string };
  /** The last day foretold. */
  until: string;
  metrics: CutoffAnswer['metrics'];
  leakage: CutoffAnswer['leakage'];
  /** Why there are no metrics. */
  reason?: string;
}

const STEP = 'cut-off ';

export const backtestJob = (deps: BacktestDeps): JobOfKind => ({
  name: 'backtest',
  summary: 'Fit models to the past as it was known at several moments, and hold what they foretold against what came',
  permission: 'model:write',
  body,
  examples: {
    'three cut-offs, 90 days ahead': { cutoffs: 3, horizon_days: 90 },
    'on one day, one model': { at: ['2026-01-31'], horizon_days: 90, model: 'bg-nbd' },
    'the definition of churn in force': { model: 'churn', cutoffs: 2 },
  },
  async run(job) {
    const params = body.parse(job.params);
    const position = await firstPosition(job, () => positionNow(deps));
    const asked = questionOf(params, position);
    if (!asked.ok) return asked;
    const { model, horizonDays } = asked.value;
    const judged = new Map<number, CutoffAnswer>();
    for (const [step, output] of job.steps)
      if (step.startsWith(STEP)) judged.set((output as CutoffAnswer).day, output as CutoffAnswer);
    // Steps are told to the log one after the other, while the next cut-off is on its way.
    let kept: Promise<void> = Promise.resolve();
    const plan = await deps.pool.backtest(
      deps.nats,
      {
        model,
        horizonDays,
        cutoffs: params.at ? { days: params.at.map(dayOf) } : { count: params.cutoffs ?? 3 },
        latenessDays: params.lateness_days ?? null,
        definitions: position.definitions,
        seed: params.seed,
        seq: position.seq,
        today: position.today,
        offsets: position.offsets,
        ...foldedBy(deps),
      },
      [...judged.keys()],
      {
        progress: job.progress,
        judged(answer) {
          judged.set(answer.day, answer);
          job.log(`${dateOf(answer.day)}: ${answer.metrics === null ? answer.reason : 'judged'}`);
          kept = kept.then(() => job.finishStep(`${STEP}${dateOf(answer.day)}`, answer));
          // Looked at below; a failure before must not end the process.
          kept.catch(() => undefined);
        },
      },
      job.signal,
    );
    if (!plan.ok) return plan;
    await kept;
    return resultOf(params, horizonDays, position, plan.value, judged);
  },
});

function questionOf(
  { model, horizon_days, definition: kind }: Params,
  { definitions }: LogPosition,
): Result<Pick<Backtest, 'model' | 'horizonDays'>, string> {
  if (model !== 'churn') return ok({ model, horizonDays: horizon_days! });
  const of = (wanted: ChurnDefinition['kind']) => definitions.find((each) => each.kind === wanted);
  const churn = kind === undefined ? (of('contractual') ?? of('non-contractual') ?? DEFAULT_CHURN) : of(kind);
  if (churn === undefined && kind === 'contractual')
    return refuse(
      'there is no contractual definition of churn; say what it means: axiom47 churn define contractual --horizon 30',
    );
  const chosen = churn ?? DEFAULT_CHURN;
  if (horizon_days !== undefined && horizon_days !== chosen.horizonDays)
    return refuse(
      `churn is defined over ${chosen.horizonDays} days, not ${horizon_days}: leave the horizon out, or define it anew (axiom47 churn define ${chosen.kind} --horizon ${horizon_days})`,
    );
  return ok({ model: { churn: chosen }, horizonDays: chosen.horizonDays });
}

function resultOf(
  { model }: Params,
  horizonDays: number,
  { seq, today }: LogPosition,
  { days, beyond, latenessDays }: BacktestPlan,
  judged: ReadonlyMap<number, CutoffAnswer>,
): Result<BacktestResult, string> {
  const answers = days.map((day) => judged.get(day)!);
  const leakage = { checked: 0, differing: 0 };
  for (const { leakage: found } of answers) {
    leakage.checked += found?.checked ?? 0;
    leakage.differing += found?.differing ?? 0;
  }
  expectNoLeakage(leakage);
  if (answers.every(({ metrics }) => metrics === null))
    return refuse(
      answers.map((answer) => `${dateOf(answer.day)}: ${answer.metrics === null ? answer.reason : ''}`).join('; '),
    );
  const cutoffs = answers.map((answer): BacktestCutoff => {
    const { day, metrics } = answer;
    const asOf = { seq, at: dateOf(day) };
    const until = dateOf(day + horizonDays);
    return metrics === null
      ? { asOf, until, metrics, leakage: null, reason: answer.reason }
      : { asOf, until, metrics, leakage: answer.leakage };
  });
  return ok({
    model,
    horizonDays,
    asOf: { seq, at: dateOf(today) },
    cutoffs,
    leakage,
    beyondDays: beyond,
    latenessDays,
  });
}

const dayOf = (date: string): number => Date.parse(`${date}T00:00:00Z`) / DAY_MS;
