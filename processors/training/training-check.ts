// What a training would find, without one: how many labels have matured at each cut-off, who is left out and why, what is missing and how far, and,
// where churn is a silence, what each length of it would cost. Reads the log and writes nothing.
import { type ChurnDefinition, isEligible, spells } from '#domain/churn-definition.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import { dateOf } from '#domain/models/cutoffs.ts';
import { MIN_CUSTOMERS } from '#domain/models/fit.ts';
import {
  candidateWindows,
  type ProposedWindow,
  proposeWindow,
  type Reactivation,
  reactivation,
} from '#domain/reactivation.ts';
import { ok, type Result } from '#domain/result.ts';
import { trainingStatistics } from '#projections/memory/training-statistics.ts';
import { createRows } from './churn-rows.ts';
import { checkWithout } from './left-out-names.ts';
import type { TrainingPlan, TrainingProgress } from './plan.ts';
import type { Refusal } from './refusal.ts';
import { divide, LEAST, PARTS } from './train-churn.ts';
import { type Learned, type Settled, settledAt, settledRows, type TrainingLog } from './training-rows.ts';

export interface CheckItem {
  item: string;
  unit: 'days' | 'customers' | 'rows' | 'subscriptions';
  asked: number;
  found: number;
  /** asked − found where that is positive. */
  missing: number;
  /** Without it there is no model; else only what others ask for before they call a model good. */
  required: boolean;
  /** Whose threshold it is. */
  by: string;
}

export interface TrainingCheck {
  kind: TrainingPlan['kind'];
  definition: ChurnDefinition | null;
  asOf: { seq: number; at: string };
  /** Customers the log knows of, in whatever way. */
  customers: number;
  /** Labels that have matured, latest cut-off first. */
  cutoffs: { at: string; eligible: number; lost: number; kept: number; used: boolean }[];
  latenessDays: number;
  /** Who is not asked about at the latest cut-off (clv: at all), and why; with `eligible` of that cut-off they are everybody. */
  excluded: { reason: string; customers: number }[];
  checklist: CheckItem[];
  /** Nothing that is required is missing. */
  ready: boolean;
  /** Where churn is a silence: what each length of it would have meant so far. */
  windows: Reactivation[];
  proposed: ProposedWindow | null;
}

/** Klaviyo shows no prediction below 500 customers who ordered and 180 days (help.klaviyo.com, 360020919731). */
const KLAVIYO = { customers: 500, days: 180 };
/** Segment Predictions asks for 100 customers on either side of what is predicted. */
const SEGMENT = 100;

/** Refuses what is asked wrongly; what the data lack is in the answer. */
export async function checkTraining(
  store: TrainingLog,
  plan: TrainingPlan,
  report: TrainingProgress,
): Promise<Result<TrainingCheck, Refusal>> {
  const { settled, learned } =
    plan.kind === 'churn-logistic'
      ? await settledRows(store, plan, report, () => ({}))
      : { settled: await settledAt(store, plan, report), learned: null };
  const named = checkWithout(plan, settled.ledgers);
  if (!named.ok) return named;
  const everybody = [...settled.ledgers.customers()];
  const history = settled.firstDay === null ? 0 : plan.today - settled.firstDay;
  const found =
    plan.kind === 'clv'
      ? ofClv(plan, settled)
      : learned === null
        ? ofSubscriptions(plan, settled, everybody)
        : ofClassifier(plan, settled, learned.ok ? learned.value : NOTHING, everybody);
  const silence = plan.kind === 'churn-logistic' && plan.definition.kind === 'non-contractual';
  const windows = silence ? silences(everybody, settled, plan.today, history) : [];
  const checklist = [...found.checklist, ...anchors(found, history, everybody)];
  return ok({
    kind: plan.kind,
    definition: plan.kind === 'clv' ? null : plan.definition,
    asOf: { seq: plan.seq, at: dateOf(plan.today) },
    customers: everybody.length,
    cutoffs: found.cutoffs,
    latenessDays: settled.latenessDays,
    excluded: found.excluded.filter(({ customers }) => customers > 0),
    checklist,
    ready: checklist.every(({ required, missing }) => !required || missing === 0),
    windows,
    proposed: proposeWindow(windows),
  });
}

type Found = Pick<TrainingCheck, 'cutoffs' | 'excluded' | 'checklist'>;

const item = (
  name: string,
  unit: CheckItem['unit'],
  asked: number,
  found: number,
  by: string,
  required = true,
): CheckItem => ({ item: name, unit, asked, found, missing: Math.max(0, asked - found), required, by });
const AXIOM = 'axiom47';

function ofClv({ today }: TrainingPlan, { ledger, ledgers }: Settled): Found {
  const { histories, spend, excluded } = trainingStatistics(ledger, today);
  const sum = (weight: Float64Array, of: (i: number) => boolean = () => true) =>
    weight.reduce((total, w, i) => total + (of(i) ? w : 0), 0);
  const taken = sum(histories.weight);
  const there = [...ledgers.customers()].length;
  return {
    cutoffs: [],
    excluded: [
      { reason: 'left-truncated', customers: excluded.leftTruncated },
      { reason: 'anonymous', customers: excluded.anonymous },
      { reason: 'no-purchase', customers: there - taken - excluded.leftTruncated - excluded.anonymous },
    ],
    checklist: [
      item('customers who bought', 'customers', MIN_CUSTOMERS, taken, AXIOM),
      item(
        'customers who bought again',
        'customers',
        1,
        sum(histories.weight, (i) => histories.frequency[i]! > 0),
        AXIOM,
      ),
      item('repeat customers with money (for value)', 'customers', MIN_CUSTOMERS, sum(spend.weight), AXIOM, false),
    ],
  };
}

