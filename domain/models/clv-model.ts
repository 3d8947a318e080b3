// The model of a non-contractual business: when purchases come (BG/NBD, MBG/NBD or Pareto/NBD) and what they are worth (Gamma-Gamma): the
// one guard every prediction passes, and the two predictions built on it, churn and lifetime value. Its file form: clv-model-file.ts.

import { ok, type Result } from '../result.ts';
import * as bgNbd from './bg-nbd.ts';
import { brokenRule } from './compress.ts';
import { DAYS_PER_MONTH } from './duration.ts';
import type { TimeUnit } from './fit.ts';
import * as future from './future-purchases.ts';
import { expectedSpend, type GammaGammaParams } from './gamma-gamma.ts';
import { type Discounting, discountedPurchases, discountPeriods } from './lifetime-value.ts';
import * as mbgNbd from './mbg-nbd.ts';
import * as paretoNbd from './pareto-nbd.ts';
import { createSharedExpectations, type SharedExpectations } from './shared-expectations.ts';
import { createSpendScratch, spendDistribution } from './spend-distribution.ts';

/** Covariance of the ln-parameters of each part, in the order of its parameters: what a fit's uncertainty is told by. */
export interface ClvCovariance {
  purchases?: number[][];
  money?: number[][];
}

/** Parameters in `unit` (alpha, beta) and in the reporting currency (v). Exactly one purchase model. */
export type ClvModel = {
  model: 'clv';
  unit: TimeUnit;
  gammaGamma?: GammaGammaParams;
  covariance?: ClvCovariance;
} & (
  | { bgNbd: bgNbd.BgNbdParams; mbgNbd?: never; paretoNbd?: never }
  | { mbgNbd: mbgNbd.MbgNbdParams; bgNbd?: never; paretoNbd?: never }
  | { paretoNbd: paretoNbd.ParetoNbdParams; bgNbd?: never; mbgNbd?: never }
);

/** What a prediction needs to know of one customer. Times in DAYS, whatever the model's unit. */
export interface CustomerHistory {
  frequency: number;
  recency: number;
  T: number;
  /** Mean net money of the repeat days with money > 0, in the reporting currency; null or absent when unknown. */
  monetaryValue?: number | null | undefined;
  /** How many repeat days that mean is over; all of `frequency` when absent. */
  moneyDays?: number | undefined;
  /** The first purchase may lie before the data begin. */
  leftTruncated?: boolean | undefined;
  /** Some of the money is in a currency without a rate into the reporting currency. */
  withoutRate?: boolean | undefined;
  /** Never bought, or erased. */
  notACustomer?: boolean | undefined;
  /** Belongs to a contract: leaving is observed, not inferred. */
  contractual?: boolean | undefined;
}

export interface Refusal {
  reason:
    | 'not-a-customer'
    | 'contractual'
    | 'left-truncated'
    | 'invalid-history'
    | 'horizon-not-positive'
    | 'horizon-too-long'
    | 'no-money-model'
    | 'without-rate'
    | 'infinite-mean'
    | 'out-of-range';
  message: string;
}

export const LONGEST_HORIZON_DAYS = 3653;

/**
 * The one guard: may `model` speak about this customer over this horizon? No route, job or command predicts without it; the predictions
 * below call it themselves.
 *
 * @param wanted 'churn' asks about purchases only, 'clv' about money too.
 */
