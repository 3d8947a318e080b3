// One customer by the models in force, churn and value together, as /api/predict/churn and /api/predict/clv answer them digit for digit: the classifier
// of the customer's definition over its own horizon, else Cox, else the model of purchases; value by the model of purchases.
import { inCanary } from '#domain/canary.ts';
import { type ChurnDefinition, DEFAULT_CHURN, definitionOf } from '#domain/churn-definition.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import { type ChurnModel, predictChurnBy } from '#domain/models/churn-model.ts';
import {
  type ChurnBand,
  type ClvModel,
  type ClvOptions,
  type CustomerHistory,
  chanceOfChurn,
  churnBand,
  expectClv,
  predictClv,
  sharedExpectations,
} from '#domain/models/clv-model.ts';
import { churnInterval } from '#domain/models/parameter-uncertainty.ts';
import type { SharedExpectations } from '#domain/models/shared-expectations.ts';
import type { Rates } from '#domain/rates.ts';
import { COLUMN_FLAG } from '#projections/memory/columns.ts';
import { type History, toCustomer } from '#projections/memory/history.ts';

export interface PlannedModel<Model> {
  id: string;
  /** SHA-256 of the artefact, hex. */
  digest: string;
  model: Model;
}

/** Who answers what. */
export interface ScorePlan {
  clv: PlannedModel<ClvModel> | null;
  /** At most one a way of answering and a kind of definition. */
  churn: readonly PlannedModel<ChurnModel>[];
  definitions: readonly ChurnDefinition[];
  /** Versions that answer some of the customers in the place of the one of their name (domain/canary.ts). */
  canaries?: readonly PlannedCanary[];
}
export type PlannedCanary = PlannedModel<ClvModel | ChurnModel> & { percent: number };

export interface ScoreAsked {
  /** Of churn; null = that of the customer's definition. */
  horizonDays: number | null;
  /** Of value. */
  value: Pick<ClvOptions, 'months' | 'horizonDays'>;
  discountMonthly: number;
  /** Also exact quantiles of spend, some 20 µs a customer. */
  quantiles: boolean;
}

/** A customer on a day: `entries` are asked for only where a model reads them. */
export interface CustomerOnDay {
  history: History;
  entries: () => CustomerEntries;
  day: number;
  rates: Rates;
  /** Minor units in one major unit of the reporting currency. */
  scale: number;
}

/** null: not answered, `reason` says why; what a model does not say is null too. Money in major units of the reporting currency. */
export interface CustomerScore {
  pChurn: number | null;
  pAlive: number | null;
  /** 95 % interval of pChurn from the parameters. */
  lower: number | null;
  upper: number | null;
  horizonDays: number | null;
  band: ChurnBand | null;
  churnModel: Omit<PlannedModel<unknown>, 'model'> | null;
  clvModel: Omit<PlannedModel<unknown>, 'model'> | null;
  clvMean: number | null;
  clvP05: number | null;
  clvP50: number | null;
  clvP95: number | null;
  /** Over the horizon of value. */
  expectedPurchases: number | null;
  /** Why there is no churn; why there is no value. */
  reason: string | null;
  valueReason: string | null;
}

const UNANSWERED: CustomerScore = {
  pChurn: null,
  pAlive: null,
  lower: null,
  upper: null,
  horizonDays: null,
  band: null,
  churnModel: null,
  clvModel: null,
  clvMean: null,
  clvP05: null,
  clvP50: null,
  clvP95: null,
  expectedPurchases: null,
  reason: null,
  valueReason: null,
};
const NO_QUANTILES = [null, null, null] as const;
const finite = (value: number | null): boolean => value === null || Number.isFinite(value);

/** @returns a function of one customer at a time: what they share is computed once. */
export function createCustomerScorer(plan: ScorePlan, asked: ScoreAsked): (customer: CustomerOnDay) => CustomerScore {
  const contracts = plan.definitions.some(({ kind }) => kind === 'contractual');
  const options = { ...asked.value, discountMonthly: asked.discountMonthly };
  const shared = plan.clv && sharedExpectations(plan.clv.model, options);
  const clvModel = plan.clv && { id: plan.clv.id, digest: plan.clv.digest };
  return (customer) => {
    const score = { ...UNANSWERED };
    const bought = toCustomer(customer.history, customer.day, customer.scale, contracts);
    scoreChurn(plan, asked, customer, bought, score);
    if (plan.clv === null) score.valueReason = 'no-model';
    else scoreValue(plan.clv.model, bought, options, asked.quantiles, shared, score);
    if (score.clvMean !== null) score.clvModel = clvModel;
    return score;
  };
}

