// From the log to the rows a model is trained on: the log folded as it was known at each cut-off, or the population's statistics.
import { type ChurnDefinition, lastSettledDay } from '#domain/churn-definition.ts';
import { featureRow } from '#domain/churn-features.ts';
import type { LeftOut } from '#domain/left-out.ts';
import { dateOf } from '#domain/models/cutoffs.ts';
import { ok, type Result } from '#domain/result.ts';
import { DAY_MS, type Offsets, offsetAt } from '#domain/time.ts';
import type { Ledger } from '#projections/memory/ledger.ts';
import { everybodyLeft, forgetErased } from '#projections/memory/past/everybody.ts';
import { trainingStatistics } from '#projections/memory/training-statistics.ts';
import type { EventStore } from '#streams/event-store.ts';
import {
  type AskedRows,
  askedRows,
  type ChurnRows,
  type CutoffRows,
  createRows,
  joinCutoff,
  type Ledgers,
  labelled,
  type RowOf,
  rowsOfCutoffs,
  type SurvivalRows,
  survivalRows,
} from './churn-rows.ts';
import type { ClvTrainingData } from './fit-clv.ts';
import { knownLedgers } from './known-ledgers.ts';
import { ledgersOf } from './ledgers.ts';
import { checkWithout } from './left-out-names.ts';
import type { TrainingPlan, TrainingProgress } from './plan.ts';
import { type Refusal, refusal } from './refusal.ts';
import { sweep } from './swept-rows.ts';

export type TrainingRows = {
  /** Events of the log they were made of. */
  events: number;
} & (
  | { kind: 'churn-logistic'; rows: ChurnRows; cutoffs: CutoffRows[] }
  | { kind: 'churn-cox'; rows: SurvivalRows }
  | { kind: 'clv'; data: ClvTrainingData; firstDay: number | null; excluded: LeftOut }
);

export type TrainingLog = Pick<EventStore, 'read' | 'lastSequence'>;

/** Everybody as the log has them now: what labels are read from. */
export interface Settled {
  ledger: Ledger;
  ledgers: Ledgers;
  /** Of the first purchase, or the first subscription of a contractual definition; null without any. */
  firstDay: number | null;
  latenessDays: number;
}

const LATENESS_DAYS = 7;
/** Ledgers that are held in memory at once, besides that of today. */
const AT_ONCE = 4;
const EVERY = 500;

/** Refuses a horizon that the data do not span, and the absence of any subscription or purchase. */
export async function trainingRows(
  store: TrainingLog,
  plan: TrainingPlan,
  report: TrainingProgress,
): Promise<Result<TrainingRows, Refusal>> {
  if (plan.kind === 'churn-logistic') {
    const { settled, learned } = await settledRows(store, plan, report);
    const named = checkWithout(plan, settled.ledgers);
    if (!named.ok) return named;
    if (!learned.ok) return learned;
    const { rows, cutoffs } = learned.value;
    return ok({ kind: 'churn-logistic', rows, cutoffs, events: settled.ledger.events });
  }
  const settled = await settledAt(store, plan, report);
  const { events } = settled.ledger;
  if (plan.kind === 'clv') {
    const { histories, spend, evidence, firstDay, excluded } = trainingStatistics(settled.ledger, plan.today);
    return ok({ kind: 'clv', data: { histories, spend, evidence }, firstDay, excluded, events });
  }
  const named = checkWithout(plan, settled.ledgers);
  if (!named.ok) return named;
  const days = cutoffDays(plan, settled);
  if (!days.ok) return days;
  return ok({ kind: 'churn-cox', rows: survivalRows(plan.definition, plan.today, settled.ledgers), events });
}

export async function settledAt(store: TrainingLog, plan: TrainingPlan, report: TrainingProgress): Promise<Settled> {
  return settle(plan, await readLog(store, plan, report));
}

