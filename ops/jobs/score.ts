// `score` as a job: everybody at one position of the log, into a file. Its first step is the question itself, each part of the file is another, so a
// process that died goes on with the parts that are missing and the file has neither gaps nor repeats.
import { z } from 'zod';
import type { Jobs } from '#api/job-deps.ts';
import { isoOf } from '#api/predict/as-of.ts';
import { AsOfInput } from '#api/schemas.ts';
import { LONGEST_HORIZON_DAYS } from '#domain/models/clv-model.ts';
import { ok, type Result, refuse } from '#domain/result.ts';
import type { JobProcess } from '#processors/job-process.ts';
import type { JobRun } from '#processors/jobs/kind.ts';
import { parquetOf } from '#processors/parquet-rows.ts';
import type { Pool } from '#processors/pool.ts';
import { MOVE_ORDER, type Moves, mergeMoves } from '#processors/scoring/moves.ts';
import { headMember, type PartReport, type ScoreBase } from '#processors/scoring/score-base.ts';
import type { ScoreAsked } from '#processors/scoring/score-customer.ts';
import { SCORE_FORMATS, type ScoreFormat, scoreLayout } from '#processors/scoring/score-file.ts';
import type { KeptPart } from '#processors/scoring/score-parts.ts';
import type { LedgerOptions } from '#projections/memory/ledger.ts';
import type { NatsOptions } from '#streams/jetstream/connection.ts';
import type { JobOfKind } from './catalogue.ts';
import { type ExportedFile, type Exports, fileNameOf } from './score-files.ts';
import { familyOf, type Position, planOf, positionOf, type QuestionDeps } from './score-question.ts';
import { createRetention, type RetentionDeps } from './score-retention.ts';

export interface ScoreDeps extends QuestionDeps, Omit<RetentionDeps, 'jobs' | 'exports'> {
  /** Travels to the process of jobs; may hold a secret. */
  nats: NatsOptions;
  pool: Pick<JobProcess, 'scoreBase'>;
  /** Of a pool that waits for no job. */
  packRows: Pool['packRows'];
  /** About how many customers there are. */
  customers(): number;
  /** Of score ids. */
  signingKey: Uint8Array;
  exports: Exports;
  /** Jobs that were done before. */
  jobs(): Pick<Jobs, 'list' | 'result' | 'whole'>;
  ledger(): LedgerOptions;
  /** Of the fold. */
  snapshotDir: string | null;
}

/** Customers a part at most: a few megabytes, a second or two of work with quantiles. */
const PART = 25_000;
/** Smaller bases have smaller ones, so that theirs too are seen to go on. */
const SMALL_PART = 50;
const SMALL_PARTS = 16;
const MOST_PARTS = 400;
const partsFor = (customers: number): number =>
  Math.min(
    MOST_PARTS,
    Math.max(1, Math.ceil(customers / PART), Math.min(SMALL_PARTS, Math.ceil(customers / SMALL_PART))),
  );
/** Of a dry run: rates are measured on so many. */
const SAMPLE = 5_000;

/** IANA, 2024. */
const PARQUET = 'application/vnd.apache.parquet';

const body = z.strictObject({
  model: z
    .string()
    .max(100)
    .regex(/^[A-Za-z0-9_-]+(@[a-z0-9]{1,20})?$/, 'name@version or name@alias, as GET /api/models has them')
    .optional()
    .describe('This version in the place of its like; what is in force when left out'),
  as_of: AsOfInput.optional().describe('Everybody as the log stood at this position, on this day; now when left out'),
  horizon_days: z
    .number()
    .positive()
    .max(LONGEST_HORIZON_DAYS)
    .optional()
    .describe('Of P(churn), the definition’s own when left out; of value too when months is left out'),
  months: z.number().positive().max(120).optional().describe('Of lifetime value; 12'),
  discount_monthly: z.number().min(0).max(1).default(0.01),
  format: z.enum(SCORE_FORMATS).default('csv'),
  quantiles: z.boolean().default(true).describe('Exact p05, p50 and p95 of spend: some 20 µs a customer'),
  identified: z.boolean().default(false).describe('customer_id in the download instead of ref'),
  delta_against: z
    .union([z.literal('previous'), z.string().regex(/^[0-9a-f]{32}$/, 'the id of a score job, or previous')])
    .optional()
    .describe('Only who has changed since that job, and who moved band and why'),
  dry_run: z.boolean().default(false).describe('How many customers, seconds and bytes it would be; nothing is written'),
});
type Params = z.output<typeof body>;