export function applicable(
  model: ClvModel,
  customer: CustomerHistory,
  horizonDays: number,
  wanted: 'churn' | 'clv' = 'churn',
): { ok: true } | ({ ok: false } & Refusal) {
  const no = (reason: Refusal['reason'], message: string) => ({ ok: false, reason, message }) as const;
  if (customer.notACustomer) return no('not-a-customer', 'has no purchase on record');
  if (customer.contractual) return no('contractual', 'is under contract; ask a survival model');
  if (customer.leftTruncated)
    return no('left-truncated', 'may have bought before the data begin, so frequency and T are not from birth');
  if (!(horizonDays > 0)) return no('horizon-not-positive', `the horizon must be > 0 days, not ${horizonDays}`);
  if (horizonDays > LONGEST_HORIZON_DAYS)
    return no(
      'horizon-too-long',
      `the horizon of ${horizonDays} days is over ten years (${LONGEST_HORIZON_DAYS} days)`,
    );
  const broken = brokenRule(customer.frequency, customer.recency, customer.T);
  if (broken) return no('invalid-history', `${broken.column}: ${broken.rule}`);
  if (wanted === 'churn') return { ok: true };
  if (!model.gammaGamma) return no('no-money-model', 'the model has no Gamma-Gamma part; fit or import one');
  if (customer.withoutRate)
    return no(
      'without-rate',
      'some of the money has no rate into the reporting currency (`axiom47 workspace rates DATE CODE=RATE` gives one), or exceeds 2⁵³ minor units',
    );
  const money = customer.monetaryValue ?? 0;
  const days = customer.moneyDays ?? customer.frequency;
  if (!(money >= 0 && money < Number.POSITIVE_INFINITY))
    return no('invalid-history', `monetaryValue: ${money} is not a finite mean amount ≥ 0`);
  if (!(days >= 0 && days <= customer.frequency && Number.isInteger(days)))
    return no(
      'invalid-history',
      `moneyDays: ${days} is not a whole number from 0 to frequency = ${customer.frequency}`,
    );
  if (expectedSpend(model.gammaGamma, moneyDays(customer), money) === undefined)
    return no('infinite-mean', `q = ${model.gammaGamma.q} ≤ 1: the mean spend of this customer is not finite`);
  return { ok: true };
}

/** Repeat days that carry money: none when their mean is 0 or unknown. */
export const moneyDays = (customer: CustomerHistory) =>
  (customer.monetaryValue ?? 0) > 0 ? (customer.moneyDays ?? customer.frequency) : 0;

/** Whom `applicable` refuses a value for want of a finite mean amount, before anybody asks; null: nobody. */
export function unvalued({ gammaGamma }: Pick<ClvModel, 'gammaGamma'>): string | null {
  if (!gammaGamma) return 'it has no Gamma-Gamma part: churn is answered, value is not';
  const { p, q } = gammaGamma;
  if (q > 1) return null;
  const below = Math.floor((1 - q) / p);
  // The guard adds and does not divide: at the edge the two round differently.
  const most = p * (below + 1) + q > 1 ? below : below + 1;
  const who = most === 0 ? 'without a repeat day with money' : `with at most ${most} repeat days with money`;
  return `q = ${Number(q.toPrecision(3))} ≤ 1: the mean amount of a purchase is infinite for customers ${who}: for them churn is answered, value is not`;
}

export const DAYS_PER_UNIT = { week: 7, day: 1 } as const;

/** The customer's posterior in the model's unit. Callers have passed `applicable`. */
export function posteriorOf(model: ClvModel, { frequency, recency, T }: CustomerHistory): future.Posterior {
  const days = DAYS_PER_UNIT[model.unit];
  if (model.bgNbd) return bgNbd.posterior(model.bgNbd, frequency, recency / days, T / days);
  return model.mbgNbd
    ? mbgNbd.posterior(model.mbgNbd, frequency, recency / days, T / days)
    : paretoNbd.posterior(model.paretoNbd, frequency, recency / days, T / days);
}

/** E[purchases] over `days` of a customer met today. */
export function expectedOfNewCustomer(model: ClvModel, days: number): number {
  return future.expectedFuture(
    posteriorOf(model, { frequency: 0, recency: 0, T: 0 }),
    days / DAYS_PER_UNIT[model.unit],
  );
}

export type ChurnBand = 'low' | 'moderate' | 'high' | 'severe';