/** The log up to the plan's position, which may be of long ago: whoever was erased since is in no fit and no figure (facts §8). */
export const readLog = (
  store: TrainingLog,
  { seq, ledger, snapshotDir }: Pick<TrainingPlan, 'seq' | 'ledger' | 'snapshotDir'>,
  report: TrainingProgress,
): Promise<Ledger> =>
  everybodyLeft(store, seq, {
    ledger,
    snapshotDir,
    progress: (position) => report.progress(position, seq, 'reading the log'),
  });

function settle(plan: TrainingPlan, ledger: Ledger): Settled {
  const ledgers = ledgersOf(ledger);
  return {
    ledger,
    ledgers,
    firstDay: firstDayOf(plan.definition, ledgers),
    latenessDays: plan.latenessDays ?? latenessOf(ledger),
  };
}

function firstDayOf({ kind }: ChurnDefinition, ledgers: Ledgers): number | null {
  let first = Number.POSITIVE_INFINITY;
  for (const { orders, subscriptions } of ledgers.columns())
    if (kind === 'contractual') for (const { day } of subscriptions) first = Math.min(first, day);
    else for (let i = 0; i < orders.count; i++) first = Math.min(first, orders.day[i]!);
  return first === Number.POSITIVE_INFINITY ? null : first;
}

/** Cut-offs of a classifier, latest first: settled, one horizon apart, none before anything was known. A Cox model has none. */
function cutoffDays(
  { kind, definition, cutoffs, today }: TrainingPlan,
  { firstDay, latenessDays }: Settled,
): Result<number[], Refusal> {
  if (firstDay === null)
    return refusal(
      'too-little-data',
      definition.kind === 'contractual'
        ? 'there are no subscriptions; import them (kind subscription)'
        : 'there are no purchases to learn from; import orders',
    );
  if (kind !== 'churn-logistic') return ok([]);
  const last = lastSettledDay(definition, today, latenessDays);
  if (last <= firstDay)
    return refusal(
      'horizon-too-long',
      `a horizon of ${definition.horizonDays} days is longer than the data allow: they span ${today - firstDay} days (${dateOf(firstDay)} to ${dateOf(today)})${latenessDays + definition.graceDays > 0 ? `, of which ${latenessDays + definition.graceDays} are kept for what comes late and for grace` : ''}; ${Math.max(0, today - firstDay - latenessDays - definition.graceDays - 1)} days at most, or import a longer history`,
    );
  return ok(daysBack(last, cutoffs, definition).filter((day) => day >= firstDay));
}

const daysBack = (last: number, cutoffs: number, { horizonDays }: ChurnDefinition): number[] =>
  Array.from({ length: cutoffs }, (_, i) => last - i * horizonDays);

export interface Learned {
  rows: ChurnRows;
  cutoffs: CutoffRows[];
  /** Where at every cut-off everybody stayed, or nobody: the rows of the latest at which anybody was there, to count by. */
  oneSided: ChurnRows | null;
}

/**
 * Everybody as they are now, and the rows of a classifier at each cut-off, as it was known then.
 *
 * @param rowOf what may be known; none of it is needed to count.
 */
export async function settledRows(
  store: TrainingLog,
  plan: TrainingPlan,
  report: TrainingProgress,
  rowOf: RowOf = (ledger, day, context) => featureRow(ledger, day, context, plan.featureSet),
): Promise<{ settled: Settled; learned: Result<Learned, Refusal> }> {
  const swept = await sweptRows(store, plan, report, rowOf);
  if (swept !== null) return swept;
  const settled = await settledAt(store, plan, report);
  const days = cutoffDays(plan, settled);
  return { settled, learned: days.ok ? ok(await foldedRows(store, plan, settled, days.value, report, rowOf)) : days };
}