export interface ScoreEstimate {
  customers: number;
  seconds: number;
  /** Of a comparison: if everybody has changed. */
  bytes: number;
  /** Of a sample of so many, measured in this run. */
  sampled: number;
  customers_per_second: number;
  /** Part of `seconds`: everybody is folded from the log first, of a comparison as they were then too. */
  read_seconds: number;
}
export interface ScoreDelta extends Moves {
  against: { job: string; as_of: { seq: number; at: string } };
  /** One thing is changed at a time, in this order. */
  order: typeof MOVE_ORDER;
}
export interface ScoreResult {
  /** What a later scoring is compared with. */
  position: Position;
  as_of: { seq: number; at: string };
  family: string;
  asked: ScoreAsked;
  customers: number;
  rows: number;
  not_scored: Record<string, number>;
  bands: PartReport['bands'];
  format: ScoreFormat;
  identified: boolean;
  /** Gzip; null for a dry run. */
  file: ExportedFile | null;
  delta: ScoreDelta | null;
  estimate: ScoreEstimate | null;
}

/** The first step. */
interface Question {
  position: Position;
  against: { job: string; position: Position } | null;
  parts: number;
}
const stepOf = (part: number): string => `part ${part + 1}`;

export const scoreJob = (deps: ScoreDeps): JobOfKind => scoreKind(deps, createRetention(deps));

const scoreKind = (deps: ScoreDeps, retention: ReturnType<typeof createRetention>): JobOfKind => ({
  name: 'score',
  summary:
    'Score everybody at one position of the log, into a file; against an earlier scoring: who moved band and why',
  permission: 'customer:read',
  alsoNeeds: (params) => (params.identified === true ? 'customer:read-identified' : null),
  body,
  examples: {
    'everybody now, as CSV': {},
    'what it would cost': { dry_run: true },
    'who moved since the last time': { delta_against: 'previous', format: 'ndjson' },
    'as of a day, half a year ahead, without quantiles': { as_of: '2026-01-31', months: 6, quantiles: false },
  },
  file(value) {
    const { file, format, identified } = value as ScoreResult;
    if (file === null) return null;
    const stored = { identified, open: () => deps.exports.read(file) };
    const name = file.name.replace(/\.gz$/, '');
    if (format !== 'parquet') return { ...stored, name, format };
    return {
      ...stored,
      name: name.replace(/\.ndjson$/, '.parquet'),
      format: 'ndjson',
      as: { type: PARQUET, of: (lines) => parquetOf(lines, scoreLayout(identified), deps.packRows) },
    };
  },
  async run(job) {
    const params = body.parse(job.params);
    const asked = askedOf(params);
    const question = await questionOf(deps, job, params, asked);
    if (!question.ok) return question;
    const { position, against, parts } = question.value;
    const work: ScoreBase = {
      now: { ...position, plan: await planOf(deps, position) },
      before: against && { ...against.position, plan: await planOf(deps, against.position) },
      asked,
      format: params.format,
      parts,
      done: [],
      sample: null,
      signingKey: deps.signingKey,
      ledger: deps.ledger(),
      snapshotDir: deps.snapshotDir,
    };
    const result = (reports: readonly PartReport[]) => resultOf(params, asked, question.value, reports);
    if (params.dry_run) {
      const estimate = await estimateOf(deps, job, work);
      return ok({ ...result([]), customers: estimate.customers, delta: null, estimate });
    }
    const steps = await scoreParts(deps, job, work);
    const file = await joined(deps, job, params.format, parts);
    const cleared = await retention.clearOld();
    if (cleared > 0) job.log(`${cleared} files of earlier scorings were removed`);
    return ok({ ...result(steps.map(({ report }) => report)), file });
  },
});

