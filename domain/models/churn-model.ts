// Churn models beside BG/NBD: a calibrated logistic classifier that answers the horizon of its definition, and a Cox model of subscriptions that
// answers any. Their stored form, the guard every prediction passes, and the prediction. What a row means is domain/churn-features.ts.
import { z } from 'zod';
import { churnDefinitionSchema, isEligible, spells } from '../churn-definition.ts';
import {
  ATTRIBUTE,
  checkPins,
  FEATURE_SET,
  FEATURE_SETS,
  type FeatureValue,
  featureRow,
  pinOf,
  featureSet as setOf,
} from '../churn-features.ts';
import type { FeatureContext } from '../features.ts';
import type { CustomerEntries } from '../ledger.ts';
import { ok, type Result, refuse } from '../result.ts';
import { type Contribution, explainCox, explainLogistic } from './explanation/contributions.ts';
import { encodedNames, encodeRow, type FeatureRow, featureEncoding } from './feature-encoding.ts';
import { type LogisticArtefact, parseLogisticModel, score } from './logistic-model.ts';
import { linearPredictor } from './survival/cox.ts';

const finite = z.number();
const common = {
  definition: churnDefinitionSchema,
  /** Which catalogue of features the rows were made by. */
  featureSet: z.object({ name: z.literal(FEATURE_SET.name), version: z.int().min(1) }),
  /** What it reads of the set, each as `name@version`; absent in models from before versions were written down: those of the set. */
  features: z.array(z.string()).optional(),
};
const coxFile = z.object({
  model: z.literal('churn-cox'),
  ...common,
  encoding: z.array(featureEncoding),
  cox: z.object({
    coefficients: z.array(z.object({ name: z.string(), coef: finite.nullable() })),
    means: z.array(finite),
    /** Days under contract, and the cumulative hazard at the means of the covariates. */
    baseline: z.array(z.object({ time: z.array(finite), cumulativeHazard: z.array(finite) })).length(1),
  }),
  /** Nobody was observed longer than this, days. */
  followUpDays: finite.nonnegative(),
  /** Longest time that one subscription was under observation, days; not said by models from before it was asked. */
  watchedDays: finite.nonnegative().optional(),
});
const logisticFile = z.object({ model: z.literal('churn-logistic'), ...common, logistic: z.looseObject({}) });

export type ChurnCox = z.infer<typeof coxFile>;
export type ChurnLogistic = Omit<z.infer<typeof logisticFile>, 'logistic'> & { logistic: LogisticArtefact };
export type ChurnModel = ChurnLogistic | ChurnCox;
export const CHURN_MODELS = ['churn-logistic', 'churn-cox'] as const;

