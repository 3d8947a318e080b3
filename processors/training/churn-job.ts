// One training of a churn model, from the log to the model: cut-offs, rows as they were known then, the fit. Runs in the pool with a connection
// of its own; the threads that serve do not notice.

import { type ChurnDefinition, lastSettledDay } from '#domain/churn-definition.ts';
import type { CHURN_MODELS, ChurnModel } from '#domain/models/churn-model.ts';
import { ok, type Result, refuse } from '#domain/result.ts';
import { DAY_MS, type Offsets, offsetAt } from '#domain/time.ts';
import type { LedgerOptions } from '#projections/memory/ledger.ts';
import { everybodyAt } from '#projections/memory/past/everybody.ts';
import type { EventStore } from '#streams/event-store.ts';
import { addRows, createRows, survivalRows } from './churn-rows.ts';
import { ledgersOf } from './ledgers.ts';
import { type ChurnTraining, trainCox, trainLogistic } from './train-churn.ts';

export interface ChurnJob {
  estimator: (typeof CHURN_MODELS)[number];
  definition: ChurnDefinition;
  /** The log up to here … */
  seq: number;
  /** … and the local day it has reached. */
  today: number;
  offsets: Offsets;
  ledger: LedgerOptions;
  /** Folder of the fold's snapshots, to begin from where one is exact; null: from the log's beginning. */
  snapshotDir: string | null;
  /** How many cut-offs at most, one horizon apart, the last one settled. */
  cutoffs: number;
  /** Days after a label's last one in which late events may still arrive; by default 7 when there is live input, else 0. */
  latenessDays: number | null;
}

const LATENESS_DAYS = 7;
/** A snapshot that cannot be used costs time only, and whoever keeps it says so. */
const silent = { info: () => undefined, warn: () => undefined };

export type TrainedChurn = ChurnTraining<ChurnModel> & {
  /** Events of the log it was trained on. */
  events: number;
};

export async function trainChurn(
  store: Pick<EventStore, 'read' | 'lastSequence'>,
  job: ChurnJob,
): Promise<Result<TrainedChurn, string>> {
  const { definition, seq, today, estimator } = job;
  const folded = (ledger: LedgerOptions) =>
    everybodyAt(store, seq, { ledger, snapshotDir: job.snapshotDir, log: silent });
  const ledger = await folded(job.ledger);
  const settled = ledgersOf(ledger);
  const withEvents = (trained: Result<ChurnTraining<ChurnModel>, string>): Result<TrainedChurn, string> =>
    trained.ok ? ok({ ...trained.value, events: ledger.events }) : trained;
  if (estimator === 'churn-cox') {
    if (definition.kind !== 'contractual')
      return refuse('a Cox model speaks of subscriptions; this definition of churn is not contractual');
    return withEvents(trainCox(definition, survivalRows(definition, today, settled), today));
  }
  const live = ledger.runs.list().some(({ run, acceptedEvents }) => run === '' && acceptedEvents > 0);
  const last = lastSettledDay(definition, today, job.latenessDays ?? (live ? LATENESS_DAYS : 0));
  const rows = createRows();
  for (let i = 0; i < job.cutoffs; i++) {
    const day = last - i * definition.horizonDays;
    const known = ledgersOf(await folded({ ...job.ledger, knownUpTo: endOf(day, job.offsets) }));
    const added = createRows();
    addRows(added, definition, day, known, settled);
    if (added.label.length === 0) break;
    // A cut-off at which everybody stayed, or nobody, is before the time the data speak of (a table of one day has no earlier ends).
    const lost = added.label.reduce((sum, label) => sum + label, 0);
    if (lost === 0 || lost === added.label.length) continue;
    for (let row = 0; row < added.label.length; row++) {
      rows.features.push(added.features[row]!);
      rows.label.push(added.label[row]!);
      rows.day.push(day);
      rows.customer.push(added.customer[row]!);
    }
  }
  return withEvents(trainLogistic(definition, rows));
}

/** The last millisecond of a local day. */
const endOf = (day: number, offsets: Offsets): number => {
  const at = (day + 1) * DAY_MS - 1;
  return at - offsetAt(at, offsets) * 60_000;
};