const askedOf = ({ horizon_days, months, discount_monthly, quantiles }: Params): ScoreAsked => ({
  horizonDays: horizon_days ?? null,
  value: months !== undefined || horizon_days === undefined ? { months: months ?? 12 } : { horizonDays: horizon_days },
  discountMonthly: discount_monthly,
  quantiles,
});

async function questionOf(
  deps: ScoreDeps,
  job: JobRun,
  params: Params,
  asked: ScoreAsked,
): Promise<Result<Question, string>> {
  const known = job.steps.get('question');
  if (known !== undefined) return ok(known as Question);
  const position = await positionOf(deps, params.as_of, params.model, asked.horizonDays);
  if (!position.ok) return position;
  const against =
    params.delta_against === undefined
      ? ok(null)
      : await earlier(deps, job, params.delta_against, position.value, asked);
  if (!against.ok) return against;
  const parts = params.dry_run ? 1 : partsFor(deps.customers());
  const question = { position: position.value, against: against.value, parts };
  await job.finishStep('question', question);
  return ok(question);
}

/** The scoring to compare with. The same was asked of the same family, or the difference would not be one of customers. */
async function earlier(
  deps: ScoreDeps,
  { id }: JobRun,
  wanted: string,
  position: Position,
  asked: ScoreAsked,
): Promise<Result<Question['against'], string>> {
  const said = ({ horizonDays, value, discountMonthly }: ScoreAsked) =>
    JSON.stringify([horizonDays, value.months ?? null, value.horizonDays ?? null, discountMonthly]);
  const differs = ({ position: then, asked: before }: ScoreResult): string | null => {
    if (familyOf(then) !== familyOf(position))
      return `it was scored by ${familyOf(then)}, this is ${familyOf(position)}`;
    if (said(before) !== said(asked)) return 'it was over another horizon or at another discount';
    if (then.seq > position.seq || then.day > position.day) return `it is of a later moment (position ${then.seq})`;
    return null;
  };
  const jobs = deps.jobs();
  const candidates = jobs
    .list()
    .filter((each) => each.kind === 'score' && each.id !== id && (wanted === 'previous' || each.id === wanted));
  const [named] = candidates;
  if (wanted !== 'previous' && named?.status !== 'succeeded')
    return refuse(
      named
        ? `score job ${wanted} has not succeeded (${named.status}); compare with one that has`
        : `there is no score job ${wanted}; GET /api/jobs?kind=score lists them`,
    );
  for (const candidate of candidates) {
    if (candidate.status !== 'succeeded' || candidate.params.dry_run === true) continue;
    const result = (await jobs.result(candidate.id)) as ScoreResult;
    const reason = differs(result);
    if (reason === null) return ok({ job: candidate.id, position: result.position });
    if (wanted !== 'previous') return refuse(`score job ${wanted} cannot be compared with: ${reason}`);
  }
  return refuse(
    wanted === 'previous'
      ? 'there is no earlier score job of the same models, horizon and discount: run one without delta_against first'
      : `score job ${wanted} was a dry run; compare with one that wrote a file`,
  );
}