/** Lower ends of moderate, high and severe. */
const CHURN_BANDS: readonly [number, number, number] = [0.15, 0.35, 0.6];

export function churnBand(pChurn: number, [moderate, high, severe] = CHURN_BANDS): ChurnBand {
  if (pChurn < moderate) return 'low';
  if (pChurn < high) return 'moderate';
  return pChurn < severe ? 'high' : 'severe';
}

export interface ChurnPrediction {
  /** P(no purchase within the horizon): churn, without a contract. */
  pChurn: number;
  /** 1 − pChurn with its own digits. */
  pPurchase: number;
  pAlive: number;
  /** ln(P(dead)/P(alive)); null where death is impossible (BG/NBD without a repeat purchase). */
  logOddsDead: number | null;
  expectedPurchases: number;
  horizonDays: number;
  band: ChurnBand;
}

/** Churn of one customer over the horizon; refuses with the guard's reason. Cost about 0.5 µs. */
export function predictChurn(
  model: ClvModel,
  customer: CustomerHistory,
  horizonDays: number,
): Result<ChurnPrediction, Refusal> {
  const chance = chanceOfChurn(model, customer, horizonDays);
  if (!chance.ok) return chance;
  const t = horizonDays / DAYS_PER_UNIT[model.unit];
  return ok({ ...chance.value, expectedPurchases: future.expectedFuture(posteriorOf(model, customer), t) });
}

/** What `predictChurn` answers, without the purchases expected. */
export type ChurnChance = Omit<ChurnPrediction, 'expectedPurchases'>;

export function chanceOfChurn(
  model: ClvModel,
  customer: CustomerHistory,
  horizonDays: number,
): Result<ChurnChance, Refusal> {
  const guard = applicable(model, customer, horizonDays, 'churn');
  if (!guard.ok) return { ok: false, reason: guard };
  const state = posteriorOf(model, customer);
  const t = horizonDays / DAYS_PER_UNIT[model.unit];
  const pChurn = future.probabilityOfNoPurchase(state, t);
  return ok({
    pChurn,
    pPurchase: future.probabilityOfPurchase(state, t),
    pAlive: state.pAlive,
    logOddsDead: Number.isFinite(state.logOddsDead) ? state.logOddsDead : null,
    horizonDays,
    band: churnBand(pChurn),
  });
}

export interface ClvOptions {
  /** Months of 4.345 weeks; 12 when neither is given. `horizonDays` goes before it. */
  months?: number | undefined;
  horizonDays?: number | undefined;
  /** Discount rate per month. */
  discountMonthly?: number | undefined;
  /** Where in each month its purchases are discounted; month ends when not told. */
  discounting?: Discounting | undefined;
  /** Levels of the spend quantiles. */
  levels?: readonly number[] | undefined;
}

export interface ClvPrediction {
  /** Expected spend over the horizon, discounted by `discountMonthly` as `discounting` names. */
  clvMean: number;
  /** Quantiles of UNDISCOUNTED spend over the horizon, one per level. */
  quantiles: number[];
  pZeroSpend: number;
  expectedPurchases: number;
  /** Expected amount of one purchase. */
  expectedSpendPerPurchase: number;
  /** Expected undiscounted spend over the horizon. */
  expectedSpend: number;
  pAlive: number;
  horizonDays: number;
  months: number;
  discountMonthly: number;
  discounting: Discounting;
}

const CLV_LEVELS: readonly number[] = [0.05, 0.5, 0.95];

/** What needs no distribution. */
export type ClvExpectation = Omit<ClvPrediction, 'quantiles' | 'pZeroSpend'>;

/** Horizon in months and days, as whoever asks has it. */
function clvHorizon({ months, horizonDays }: ClvOptions): { months: number; days: number } {
  const inMonths = horizonDays === undefined ? (months ?? 12) : horizonDays / DAYS_PER_MONTH;
  return { months: inMonths, days: horizonDays ?? inMonths * DAYS_PER_MONTH };
}

