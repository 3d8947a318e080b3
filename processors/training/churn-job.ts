// One training of a churn model, from the log to the model: cut-offs, rows as they were known then, the fit. Runs in the pool with a connection
// of its own; the threads that serve do not notice.

import { type ChurnDefinition, lastSettledDay } from '#domain/churn-definition.ts';
import type { CHURN_MODELS, ChurnModel } from '#domain/models/churn-model.ts';
import { ok, type Result, refuse } from '#domain/result.ts';
import { DAY_MS, type Offsets, offsetAt } from '#domain/time.ts';
import type { Ledger, LedgerOptions } from '#projections/memory/ledger.ts';
import { everybodyAt } from '#projections/memory/past/everybody.ts';
import type { EventStore } from '#streams/event-store.ts';
import { rowsOfCutoffs, survivalRows } from './churn-rows.ts';
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
  const last = lastSettledDay(definition, today, job.latenessDays ?? latenessOf(ledger));
  const days = Array.from({ length: job.cutoffs }, (_, i) => last - i * definition.horizonDays);
  const knownOn = async (day: number) => ledgersOf(await folded({ ...job.ledger, knownUpTo: endOf(day, job.offsets) }));
  return withEvents(trainLogistic(definition, await rowsOfCutoffs(definition, days, knownOn, settled)));
}

/** Days in which late events may still arrive: none where everything came from files. */
export const latenessOf = (ledger: Ledger): number =>
  ledger.runs.list().some(({ run, acceptedEvents }) => run === '' && acceptedEvents > 0) ? LATENESS_DAYS : 0;

/** The last millisecond of a local day. */
export const endOf = (day: number, offsets: Offsets): number => {
  const at = (day + 1) * DAY_MS - 1;
  return at - offsetAt(at, offsets) * 60_000;
};
