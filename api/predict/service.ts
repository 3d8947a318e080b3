// The one path from a question to a prediction, whoever asks (hot route, Hono routes, batches, customer page): find the moment, the model
// in force then, the customer's history at that moment, pass the guard, compute inline. Knows nothing of HTTP but its problems.
import {
  type ChurnPrediction,
  type ClvPrediction,
  predictChurn,
  predictClv,
  type Refusal,
} from '#domain/models/clv-model.ts';
import { naiveValue } from '#domain/models/naive-value.ts';
import { churnInterval, clvInterval, type Interval } from '#domain/models/parameter-uncertainty.ts';
import { caveatOf } from '#domain/models/simpler-purchases.ts';
import { COLUMN_FLAG } from '#projections/memory/columns.ts';
import { type History, scaleOf, toCustomer } from '#projections/memory/history.ts';
import { createScoreIds, type ScoreQuestion } from '#streams/keyring/score-id.ts';
import type { Deps } from '../deps.ts';
import type { ServingModel } from '../model-deps.ts';
import { Problem } from '../problem.ts';
import type { Moment } from './as-of.ts';
import { type Coordinate, createCoordinates } from './coordinates.ts';
import { BASES, type Basis, createSubjects, type Subject } from './subjects.ts';

/** As predictClv's own. */
const DEFAULT_MONTHS = 12;

const refusal = ({ reason, message }: Refusal): Problem => {
  const field = reason.startsWith('horizon') ? [{ pointer: '/horizon_days', detail: message }] : [];
  return new Problem('not-applicable', message, { fields: field, extra: { applicable: reason } });
};
/** The promise of interfaces.md, kept at the last gate: what is not a finite number is a refusal, never an answer. */
const finite = (values: readonly number[]): void => {
  for (const value of values)
    if (!Number.isFinite(value))
      throw new Problem('not-applicable', 'the model gives no finite number for this history', {
        extra: { applicable: 'out-of-range' },
      });
};

/** Why a prediction has no interval: its model came as bare parameters, or one of them stands at a bound. */
const NO_COVARIANCE = 'model-without-covariance';
const HOW_TO_COVARIANCE =
  'the model says nothing of how sure its parameters are: it was imported as bare parameters (`axiom47 fit --json` writes their covariance, `axiom47 train clv --deploy` fits one from the log), or one of them stands at a bound, which a longer history or more customers may change';
/** The interval's part of an answer that has none. */
const without = (interval: Interval | null) => ({
  interval_reason: interval ? null : NO_COVARIANCE,
  interval_hint: interval ? null : HOW_TO_COVARIANCE,
});

const NEW_CUSTOMER = 'no customer with this id is known: what is known of a new customer';
const caveatFor = (model: ServingModel['model'], { basis, late }: Subject): string | null => {
  const assumed = caveatOf(model);
  if (basis !== 'prior') return assumed;
  const who = late === undefined ? NEW_CUSTOMER : `${late}. Answered is what is known of a new customer`;
  return assumed === null ? who : `${who}. ${assumed}`;
};

export interface ClvAsked {
  months?: number | undefined;
  horizonDays?: number | undefined;
  discountMonthly: number;
}