/** Of one model and question, for many customers: `expectClv` takes it. Null where the question has no answer. */
export function sharedExpectations({ unit }: ClvModel, options: ClvOptions): SharedExpectations | null {
  const { discountMonthly = 0.01, discounting = 'month-end' } = options;
  const t = clvHorizon(options).days / DAYS_PER_UNIT[unit];
  const periods = discountPeriods(t, DAYS_PER_MONTH / DAYS_PER_UNIT[unit], discountMonthly, discounting);
  return periods && createSharedExpectations(t, periods);
}

/**
 * The closed-form part of `predictClv`, digit for digit, without quantiles: for whole bases. Cost about 4 µs over twelve months, a tenth of it with
 * `shared`. A horizon over which the distribution has too many counts to be written out has an expectation still, so that is no refusal here.
 *
 * @param shared of this very model and question: what others of the same x and T need not compute again.
 */
export function expectClv(
  model: ClvModel,
  customer: CustomerHistory,
  options: ClvOptions = {},
  shared: SharedExpectations | null = null,
): Result<ClvExpectation, Refusal> {
  const { discountMonthly = 0.01, discounting = 'month-end' } = options;
  const perUnit = DAYS_PER_UNIT[model.unit];
  const { months, days } = clvHorizon(options);
  const guard = applicable(model, customer, days, 'clv');
  if (!guard.ok) return { ok: false, reason: guard };
  if (!(discountMonthly > -1 && discountMonthly < Number.POSITIVE_INFINITY))
    return refused('out-of-range', `discountMonthly: ${discountMonthly} is not a finite rate above −1`);
  const state = posteriorOf(model, customer);
  const t = days / perUnit;
  const moneyCount = moneyDays(customer);
  const perPurchase = expectedSpend(model.gammaGamma!, moneyCount, moneyCount > 0 ? customer.monetaryValue! : 0)!;
  const { frequency: x, T } = customer;
  const purchases = shared ? shared.purchases(state, x, T) : future.expectedFuture(state, t);
  const discounted = shared
    ? shared.discounted(state, x, T)
    : discountedPurchases(state, t, DAYS_PER_MONTH / perUnit, discountMonthly, discounting);
  return ok({
    clvMean: perPurchase * discounted,
    expectedPurchases: purchases,
    expectedSpendPerPurchase: perPurchase,
    expectedSpend: perPurchase * purchases,
    pAlive: state.pAlive,
    horizonDays: days,
    months,
    discountMonthly,
    discounting,
  });
}

const spendScratch = createSpendScratch();

/** Lifetime value of one customer over the horizon; refuses with the guard's reason. Cost about 20 µs with three quantiles. */
export function predictClv(
  model: ClvModel,
  customer: CustomerHistory,
  options: ClvOptions = {},
  shared: SharedExpectations | null = null,
): Result<ClvPrediction, Refusal> {
  const expected = expectClv(model, customer, options, shared);
  if (!expected.ok) return expected;
  const state = posteriorOf(model, customer);
  const t = expected.value.horizonDays / DAYS_PER_UNIT[model.unit];
  const moneyCount = moneyDays(customer);
  const meanSpend = moneyCount > 0 ? customer.monetaryValue! : 0;
  const distribution = spendDistribution(state, t, model.gammaGamma!, moneyCount, meanSpend, spendScratch);
  if (distribution === undefined)
    return refused(
      'out-of-range',
      `about ${Math.round((state.shape * t) / state.rate)} purchases in the horizon; check the model's unit (${model.unit})`,
    );
  const { levels = CLV_LEVELS } = options;
  return ok({
    ...expected.value,
    quantiles: levels.map((level) => distribution.quantile(level)),
    pZeroSpend: distribution.pZero,
  });
}

const refused = (reason: Refusal['reason'], message: string) => ({ ok: false, reason: { reason, message } }) as const;