/** A churn model from its artefact, or one sentence per problem that names the field. */
export function parseChurnModel(file: unknown): Result<ChurnModel, string> {
  const parsed = z.discriminatedUnion('model', [logisticFile, coxFile]).safeParse(file);
  if (!parsed.success)
    return refuse(
      parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`).join('; '),
    );
  const { featureSet, features = [] } = parsed.data;
  const set = setOf(featureSet.version);
  const pinned = set === null ? ok(null) : checkPins(set, features);
  if (!pinned.ok) return pinned;
  if (parsed.data.model === 'churn-cox') return ok(parsed.data);
  const logistic = parseLogisticModel(parsed.data.logistic);
  return logistic.ok ? ok({ ...parsed.data, logistic: logistic.value }) : refuse(`logistic.${logistic.reason}`);
}

/** Why this program cannot compute what the model reads; null: it can. */
export const unknownFeatureSet = ({ featureSet: { name, version } }: Pick<ChurnModel, 'featureSet'>): string | null =>
  setOf(version) === null
    ? `the model reads the features ${name}@${version}, this program knows them up to ${name}@${FEATURE_SETS.at(-1)!.version}: train it anew, or use the program it was made with`
    : null;

/** What an encoding reads of a set, each at its version. */
export function pinsOf(version: number, encoding: readonly { column: string }[]): string[] {
  const set = setOf(version);
  return encoding.flatMap(({ column }) => {
    const found = column.startsWith(ATTRIBUTE) ? undefined : set?.features.find(({ name }) => name === column);
    return found ? [pinOf(found)] : [];
  });
}

export interface ChurnRefusal {
  reason:
    | 'left-truncated'
    | 'not-eligible'
    | 'horizon-not-served'
    | 'beyond-follow-up'
    | 'unknown-feature-set'
    | 'bad-feature';
  message: string;
}

export interface ChurnAnswer {
  pChurn: number;
  /** Before calibration. */
  pChurnRaw: number;
  horizonDays: number;
  /** What the score is made of, largest first: log-odds of the classifier, ln of the hazard ratio of Cox; the reference plus their sum is the score. */
  contributions: { scale: string; against: string; reference: number; score: number; contributions: Contribution[] };
  /** Columns that are missing, and levels the model has never seen. */
  blank: string[];
  unknown: string[];
}

/** What is known beside the ledger: rates, and whether its customer may be older than the data (facts §9). */
export interface ChurnContext extends FeatureContext {
  leftTruncated: boolean;
}

const no = (reason: ChurnRefusal['reason'], message: string) => refuse<ChurnRefusal>({ reason, message });

/** The guard: may `model` speak about this customer on that day over this horizon? `predictChurnBy` calls it itself. */
export function applicableChurn(
  { definition, featureSet, ...model }: ChurnModel,
  entries: CustomerEntries,
  day: number,
  { leftTruncated }: ChurnContext,
  horizonDays: number,
): Result<null, ChurnRefusal> {
  const unknown = unknownFeatureSet({ featureSet });
  if (unknown !== null) return no('unknown-feature-set', unknown);
  if (model.model === 'churn-logistic' && horizonDays !== definition.horizonDays)
    return no('horizon-not-served', `this classifier answers ${definition.horizonDays} days and no other horizon`);
  if (leftTruncated)
    return no(
      'left-truncated',
      'may have bought before the data begin: such customers are not in the rows the model learned from',
    );
  if (!isEligible(definition, entries, day))
    return no(
      'not-eligible',
      definition.kind === 'contractual'
        ? 'has no running subscription on that day'
        : 'has no purchase recent enough for this definition of churn',
    );
  return ok(null);
}

/**
 * P(lost within (day, day + horizon]) of a customer as the ledger knows them on that day.
 *
 * @param horizonDays the definition's own when null.
 */
export function predictChurnBy(
  model: ChurnModel,
  entries: CustomerEntries,
  day: number,
  context: ChurnContext,
  horizonDays: number | null = null,
): Result<ChurnAnswer, ChurnRefusal> {
  const horizon = horizonDays ?? model.definition.horizonDays;
  const may = applicableChurn(model, entries, day, context, horizon);
  if (!may.ok) return may;
  return model.model === 'churn-logistic'
    ? predictFromFeatures(model, featureRow(entries, day, context, model.featureSet.version))
    : predictByCox(model, entries, day, context, horizon);
}

/** The classifier's answer for features somebody else has put together. */
export function predictFromFeatures(model: ChurnLogistic, row: FeatureRow): Result<ChurnAnswer, ChurnRefusal> {
  const scored = score(model.logistic, row);
  if (!scored.ok) return no('bad-feature', `${scored.reason.column} ${scored.reason.message}`);
  const { probability, raw, blank, unknown } = scored.value;
  const explained = explainLogistic(model.logistic, row);
  if (!explained.ok) return no('bad-feature', `${explained.reason.column} ${explained.reason.message}`);
  return ok({
    pChurn: probability,
    pChurnRaw: raw,
    horizonDays: model.definition.horizonDays,
    contributions: explained.value,
    blank,
    unknown,
  });
}

/**
 * What a horizon beyond the longest time anybody was watched rests on; null: it is within that, or the model is no Cox model, or does not say.
 * A table of one day with those who left in the 30 days after it shows every age for 30 days, and nobody for longer.
 */
export function beyondWatched(model: ChurnModel, horizonDays: number): string | null {
  if (model.model !== 'churn-cox' || model.watchedDays === undefined || horizonDays <= model.watchedDays) return null;
  const seen = `${model.watchedDays} day${model.watchedDays === 1 ? '' : 's'}`;
  return `extrapolated beyond ${seen} seen: no subscription was watched for longer, so ${horizonDays} days ahead are put together from subscribers of different ages, and hold if each age keeps the risk that was seen`;
}

/** At most so many points of a curve. */
const CURVE_POINTS = 120;

/** P(still there `days` later | there at `age`) = exp(−(H(age + days) − H(age))·exp(xᵀβ)). */
const stays = ({ cox }: ChurnCox, x: readonly number[], age: number, days: number): number =>
  Math.exp(
    -(hazardTo(cox.baseline[0]!, age + days) - hazardTo(cox.baseline[0]!, age)) * Math.exp(linearPredictor(cox, x)),
  );

/**
 * Cumulative baseline hazard at an age, straight between the ages at which ends were seen: an end is known to the bill or the table that told of
 * it, not to the hour, so what falls between two of them is spread evenly. Flat after the last.
 */
export function hazardTo({ time, cumulativeHazard }: ChurnCox['cox']['baseline'][number], age: number): number {
  let [low, high] = [0, time.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (time[middle]! < age) low = middle + 1;
    else high = middle;
  }
  if (low === time.length) return cumulativeHazard.at(-1) ?? 0;
  const [t0, h0] = low === 0 ? [0, 0] : [time[low - 1]!, cumulativeHazard[low - 1]!];
  return h0 + ((cumulativeHazard[low]! - h0) * (age - t0)) / (time[low]! - t0);
}

/** Days under contract on `day`, of a customer who is. */
export const ageOf = (model: Pick<ChurnCox, 'definition'>, entries: CustomerEntries, day: number): number =>
  day - spells(entries, day, model.definition.graceDays).at(-1)!.startDay;

/**
 * S(t + h | active at t) for h = 0, 1, … days, as far as anybody was observed: where it falls, and where it ends.
 *
 * @param longestDays no further than this.
 */
export function stayCurve(
  model: ChurnCox,
  entries: CustomerEntries,
  day: number,
  context: ChurnContext,
  longestDays: number,
): Result<{ days: number; pStays: number }[], ChurnRefusal> {
  const may = applicableChurn(model, entries, day, context, model.definition.horizonDays);
  if (!may.ok) return may;
  const age = ageOf(model, entries, day);
  const last = Math.min(longestDays, Math.floor(model.followUpDays - age));
  if (last < 1) return no('beyond-follow-up', `no subscription was observed for longer than ${Math.floor(age)} days`);
  const encoded = encodeRow(startRow(entries, day, context), model.encoding);
  if (!encoded.ok) return no('bad-feature', `${encoded.reason.column} ${encoded.reason.message}`);
  const x = [...encoded.value.values];
  const every = Math.ceil(last / CURVE_POINTS);
  const points = [{ days: 0, pStays: 1 }];
  for (let days = 1; days <= last; days++) {
    if (days === last || days % every === 0) points.push({ days, pStays: stays(model, x, age, days) });
  }
  return ok(points);
}

/** 1 − S(t + h | active at t), t the time under contract so far (facts §9). */
function predictByCox(
  model: ChurnCox,
  entries: CustomerEntries,
  day: number,
  context: FeatureContext,
  horizonDays: number,
): Result<ChurnAnswer, ChurnRefusal> {
  const age = ageOf(model, entries, day);
  if (age + horizonDays > model.followUpDays)
    return no(
      'beyond-follow-up',
      `no subscription was observed for ${Math.ceil(age + horizonDays)} days; the longest for ${Math.floor(model.followUpDays)}`,
    );
  const encoded = encodeRow(startRow(entries, day, context), model.encoding);
  if (!encoded.ok) return no('bad-feature', `${encoded.reason.column} ${encoded.reason.message}`);
  const { values, blank, unknown } = encoded.value;
  const x = [...values];
  const pChurn = 1 - stays(model, x, age, horizonDays);
  const sources = new Map(model.encoding.flatMap((each) => encodedNames([each]).map((name) => [name, each.column])));
  const contributions = {
    scale: 'log hazard ratio',
    ...explainCox(model.cox, x, undefined, (name) => sources.get(name) ?? name),
  };
  return ok({ pChurn, pChurnRaw: pChurn, horizonDays, contributions, blank, unknown });
}

const OF_START = new Set(['plan', 'subscription_price']);

/**
 * What a Cox model may know of a subscription: what was fixed when it began, so that a covariate never knows more than the risk set it stands in.
 * Plan and price of the subscription, attributes as first said (by `day`): a table that says them only once says them of the whole time.
 */
export function startRow(
  entries: CustomerEntries,
  day: number,
  context: FeatureContext,
): Readonly<Record<string, FeatureValue>> {
  const known = featureRow(entries, day, context);
  const row: Record<string, FeatureValue> = {};
  for (const [name, value] of Object.entries(known)) if (OF_START.has(name)) row[name] = value;
  for (const { name, day: said, value } of [...entries.attributes].reverse())
    if (said <= day) row[`attribute:${name}`] = typeof value === 'boolean' ? String(value) : value;
  return row;
}