export function createPredictions(deps: Deps) {
  const coordinates = createCoordinates(deps);
  const { now, answeringAt, inlinePlan, settled } = coordinates;
  const who = createSubjects(deps, coordinates);
  const scoreIds = createScoreIds(deps.signingKey);
  const currency = deps.workspace.reportingCurrency;
  const scale = scaleOf(currency);

  const placed = (moment: Moment, serving: Pick<ServingModel, 'id' | 'version'> | null, seq = moment.seq) => ({
    as_of: { seq, at: moment.atText },
    clock: moment.clock,
    model: serving && { id: serving.id, version: serving.version },
    served_by: deps.servedBy,
  });
  const provenance = ({ moment, serving }: Coordinate, seq = moment.seq) => ({
    ...placed(moment, serving, seq),
    model: { id: serving.id, version: serving.version },
  });
  /** The fold may have written the row since the moment was taken: then the answer holds that change, and says so. */
  const seqOf = ({ moment }: Coordinate, { knownAt }: Subject): number =>
    knownAt !== null && knownAt.seq > moment.seq ? knownAt.seq : moment.seq;
  const scoreId = (
    { moment, serving }: { moment: Moment; serving: Pick<ServingModel, 'digest'> },
    { sid }: Pick<Subject, 'sid'>,
    seq: number,
    question: ScoreQuestion,
  ): string | null =>
    sid === null || moment.at === null
      ? null
      : scoreIds.sign({ digest: serving.digest, sid, seq, at: moment.at, clock: moment.clock, question });
  // Looked up once: a label look-up costs more than the count.
  const counters = (kind: 'churn' | 'clv') =>
    Object.fromEntries(BASES.map((basis) => [basis, deps.metrics.predicted(kind, basis)])) as Record<
      Basis,
      { inc(): void }
    >;
  const churnCounters = counters('churn');
  const clvCounters = counters('clv');

  function churn(asked: Coordinate, subject: Subject, horizonDays: number) {
    const at = settled(asked, subject);
    const result = predictChurn(at.serving.model, subject.customer, horizonDays);
    if (!result.ok) throw refusal(result.reason);
    const { pChurn, pAlive, expectedPurchases, band }: ChurnPrediction = result.value;
    const interval = churnInterval(at.serving.model, subject.customer, result.value);
    finite([pChurn, pAlive, expectedPurchases, interval?.lower ?? 0, interval?.upper ?? 0]);
    churnCounters[subject.basis].inc();
    const seq = seqOf(at, subject);
    return {
      customer_id: subject.customerId,
      p_churn: pChurn,
      p_churn_raw: pChurn,
      p_alive: pAlive,
      expected_purchases: expectedPurchases,
      lower: interval?.lower ?? null,
      upper: interval?.upper ?? null,
      ...without(interval),
      caveat: caveatFor(at.serving.model, subject),
      horizon_days: horizonDays,
      band,
      basis: subject.basis,
      ...(subject.parked ? { parked: true } : {}),
      features: {
        frequency: subject.customer.frequency,
        recency_days: subject.customer.recency,
        T_days: subject.customer.T,
      },
      features_as_of: subject.knownAt,
      score_id: scoreId(at, subject, seq, { kind: 'churn', horizonDays }),
      ...provenance(at, seq),
    };
  }

  function clvAnswer(
    at: Coordinate,
    subject: Subject,
    asked: ClvAsked,
    value: ClvPrediction,
    interval: Interval | null,
  ) {
    const [p05, p50, p95] = value.quantiles as [number, number, number];
    const bounds = [interval?.lower ?? 0, interval?.upper ?? 0];
    finite([value.clvMean, p05, p50, p95, value.expectedPurchases, value.expectedSpend, value.pAlive, ...bounds]);
    const naive = naiveValue(subject.customer, value.horizonDays);
    clvCounters[subject.basis].inc();
    const seq = seqOf(at, subject);
    const { discountMonthly } = asked;
    const question: ScoreQuestion =
      asked.horizonDays === undefined
        ? { kind: 'clv', months: asked.months ?? DEFAULT_MONTHS, discountMonthly }
        : { kind: 'clv', horizonDays: asked.horizonDays, discountMonthly };
    return {
      customer_id: subject.customerId,
      clv_mean: value.clvMean,
      clv_p05: p05,
      clv_p50: p50,
      clv_p95: p95,
      parameter_lower: interval?.lower ?? null,
      parameter_upper: interval?.upper ?? null,
      ...without(interval),
      caveat: caveatFor(at.serving.model, subject),
      p_zero_spend: value.pZeroSpend,
      expected_purchases: value.expectedPurchases,
      expected_spend: value.expectedSpend,
      expected_spend_per_purchase: value.expectedSpendPerPurchase,
      p_alive: value.pAlive,
      months: value.months,
      horizon_days: value.horizonDays,
      discount_monthly: value.discountMonthly,
      discounting: value.discounting,
      naive: { expected_purchases: naive.expectedPurchases, expected_spend: naive.expectedSpend },
      currency,
      basis: subject.basis,
      ...(subject.parked ? { parked: true } : {}),
      features: {
        frequency: subject.customer.frequency,
        recency_days: subject.customer.recency,
        T_days: subject.customer.T,
        monetary_value: subject.customer.monetaryValue ?? null,
      },
      features_as_of: subject.knownAt,
      score_id: scoreId(at, subject, seq, question),
      ...provenance(at, seq),
    };
  }
  function clv(where: Coordinate, subject: Subject, asked: ClvAsked) {
    const at = settled(where, subject);
    const result = predictClv(at.serving.model, subject.customer, asked);
    if (!result.ok) throw refusal(result.reason);
    const interval = clvInterval(at.serving.model, subject.customer, result.value);
    return clvAnswer(at, subject, asked, result.value, interval);
  }
  return {
    ...coordinates,
    ...who,
    placed,
    scoreId,
    /** P(no purchase) of a row, for aggregates; null when the model does not apply. */
    churnOf(serving: ServingModel, history: History, day: number, horizonDays: number): number | null {
      const answer = predictChurn(
        serving.model,
        toCustomer(history, day, scale, inlinePlan().contractual),
        horizonDays,
      );
      return answer.ok ? answer.value.pChurn : null;
    },
    churn,
    clv,
    clvAnswer,
    provenance,
    refusal,
    /** Answers by id at the present from the columns; null when the ledger must be asked (a moment before a known change). */
    churnNow(customerId: string, horizonDays: number | null, strict: boolean) {
      const moment = now();
      const plan = inlinePlan();
      if (plan.classifier) return null;
      const found = answeringAt(moment.seq);
      // Subscribers need no model of purchases; why somebody else has no answer is said where everything is known.
      if (!found) return null;
      const subject = who.subjectInline(customerId, moment, strict);
      // A subscriber is judged by the contract, which takes the ledger.
      if (plan.contractual && subject?.sid && (who.lastRead().flags & COLUMN_FLAG.subscriber) !== 0) return null;
      const { active: serving, canary } = found;
      return subject && churn({ moment, serving, canary }, subject, horizonDays ?? plan.horizonDays);
    },
  };
}
export type Predictions = ReturnType<typeof createPredictions>;