function ofSubscriptions(
  { definition, today }: TrainingPlan,
  settled: Settled,
  everybody: readonly CustomerEntries[],
): Found {
  const spans = everybody.filter(isAsked(settled)).flatMap((each) => spells(each, today, definition.graceDays));
  const longest = spans.reduce((most, { startDay, endDay }) => Math.max(most, (endDay ?? today) - startDay), 0);
  const ended = spans.filter(({ endDay }) => endDay !== null).length;
  return {
    cutoffs: [],
    excluded: excludedOn(today, settled, definition, everybody, (each) => each.subscriptions.length > 0),
    checklist: [
      item('subscriptions that have ended', 'subscriptions', LEAST, ended, AXIOM),
      item('longest time under contract, against the horizon', 'days', definition.horizonDays, longest, AXIOM),
    ],
  };
}

const NOTHING: Learned = { rows: createRows(), cutoffs: [], oneSided: null };

function ofClassifier(
  { definition, today, seed }: TrainingPlan,
  settled: Settled,
  { rows, cutoffs, oneSided }: Learned,
  everybody: readonly CustomerEntries[],
): Found {
  const { firstDay, latenessDays } = settled;
  // One day before the latest cut-off somebody must have been there.
  const asked = definition.horizonDays + definition.graceDays + latenessDays + 1;
  const history = item('history, against the horizon', 'days', asked, firstDay === null ? 0 : today - firstDay, AXIOM);
  // Nothing is learned from customers of one end, yet they are there: missing are those of the other.
  const { counts } = divide(oneSided ?? rows, seed);
  const last = cutoffs[0]?.day ?? today;
  const excluded = excludedOn(last, settled, definition, everybody, (each) => isEligible(definition, each, last));
  const counted = excluded.reduce((sum, { customers }) => sum + customers, cutoffs[0]?.eligible ?? 0);
  if (cutoffs.length > 0)
    excluded.push({ reason: `known only after ${dateOf(last)}`, customers: everybody.length - counted });
  return {
    cutoffs: cutoffs.map(({ day, eligible, lost, used }) => ({
      at: dateOf(day),
      eligible,
      lost,
      kept: eligible - lost,
      used,
    })),
    excluded,
    checklist: [
      history,
      ...PARTS.flatMap((part) => [
        item(`${part} rows: lost`, 'rows', LEAST, counts[part].lost, AXIOM),
        item(`${part} rows: kept`, 'rows', LEAST, counts[part].n - counts[part].lost, AXIOM),
      ]),
    ],
  };
}

const isAsked =
  ({ ledgers }: Settled) =>
  (each: CustomerEntries): boolean =>
    !each.erased && !each.anonymous && !ledgers.isLeftTruncated(each.sid);

/** The first reason that holds, of everybody who is not `asked`. */
function excludedOn(
  day: number,
  { ledgers }: Settled,
  { kind, activeWithinDays }: ChurnDefinition,
  everybody: readonly CustomerEntries[],
  asked: (each: CustomerEntries) => boolean,
): TrainingCheck['excluded'] {
  const counts = new Map<string, number>();
  for (const each of everybody) {
    const reason = each.erased
      ? 'erased'
      : each.anonymous
        ? 'anonymous'
        : ledgers.isLeftTruncated(each.sid)
          ? 'left-truncated'
          : asked(each)
            ? null
            : kind === 'contractual'
              ? each.subscriptions.length === 0
                ? 'never under contract'
                : `not under contract on ${dateOf(day)}`
              : each.orders.some((order) => order.day <= day)
                ? `no purchase within ${activeWithinDays} days of ${dateOf(day)}`
                : `no purchase by ${dateOf(day)}`;
    if (reason !== null) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return Array.from(counts, ([reason, customers]) => ({ reason, customers }));
}

function silences(
  everybody: readonly CustomerEntries[],
  settled: Settled,
  today: number,
  historyDays: number,
): Reactivation[] {
  const histories = everybody
    .filter(isAsked(settled))
    .map(({ orders }) =>
      [...new Set(orders.map(({ day }) => day).filter((day) => day <= today))].sort((a, b) => a - b),
    );
  return reactivation(histories, today, candidateWindows(historyDays));
}

/** What others want to see before they show a prediction: a hint, never a refusal. */
function anchors({ cutoffs }: Found, history: number, everybody: readonly CustomerEntries[]): CheckItem[] {
  const hint = (...args: [string, CheckItem['unit'], number, number, string]) => item(...args, false);
  const buyers = everybody.filter(({ orders, subscriptions }) => orders.length + subscriptions.length > 0).length;
  const used = cutoffs.filter((each) => each.used);
  // Of customers of one end, as the required counts have it: the latest moment at which anybody was there.
  const matured = used.length > 0 ? used : cutoffs.filter(({ eligible }) => eligible > 0).slice(0, 1);
  const total = (of: 'lost' | 'kept') => matured.reduce((sum, each) => sum + each[of], 0);
  return [
    hint('customers with orders or subscriptions', 'customers', KLAVIYO.customers, buyers, 'Klaviyo'),
    hint('history', 'days', KLAVIYO.days, history, 'Klaviyo'),
    ...(cutoffs.length === 0
      ? []
      : [
          hint('lost, over all cut-offs', 'rows', SEGMENT, total('lost'), 'Segment'),
          hint('kept, over all cut-offs', 'rows', SEGMENT, total('kept'), 'Segment'),
        ]),
  ];
}
