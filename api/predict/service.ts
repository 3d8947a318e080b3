// The one path from a question to a prediction, whoever asks (hot route, Hono routes, batches, customer page): find the moment, the model
// in force then, the customer's history at that moment, pass the guard, compute inline. Knows nothing of HTTP but its problems.
import { type ChurnDefinition, DEFAULT_CHURN } from '#domain/churn-definition.ts';
import { NO_DAY } from '#domain/documents.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import {
  type ChurnPrediction,
  type ClvPrediction,
  type CustomerHistory,
  predictChurn,
  predictClv,
  type Refusal,
} from '#domain/models/clv-model.ts';
import { naiveValue } from '#domain/models/naive-value.ts';
import { churnInterval, clvInterval, type Interval } from '#domain/models/parameter-uncertainty.ts';
import { COLUMN_FLAG } from '#projections/memory/columns.ts';
import {
  emptyHistory,
  type History,
  hasBought,
  isErased,
  isParked,
  scaleOf,
  toCustomer,
  UNSEEN,
} from '#projections/memory/history.ts';
import { createScoreIds, type ScoreQuestion } from '#streams/keyring/score-id.ts';
import type { ClockInfo, Deps, LedgerView, ServingModel } from '../deps.ts';
import { Problem } from '../problem.ts';
import type { AsOfInput } from '../schemas.ts';
import { type Answering, answererOf, answeringOf, dayText, type Moment, present, resolveAsOf } from './as-of.ts';
import { fromTransactions, type Transaction } from './transactions.ts';

export const DEFAULT_HORIZON_DAYS = DEFAULT_CHURN.horizonDays;
/** As predictClv's own. */
const DEFAULT_MONTHS = 12;
const BASES = ['history', 'prior', 'summary', 'transactions'] as const;
export type Basis = (typeof BASES)[number];

/** Whom a prediction is about, and what is known of them at the moment asked about. */
export interface Subject {
  customerId: string | null;
  sid: Uint8Array | null;
  /** The sid of the person at the moment, links followed; where it is left out, that of today. */
  person?: Uint8Array;
  customer: CustomerHistory;
  basis: Basis;
  /** Position and day of the customer's last known change; null when there is none. */
  knownAt: { seq: number; day: string } | null;
  /** An event of theirs is parked, and what came behind it waits: what is known is what was before. */
  parked?: true;
}

export interface Coordinate {
  moment: Moment;
  /** Answers everybody but who is in the canary. */
  serving: ServingModel;
  canary: ServingModel | null;
}

export interface SummaryInput {
  frequency: number;
  recency: number;
  T: number;
  monetary_value?: number | null | undefined;
  unit?: 'week' | 'day' | undefined;
}
/** One of the three ways to say whom a question is about. */
export interface Question {
  customer_id?: string | undefined;
  summary?: SummaryInput | undefined;
  transactions?: Transaction[] | undefined;
}

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

export interface ClvAsked {
  months?: number | undefined;
  horizonDays?: number | undefined;
  discountMonthly: number;
}

