// Several versions side by side: what differs in parameters, figures and features, and who was better on the same rows, where somebody has had them
// judged together (job `evaluate`).
import { z } from '@hono/zod-openapi';
import type { JobSummary } from './job-deps.ts';
import { ModelFacts } from './model-facts.ts';

const Number_ = z.number().nullable();
const Pair = z.object({
  first: z.string(),
  second: z.string(),
  metric: z.string(),
  better: z.enum(['lower', 'higher']),
  value: z
    .object({
      first: z.number(),
      second: z.number(),
      difference: z.number().describe('second − first'),
      standardError: z.number().optional().describe('Of the difference; absent in evaluations of an earlier program'),
      lower: z.number().describe('95 % of the difference'),
      upper: z.number(),
      p: z.number(),
      probabilitySecondBetter: z.number(),
      draws: z.number(),
    })
    .nullable(),
  reason: z.string().optional(),
  offer: z
    .object({ cost: z.number(), benefit: z.number() })
    .optional()
    .describe('Of profit a customer: made to everybody whose probability is at least cost / benefit'),
});
export type Pair = z.infer<typeof Pair>;

export const Comparison = z.object({
  versions: z.array(ModelFacts),
  parameters: z.array(z.object({ name: z.string(), values: z.array(Number_), differs: z.boolean() })),
  metrics: z.array(z.object({ name: z.string(), values: z.array(Number_) })),
  features: z.array(z.object({ name: z.string(), values: z.array(Number_), differs: z.boolean() })),
  paired: z
    .object({
      job: z.string(),
      question: z.string(),
      cutoff: z.string(),
      until: z.string(),
      rows: z.number(),
      basis: z.array(z.string()),
      pairs: z.array(Pair),
    })
    .nullable(),
  why: z.string().nullable().describe('Why nobody knows who is better'),
});
export type Comparison = z.infer<typeof Comparison>;

/** What is read of a job's result here. */
export interface EvaluationLike {
  question: string;
  cutoff: string;
  until: string;
  horizonDays: number;
  asOf: { seq: number; at: string };
  offer: { cost: number; benefit: number } | null;
  beyondDays: number;
  latenessDays: number;
  rows: { n: number };
  leakage: { checked: number; differing: number };
  models: { id: string; basis: string }[];
  pairs: Pair[];
}

/** Whether that job judged all of them. */
export const judges = ({ kind, status, params }: JobSummary, ids: readonly string[]): boolean =>
  kind === 'evaluate' &&
  status === 'succeeded' &&
  Array.isArray(params.models) &&
  ids.every((id) => (params.models as unknown[]).includes(id));

export function compareModels(
  versions: readonly ModelFacts[],
  judged: { job: string; result: EvaluationLike } | null,
): Comparison {
  const ids = versions.map(({ id }) => id);
  return {
    versions: [...versions],
    parameters: diff(versions.map(({ parameters }) => parameters.map(({ name, value }) => [name, value]))),
    metrics: diff(versions.map(({ metrics }) => Object.entries(metrics))).map(({ name, values }) => ({ name, values })),
    // 0: an attribute, which has no version; null: it does not read that.
    features: diff(versions.map(({ features }) => features.map(({ name, version }) => [name, version ?? 0]))),
    paired: judged && {
      job: judged.job,
      question: judged.result.question,
      cutoff: judged.result.cutoff,
      until: judged.result.until,
      rows: judged.result.rows.n,
      basis: ids.map((id) => judged.result.models.find((each) => each.id === id)!.basis),
      pairs: judged.result.pairs.flatMap((pair) => inOrder(pair, ids)),
    },
    why:
      judged === null
        ? `no evaluation holds all of them on the same rows: POST /api/jobs/evaluate {"models": ${JSON.stringify(ids)}}, or axiom47 model compare ${ids.join(' ')}`
        : null,
  };
}

/** Within what the order of additions may change; a fit that is run again elsewhere moves no more. */
const ROUNDING = 1e-9;
const isSame = (a: number | null, b: number | null): boolean =>
  a === b || (a !== null && b !== null && Math.abs(a - b) <= ROUNDING * Math.max(Math.abs(a), Math.abs(b)));

function diff(columns: readonly (readonly (readonly [string, number | null])[])[]) {
  const maps = columns.map((each) => new Map(each));
  const names = [...new Set(columns.flatMap((each) => each.map(([name]) => name)))];
  return names.map((name) => {
    const values = maps.map((each) => each.get(name) ?? null);
    return { name, values, differs: values.some((value) => !isSame(value, values[0]!)) };
  });
}

/** Only of these versions, the earlier asked for first. */
function inOrder(pair: Pair, ids: readonly string[]): Pair[] {
  const [first, second] = [ids.indexOf(pair.first), ids.indexOf(pair.second)];
  if (first < 0 || second < 0) return [];
  const { value } = pair;
  if (first < second) return [{ ...pair, value: value && shown(value) }];
  return [
    {
      ...pair,
      first: pair.second,
      second: pair.first,
      value: value && {
        ...shown(value),
        first: value.second,
        second: value.first,
        difference: -value.difference,
        lower: -value.upper,
        upper: -value.lower,
        probabilitySecondBetter: 1 - value.probabilitySecondBetter,
      },
    },
  ];
}

const shown = ({
  first,
  second,
  difference,
  standardError,
  lower,
  upper,
  p,
  probabilitySecondBetter,
  draws,
}: NonNullable<Pair['value']>) => ({
  first,
  second,
  difference,
  ...(standardError !== undefined && { standardError }),
  lower,
  upper,
  p,
  probabilitySecondBetter,
  draws,
});