/** By a fold for each cut-off, whatever the order of the log. */
async function foldedRows(
  store: TrainingLog,
  plan: TrainingPlan,
  { ledger, ledgers }: Settled,
  days: readonly number[],
  report: TrainingProgress,
  rowOf: RowOf,
): Promise<Learned> {
  // Whoever was there then is there now.
  const options = { ...plan.ledger, maxCustomers: Math.max(1 << 10, ledger.rows.count + 1) };
  const known = new Map<number, Ledgers>();
  const walks = Math.ceil(days.length / AT_ONCE);
  const knownOn = async (day: number): Promise<Ledgers> => {
    if (!known.has(day)) {
      known.clear();
      const from = days.indexOf(day);
      const group = days.slice(from, from + AT_ONCE);
      const walk = Math.floor(from / AT_ONCE);
      let told = 0;
      const passed = (position: number) => {
        if (position < told + EVERY) return;
        told = position;
        report.progress(walk * plan.seq + position, walks * plan.seq, 'reading the log as it was known then');
      };
      const instants = group.map((each) => endOf(each, plan.offsets));
      const ledgersThen = await knownLedgers(store, plan.seq, instants, options, passed);
      group.forEach((each, i) => void known.set(each, ledgersOf(ledgersThen[i]!)));
    }
    report.log(`rows of ${dateOf(day)}`);
    return known.get(day)!;
  };
  const cutoffs: CutoffRows[] = [];
  let oneSided: ChurnRows | null = null;
  const rows = await rowsOfCutoffs(plan.definition, days, knownOn, ledgers, {
    rowOf,
    counted: (cutoff, added) => {
      cutoffs.push(cutoff);
      if (!cutoff.used && cutoff.eligible > 0) oneSided ??= added;
    },
  });
  return { rows, cutoffs, oneSided: rows.label.length === 0 ? oneSided : null };
}

/** All of it by one fold; null where the log does not lie in the order in which it was known. */
async function sweptRows(
  store: TrainingLog,
  plan: TrainingPlan,
  report: TrainingProgress,
  rowOf: RowOf,
): Promise<{ settled: Settled; learned: Result<Learned, Refusal> } | null> {
  const { definition, offsets, seq, today } = plan;
  // Whether anything came live, and when the first customer did, is known at the end: then it is looked at whether this was right.
  const latenessDays = plan.latenessDays ?? LATENESS_DAYS;
  const days = daysBack(lastSettledDay(definition, today, latenessDays), plan.cutoffs, definition).reverse();
  const instants = days.map((day) => endOf(day, offsets));
  const asked = new Map<number, AskedRows>();
  let told = 0;
  const ledger = await sweep(
    store,
    seq,
    instants,
    plan.ledger,
    (instant, known) => {
      const day = days[instants.indexOf(instant)]!;
      const rows = askedRows(definition, day, ledgersOf(known), rowOf);
      asked.set(day, rows);
      // A long horizon reaches back before the data begin.
      if (rows.customer.length > 0) report.log(`rows of ${dateOf(day)}`);
    },
    (position) => {
      if (position < told + EVERY) return;
      told = position;
      report.progress(position, seq, 'reading the log as it was known at each cut-off');
    },
  );
  if (ledger === null) return null;
  const settled = settle(plan, await forgetErased(store, seq, ledger));
  if (settled.latenessDays !== latenessDays) return null;
  const used = cutoffDays(plan, settled);
  if (!used.ok) return { settled, learned: used };
  const rows = createRows();
  const cutoffs: CutoffRows[] = [];
  let oneSided: ChurnRows | null = null;
  const found = labelled(
    definition,
    used.value.map((day) => asked.get(day)!),
    settled.ledgers,
  );
  for (const [i, day] of used.value.entries())
    if (!joinCutoff(rows, found[i]!, day, (cutoff) => void cutoffs.push(cutoff))) break;
    else if (!cutoffs.at(-1)!.used) oneSided ??= found[i]!;
  return { settled, learned: ok({ rows, cutoffs, oneSided: rows.label.length === 0 ? oneSided : null }) };
}

/** Days in which late events may still arrive: none where everything came from files. */
export const latenessOf = (ledger: Ledger): number =>
  ledger.runs.list().some(({ run, acceptedEvents }) => run === '' && acceptedEvents > 0) ? LATENESS_DAYS : 0;

/** The last millisecond of a local day. */
export const endOf = (day: number, offsets: Offsets): number => {
  const at = (day + 1) * DAY_MS - 1;
  return at - offsetAt(at, offsets) * 60_000;
};