export function createPredictions(deps: Deps) {
  const { columns, ids, ledgers, workspace } = deps;
  const scoreIds = createScoreIds(deps.signingKey);
  const currency = workspace.reportingCurrency;
  const scale = scaleOf(currency);
  const row = emptyHistory();
  let last: Moment | null = null;
  let lastClock: ClockInfo | null = null;

  /** The present; the same object while nothing changed, so that its texts are made once. */
  function now(): Moment {
    columns.refresh();
    const state = columns.state();
    const clock = deps.clock();
    if (last && clock === lastClock && clock.mode === 'log' && state.events > 0 && last.seq === state.seq) return last;
    lastClock = clock;
    last = present(state, clock, deps.now());
    return last;
  }

  /** Everybody's at a position; of the present, found once a deployment. */
  let latest: { of: number; from: number; found: Answering<ServingModel> | null } = { of: -1, from: 0, found: null };
  function answeringAt(seq: number): Answering<ServingModel> | null {
    const models = deps.deployedModels();
    if (latest.of !== models.length)
      latest = {
        of: models.length,
        from: models.reduce((most, { deployedSeq }) => Math.max(most, deployedSeq), 0),
        found: answeringOf(models, Number.POSITIVE_INFINITY),
      };
    return seq >= latest.from ? latest.found : answeringOf(models, seq);
  }

  function modelAt(seq: number): ServingModel {
    const found = answeringAt(seq);
    if (found) return found.active;
    throw new Problem(
      'no-model',
      'purchases are needed: import orders (a model is fitted from ten customers on), or `axiom47 model import FILE`; one that was fitted but not put in force is in `axiom47 model list`, `axiom47 model deploy ID --yes` puts it there',
    );
  }

  /** Definitions of churn in force at a position; without any, everybody is asked for 90 days without a purchase. */
  const definitionsAt = (seq: number): ChurnDefinition[] => {
    const byKind = new Map<string, ChurnDefinition>();
    for (const each of deps.churnDefinitions()) if (each.seq <= seq) byKind.set(each.definition.kind, each.definition);
    return [...byKind.values()];
  };
  /** What of the present can be answered from the columns alone; made anew when a definition or a churn model comes into force. */
  let plan = { of: -1, horizonDays: DEFAULT_HORIZON_DAYS, classifier: false, contractual: false };
  function inlinePlan(): typeof plan {
    const of = deps.churnDefinitions().length + deps.deployedChurnModels().length;
    if (plan.of === of) return plan;
    const definitions = definitionsAt(Number.POSITIVE_INFINITY);
    const kindOf = (kind: ChurnDefinition['kind']) => definitions.find((each) => each.kind === kind);
    plan = {
      of,
      horizonDays: kindOf('non-contractual')?.horizonDays ?? DEFAULT_HORIZON_DAYS,
      classifier: deps.deployedChurnModels().some(({ model }) => model.definition.kind === 'non-contractual'),
      contractual: kindOf('contractual') !== undefined,
    };
    return plan;
  }

  async function momentOf(asOf: AsOfInput | undefined): Promise<Moment> {
    const here = now();
    if (asOf === undefined) return here;
    const context = { clock: deps.clock(), wall: deps.now(), clockAtSeq: (seq: number) => ledgers.clockAt(seq) };
    return await resolveAsOf(asOf, here, context);
  }
  const at = (moment: Moment): Coordinate => ({
    moment,
    serving: modelAt(moment.seq),
    canary: answeringAt(moment.seq)?.canary ?? null,
  });
  const coordinate = async (asOf: AsOfInput | undefined): Promise<Coordinate> => at(await momentOf(asOf));

  /** Whose place decides about a canary: the person, not the id that was asked about. */
  function personOf({ sid, person }: Pick<Subject, 'sid' | 'person'>): Uint8Array | null {
    if (sid === null) return null;
    if (person !== undefined) return person;
    const at = columns.rowOf(sid);
    return at < 0 ? sid : columns.sidOf(at);
  }
  /** The coordinate of the one who answers the subject. */
  const settled = (at: Coordinate, subject: Pick<Subject, 'sid' | 'person'>): Coordinate =>
    at.canary === null
      ? at
      : {
          moment: at.moment,
          serving: answererOf({ active: at.serving, canary: at.canary }, personOf(subject)),
          canary: null,
        };

  const unseen = (customerId: string, strict: boolean): Subject => {
    if (strict)
      throw new Problem('unknown-customer', 'nothing is known of this customer at that moment', {
        fields: [{ pointer: '/customer_id', detail: 'unknown' }],
      });
    return { customerId, sid: null, customer: UNSEEN, basis: 'prior', knownAt: null };
  };
  const contractsAt = (moment: Moment): boolean =>
    moment.past ? definitionsAt(moment.seq).some(({ kind }) => kind === 'contractual') : inlinePlan().contractual;
  const known = (customerId: string, sid: Uint8Array, history: History, moment: Moment, strict: boolean): Subject => {
    const { day } = moment;
    // An erased customer is nobody we know; one who has only looked around has no purchase to speak of.
    if (isErased(history) || (hasBought(history) && history.firstDay > day)) return unseen(customerId, strict);
    return {
      customerId,
      sid,
      customer: toCustomer(history, day, scale, contractsAt(moment)),
      basis: 'history',
      // Named somewhere, but nothing dated is known of them.
      knownAt: history.changeDay === NO_DAY ? null : { seq: history.seq, day: dayText(history.changeDay) },
      ...(isParked(history) ? { parked: true as const } : {}),
    };
  };

  /** From the columns alone; null when the moment lies before something the row already knows. */
  function subjectInline(customerId: string, moment: Moment, strict: boolean): Subject | null {
    return subjectOfSid(customerId, ids.lookup(customerId), moment, strict);
  }
  function subjectOfSid(customerId: string, sid: Uint8Array | null, moment: Moment, strict: boolean): Subject | null {
    const at = sid === null ? -1 : columns.rowOf(sid);
    if (sid === null || at < 0 || !columns.read(at, row)) return unseen(customerId, strict);
    if (moment.day < row.changeDay || (moment.past && row.seq > moment.seq)) return null;
    return known(customerId, sid, row, moment, strict);
  }

  /** A Problem in place of a subject stands for that one only; the others are answered. */
  async function subjects(
    customerIds: readonly string[],
    moment: Moment,
    strict: boolean,
  ): Promise<(Subject | Problem)[]> {
    const found: (Subject | Problem | null)[] = customerIds.map((id) =>
      orProblem(() => subjectInline(id, moment, strict)),
    );
    const open = customerIds.map((_, index) => index).filter((index) => found[index] === null);
    if (open.length > 0) {
      const sids = open.map((index) => ids.lookup(customerIds[index]!)!);
      const views = moment.past ? await ledgers.past(sids, moment.seq) : await ledgers.present(sids);
      for (const [i, index] of open.entries()) {
        const id = customerIds[index]!;
        found[index] = orProblem(() => fromLedger(id, sids[i]!, views[i] ?? null, moment, strict));
      }
    }
    return found as (Subject | Problem)[];
  }
  const fromLedger = (
    id: string,
    sid: Uint8Array,
    view: LedgerView | null,
    moment: Moment,
    strict: boolean,
  ): Subject => {
    const { day } = moment;
    // Nothing known by that day: unseen then, whatever came later.
    return view && heardOf(view.entries, day)
      ? personal(known(id, sid, view.at(day), moment, strict), view)
      : unseen(id, strict);
  };
  const personal = (subject: Subject, { entries }: LedgerView): Subject =>
    subject.sid === null ? subject : { ...subject, person: Buffer.from(entries.sid, 'hex') };

  /** Whom a replayed score is of, as `known` has it; null when nothing was known of the sid by that day. */
  const subjectOfView = (sid: Uint8Array, view: LedgerView | null, moment: Moment): Subject | null => {
    if (!view || !heardOf(view.entries, moment.day)) return null;
    const subject = personal(known('', sid, view.at(moment.day), moment, false), view);
    return subject.sid === null ? null : { ...subject, customerId: null };
  };

  const fromSummary = ({ frequency, recency, T, monetary_value, unit }: SummaryInput): Subject => {
    const days = unit === 'day' ? 1 : 7;
    return {
      customerId: null,
      sid: null,
      customer: { frequency, recency: recency * days, T: T * days, monetaryValue: monetary_value ?? null },
      basis: 'summary',
      knownAt: null,
    };
  };
  const sent = (transactions: Transaction[], moment: Moment, bounded: boolean, pointer: string): Subject => {
    const { customer, lastDay } = fromTransactions(transactions, {
      offsets: deps.clock().offsets,
      currency,
      today: moment.day,
      lastDay: bounded ? moment.day : null,
      pointer,
    });
    const basis = lastDay === null ? 'prior' : 'transactions';
    return { customerId: null, sid: null, customer, basis, knownAt: null };
  };

  /** @param bounded an as_of was given, so later transactions do not count. @param pointers where each question stands in the body. */
  async function ask(
    questions: readonly Question[],
    moment: Moment,
    options: { strict: boolean; bounded: boolean; pointers: readonly string[] },
  ): Promise<(Subject | Problem)[]> {
    const named = questions.flatMap((question, index) => (question.customer_id === undefined ? [] : [index]));
    const byId = await subjects(
      named.map((index) => questions[index]!.customer_id!),
      moment,
      options.strict,
    );
    const answers = new Map(named.map((index, i) => [index, byId[i]!]));
    return questions.map((question, index) => {
      const already = answers.get(index);
      if (already) return already;
      const pointer = `${options.pointers[index]}/transactions`;
      return orProblem(() =>
        question.summary
          ? fromSummary(question.summary)
          : sent(question.transactions ?? [], moment, options.bounded, pointer),
      );
    });
  }

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
      interval_reason: interval ? null : NO_COVARIANCE,
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
      interval_reason: interval ? null : NO_COVARIANCE,
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
    now,
    moment: momentOf,
    modelAt,
    at,
    settled,
    personOf,
    definitionsAt,
    contractsAt,
    coordinate,
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
    /** The columns of one row, overwritten by the next call; null for no row. */
    historyOf: (at: number): History | null => (at >= 0 && columns.read(at, row) ? row : null),
    subjectInline,
    subjectOfSid,
    subjectOfView,
    subjects,
    ask,
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
      const subject = subjectInline(customerId, moment, strict);
      // `row` is the subject's: a subscriber is judged by the contract, which takes the ledger.
      if (plan.contractual && subject?.sid && (row.flags & COLUMN_FLAG.subscriber) !== 0) return null;
      const { active: serving, canary } = found;
      return subject && churn({ moment, serving, canary }, subject, horizonDays ?? plan.horizonDays);
    },
  };
}
export type Predictions = ReturnType<typeof createPredictions>;

const heardOf = ({ orders, refunds, activities, subscriptions }: CustomerEntries, day: number): boolean =>
  [orders, refunds, activities, subscriptions].some((entries) => entries.some((entry) => entry.day <= day));

/** A refusal as a value, where one of many must not fail the rest. */
export function orProblem<T>(work: () => T): T | Problem {
  try {
    return work();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}