/** As `createCustomerScorer`, each customer by the versions that answer them. @returns a function of their sid, links followed, too. */
export function createBaseScorer(
  plan: ScorePlan,
  asked: ScoreAsked,
): (sid: Uint8Array, customer: CustomerOnDay) => CustomerScore {
  const { canaries = [] } = plan;
  const usual = createCustomerScorer(plan, asked);
  if (canaries.length === 0) return (_, customer) => usual(customer);
  // One for each set of canaries a customer can be in, made when somebody is: a workspace has few models.
  const scorers = new Map<number, typeof usual>([[0, usual]]);
  return (sid, customer) => {
    let mask = 0;
    for (const [i, { id, percent }] of canaries.entries()) if (inCanary(sid, nameOf(id), percent)) mask |= 1 << i;
    let score = scorers.get(mask);
    if (score === undefined) {
      score = createCustomerScorer(
        planWith(
          plan,
          canaries.filter((_, i) => (mask & (1 << i)) !== 0),
        ),
        asked,
      );
      scorers.set(mask, score);
    }
    return score(customer);
  };
}

const nameOf = (id: string): string => id.split('@')[0]!;
const planWith = (plan: ScorePlan, canaries: readonly PlannedCanary[]): ScorePlan => {
  const inPlace = <Planned extends PlannedModel<unknown>>(planned: Planned): Planned =>
    (canaries.find(({ id }) => nameOf(id) === nameOf(planned.id)) as Planned | undefined) ?? planned;
  return { ...plan, clv: plan.clv && inPlace(plan.clv), churn: plan.churn.map(inPlace) };
};

function scoreValue(
  model: ClvModel,
  bought: CustomerHistory,
  options: ClvOptions,
  quantiles: boolean,
  shared: SharedExpectations | null,
  score: CustomerScore,
): void {
  const value = quantiles ? predictClv(model, bought, options, shared) : expectClv(model, bought, options, shared);
  if (!value.ok) {
    score.valueReason = value.reason.reason;
    return;
  }
  const { clvMean, expectedPurchases } = value.value;
  const [p05, p50, p95] =
    'quantiles' in value.value ? (value.value.quantiles as [number, number, number]) : NO_QUANTILES;
  if (!(finite(clvMean) && finite(expectedPurchases) && finite(p05) && finite(p50) && finite(p95))) {
    score.valueReason = 'out-of-range';
    return;
  }
  score.clvMean = clvMean;
  score.expectedPurchases = expectedPurchases;
  score.clvP05 = p05;
  score.clvP50 = p50;
  score.clvP95 = p95;
}

function scoreChurn(
  plan: ScorePlan,
  { horizonDays }: ScoreAsked,
  { history, entries, day, rates }: CustomerOnDay,
  bought: CustomerHistory,
  score: CustomerScore,
): void {
  const reads = plan.churn.length > 0 || plan.definitions.some(({ kind }) => kind === 'contractual');
  const definition = reads
    ? definitionOf(plan.definitions, entries(), day)
    : (plan.definitions.find(({ kind }) => kind === 'non-contractual') ?? DEFAULT_CHURN);
  const of = (name: ChurnModel['model']) =>
    plan.churn.find(({ model }) => model.model === name && model.definition.kind === definition.kind);
  const classifier = of('churn-logistic');
  const own = horizonDays === null || horizonDays === classifier?.model.definition.horizonDays;
  const chosen = classifier && own ? classifier : of('churn-cox');
  if (chosen) {
    const context = { rates, leftTruncated: (history.flags & COLUMN_FLAG.leftTruncated) !== 0 };
    const answer = predictChurnBy(chosen.model, entries(), day, context, horizonDays);
    if (!answer.ok) score.reason = answer.reason.reason;
    else {
      const { pChurn, horizonDays: days } = answer.value;
      put(score, chosen, {
        pChurn,
        pAlive: null,
        lower: null,
        upper: null,
        horizonDays: days,
        band: churnBand(pChurn),
      });
    }
    return;
  }
  if (plan.clv === null || definition.kind === 'contractual') {
    score.reason = classifier ? 'horizon-not-served' : 'no-model';
    return;
  }
  const answer = chanceOfChurn(plan.clv.model, bought, horizonDays ?? definition.horizonDays);
  if (!answer.ok) {
    score.reason = answer.reason.reason;
    return;
  }
  const interval = churnInterval(plan.clv.model, bought, answer.value);
  const { pChurn, pAlive, band, horizonDays: days } = answer.value;
  const [lower, upper] = [interval?.lower ?? null, interval?.upper ?? null];
  put(score, plan.clv, { pChurn, pAlive, lower, upper, horizonDays: days, band });
}

function put(
  score: CustomerScore,
  { id, digest }: PlannedModel<unknown>,
  answer: Pick<CustomerScore, 'pChurn' | 'pAlive' | 'lower' | 'upper' | 'horizonDays' | 'band'>,
): void {
  const { pChurn, pAlive, lower, upper } = answer;
  if (!(finite(pChurn) && finite(pAlive) && finite(lower) && finite(upper))) {
    score.reason = 'out-of-range';
    return;
  }
  Object.assign(score, answer);
  score.churnModel = { id, digest };
}