async function scoreParts(deps: ScoreDeps, job: JobRun, work: ScoreBase): Promise<KeptPart[]> {
  const { exports } = deps;
  await exports.sweep(job.id);
  const steps = new Map<number, KeptPart>();
  // Once the file is there, its parts are gone.
  const whole = job.steps.has('file');
  for (let part = 0; part < work.parts; part++) {
    const known = job.steps.get(stepOf(part)) as KeptPart | undefined;
    if (known && (whole || (await exports.hasPart(job.id, part, known.written)))) steps.set(part, known);
  }
  if (steps.size < work.parts) {
    if (steps.size > 0) job.log(`goes on with ${work.parts - steps.size} of ${work.parts} parts`);
    // The log is told of one part after the other, while the next is on its way.
    let kept: Promise<void> = Promise.resolve();
    const keep = async (part: KeptPart): Promise<void> => {
      await job.finishStep(stepOf(part.report.part), part);
      steps.set(part.report.part, part);
    };
    const scored = deps.pool.scoreBase(
      deps.nats,
      { ...work, done: [...steps.keys()] },
      await exports.partsFolder(job.id),
      {
        progress: job.progress,
        part(part) {
          kept = kept.then(() => keep(part));
          // Looked at below; a failure before must not end the process.
          kept.catch(() => undefined);
        },
      },
      job.signal,
    );
    // What was made before it went wrong is kept all the same, and nothing is written when the job has ended.
    const totals = await scored.finally(() => kept.catch(() => undefined));
    await kept;
    job.log(
      `${totals.customers} customers: the log was read in ${Math.round(totals.foldMs)} ms, they were scored in ${Math.round(totals.scoreMs)} ms`,
    );
  }
  return Array.from({ length: work.parts }, (_, part) => steps.get(part)!);
}

async function joined({ exports }: ScoreDeps, job: JobRun, format: ScoreFormat, parts: number): Promise<ExportedFile> {
  let file = job.steps.get('file') as ExportedFile | undefined;
  if (file === undefined) {
    file = await exports.join(job.id, fileNameOf(job.id, format), headMember(format), parts);
    await job.finishStep('file', file);
  }
  await exports.removeParts(job.id);
  return file;
}

async function estimateOf(deps: ScoreDeps, job: JobRun, work: ScoreBase): Promise<ScoreEstimate> {
  let bytes = 0;
  const { customers, foldMs, scoreMs } = await deps.pool.scoreBase(
    deps.nats,
    { ...work, sample: SAMPLE },
    null,
    {
      progress: job.progress,
      part(part) {
        bytes += part.written.bytes;
      },
    },
    job.signal,
  );
  const sampled = Math.min(SAMPLE, customers);
  const share = sampled === 0 ? 0 : customers / sampled;
  return {
    customers,
    seconds: (foldMs + scoreMs * share) / 1000,
    bytes: Math.round(bytes * share),
    sampled,
    customers_per_second: scoreMs > 0 ? Math.round((1000 * sampled) / scoreMs) : 0,
    read_seconds: foldMs / 1000,
  };
}

function resultOf(
  { format, identified }: Params,
  asked: ScoreAsked,
  { position, against }: Question,
  reports: readonly PartReport[],
): ScoreResult {
  const not_scored: Record<string, number> = {};
  const bands: PartReport['bands'] = {};
  for (const report of reports) {
    for (const [reason, n] of Object.entries(report.not_scored)) not_scored[reason] = (not_scored[reason] ?? 0) + n;
    for (const [band, { customers, clv }] of Object.entries(report.bands)) {
      const sum = bands[band] ?? { customers: 0, clv: 0 };
      bands[band] = {
        customers: sum.customers + customers,
        clv: sum.clv === null || clv === null ? null : sum.clv + clv,
      };
    }
  }
  const asOf = ({ seq, at }: Position) => ({ seq, at: isoOf(at) });
  return {
    position,
    as_of: asOf(position),
    family: familyOf(position),
    asked,
    customers: reports.reduce((sum, { customers }) => sum + customers, 0),
    rows: reports.reduce((sum, { rows }) => sum + rows, 0),
    not_scored,
    bands,
    format,
    identified,
    file: null,
    delta: against && {
      against: { job: against.job, as_of: asOf(against.position) },
      order: MOVE_ORDER,
      ...mergeMoves(reports.map(({ moves }) => moves!)),
    },
    estimate: null,
  };
}
