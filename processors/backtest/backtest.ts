// A backtest over the log: the past replayed as it was known at each cut-off, models fitted then, and what came since held against them. One walk
// of the log says what came; one more serves several cut-offs.
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import {
  type BacktestSpan,
  checkCutoffs,
  chooseCutoffs,
  churnLearnsFrom,
  dateOf,
  valueLearnsFrom,
} from '#domain/models/cutoffs.ts';
import { ok, type Result, refuse } from '#domain/result.ts';
import type { Offsets } from '#domain/time.ts';
import type { Ledger, LedgerOptions } from '#projections/memory/ledger.ts';
import { erasedSince } from '#projections/memory/past/erased-since.ts';
import { everybodyAt } from '#projections/memory/past/everybody.ts';
import { trainingStatistics } from '#projections/memory/training-statistics.ts';
import type { EventStore } from '#streams/event-store.ts';
import { knownLedgers } from '../training/known-ledgers.ts';
import { ledgersOf } from '../training/ledgers.ts';
import { endOf, latenessOf } from '../training/training-rows.ts';
import { type ChurnMetrics, churnCutoff, daysNeeded } from './churn-cutoff.ts';
import { type CutoffVerdict, type ValueMetrics, type ValueModel, valueCutoff } from './value-cutoff.ts';

export interface Backtest {
  /** A value model, or the models of a definition of churn. */
  model: ValueModel | { churn: ChurnDefinition };
  /** Days foretold; a definition of churn brings its own. */
  horizonDays: number;
  /** Chosen moments, or how many to choose. */
  cutoffs: { days: readonly number[] } | { count: number };
  /** By default 7 when there is live input, else 0. */
  latenessDays: number | null;
  /** Definitions of churn in force: who is under contract is no buyer. */
  definitions: readonly ChurnDefinition[];
  seed: number;
  /** The log up to here, and the local day it has reached. */
  seq: number;
  today: number;
  offsets: Offsets;
  ledger: LedgerOptions;
  /** Folder of the fold's snapshots, to read what came from; null: from the log's beginning. */
  snapshotDir: string | null;
}

export type CutoffAnswer =
  | CutoffVerdict<ValueMetrics>
  | CutoffVerdict<ChurnMetrics>
  /** Nothing could be fitted at that moment. */
  | { day: number; leakage: null; metrics: null; reason: string };

export interface BacktestProgress {
  /** In messages of the log, over all walks. */
  progress(done: number, total: number, note: string): void;
  /** A cut-off was judged. */
  judged(answer: CutoffAnswer): void;
}

export interface BacktestPlan {
  days: number[];
  /** Days of the last horizon that the log does not reach: counted as without purchases. */
  beyond: number;
  latenessDays: number;
  firstDay: number;
}

/** Ledgers that are held in memory at once, besides that of today. */
const AT_ONCE = 4;
const EVERY = 500;
/** A snapshot that cannot be used costs time only, and whoever keeps it says so. */
const silent = { info: () => undefined, warn: () => undefined };

/** @param judged cut-offs (days) that need not be judged again. */
export async function backtest(
  store: Pick<EventStore, 'read' | 'lastSequence'>,
  job: Backtest,
  report: BacktestProgress,
  judged: ReadonlySet<number> = new Set(),
): Promise<Result<BacktestPlan, string>> {
  let [walk, walks] = [0, 2];
  let told = 0;
  const passed = (position: number) => {
    if (position >= told && position < told + EVERY) return;
    told = position;
    report.progress(walk * job.seq + position, walks * job.seq, 'reading the log');
  };
  const settledLedger = await everybodyAt(store, job.seq, {
    ledger: job.ledger,
    snapshotDir: job.snapshotDir,
    log: silent,
    progress: passed,
  });
  const plan = planOf(job, settledLedger);
  if (!plan.ok) return plan;
  const settled = ledgersOf(settledLedger);
  const rest = plan.value.days.filter((day) => !judged.has(day));
  // Whoever was there then is there now.
  const maxCustomers = Math.max(1 << 10, settledLedger.rows.count + 1);
  const { model } = job;
  const question = (day: number) => ({ ...job, day, latenessDays: plan.value.latenessDays });
  const groups =
    typeof model === 'string'
      ? Array.from({ length: Math.ceil(rest.length / AT_ONCE) }, (_, i) => rest.slice(i * AT_ONCE, (i + 1) * AT_ONCE))
      : rest.map((day) => daysNeeded({ ...question(day), definition: model.churn }, plan.value.firstDay));
  walks = 1 + groups.length;
  for (const days of groups) {
    walk++;
    const ledgers = await knownLedgers(
      store,
      job.seq,
      days.map((day) => endOf(day, job.offsets)),
      { ...job.ledger, maxCustomers },
      passed,
    );
    // The job's position may be of long ago: whoever was erased since is in no fit (facts §8), and gone from what came, too.
    const erased = await erasedSince(store, job.seq, await store.lastSequence('EVT'));
    for (const ledger of [settledLedger, ...ledgers]) {
      ledger.forget(erased);
      ledger.flushColumns();
    }
    const say = (day: number) =>
      report.progress((walk + 1) * job.seq, walks * job.seq, `judging what was foretold on ${dateOf(day)}`);
    const tell = (day: number, verdict: Result<Exclude<CutoffAnswer, { metrics: null }>, string>) =>
      report.judged(verdict.ok ? verdict.value : { day, leakage: null, metrics: null, reason: verdict.reason });
    if (typeof model === 'string')
      for (const [i, day] of days.entries()) {
        say(day);
        tell(day, valueCutoff({ ...question(day), model }, ledgers[i]!, settled));
      }
    else {
      const day = days[0]!;
      say(day);
      const knownOn = (each: number) => ledgersOf(ledgers[days.indexOf(each)]!);
      tell(day, await churnCutoff({ ...question(day), definition: model.churn }, days, knownOn, settled));
    }
  }
  return plan;
}

function planOf(job: Backtest, ledger: Ledger): Result<BacktestPlan, string> {
  const { firstDay } = trainingStatistics(ledger, job.today);
  const contractual = typeof job.model !== 'string' && job.model.churn.kind === 'contractual';
  const first = contractual ? firstSubscription(ledger) : firstDay;
  if (first === null)
    return refuse(
      contractual
        ? 'there are no subscriptions; import them (kind subscription)'
        : 'there are no purchases to learn from; import orders',
    );
  const late = job.latenessDays ?? latenessOf(ledger);
  const grace = typeof job.model === 'string' ? 0 : job.model.churn.graceDays;
  const span: BacktestSpan = {
    firstDay: first,
    today: job.today,
    horizonDays: job.horizonDays,
    latenessDays: late + grace,
    learnsFrom: typeof job.model === 'string' ? valueLearnsFrom : churnLearnsFrom,
  };
  const rest = { latenessDays: late, firstDay: first };
  if ('count' in job.cutoffs) {
    const chosen = chooseCutoffs(span, job.cutoffs.count);
    return chosen.ok ? ok({ days: chosen.value, beyond: 0, ...rest }) : chosen;
  }
  const checked = checkCutoffs(span, job.cutoffs.days);
  return checked.ok ? ok({ ...checked.value, ...rest }) : checked;
}

function firstSubscription(ledger: Ledger): number | null {
  let first: number | null = null;
  for (const { subscriptions } of ledgersOf(ledger).customers())
    for (const { day } of subscriptions) if (first === null || day < first) first = day;
  return first;
}
