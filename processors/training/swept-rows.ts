// Rows of several cut-offs by one fold, where the log lies in the order in which it became known, as one does that was lived: what was known at a cut-off
// is then everything before some place. An import of older events, a message late by the clock, or a fact that holds for earlier days too (rates,
// coverage) breaks that, and nobody may guess: the caller then folds once for each cut-off (known-ledgers.ts), to the same rows.

import { createLedger, type Ledger, type LedgerOptions } from '#projections/memory/ledger.ts';
import { readRecorded } from '#projections/memory/replay-parked.ts';
import { rezonedAfter } from '#projections/memory/rezoned.ts';
import type { LogMessage } from '#streams/pack.ts';
import type { TrainingLog } from './training-rows.ts';

/**
 * Facts that say nothing of an earlier moment's rows: of links and erasures those who settle the labels know, and a replay finds nothing here, since a
 * log with parked events is not swept.
 */
const HARMLESS: ReadonlySet<string> = new Set([
  'customer.linked',
  'customer.erased',
  'model.deployed',
  'model.canaried',
  'dead-letters.replayed',
  'churn.defined',
  'import.finished',
]);

/** Lanes are stored side by side, each in its order: about a second, and the gateways' clocks. */
const SKEW_MS = 10_000;
const MOST_WAITING = 50_000;

/**
 * @param instants ms, ascending, further apart than lanes may be.  @param take is given the ledger as it was known at each; it changes afterwards.
 * @returns the ledger of everything up to `seq`, its positions its own; null as soon as the order does not hold: what was taken means nothing then.
 */
export async function sweep(
  store: TrainingLog,
  seq: number,
  instants: readonly number[],
  options: LedgerOptions,
  take: (instant: number, known: Ledger) => void,
  passed: (position: number) => void,
): Promise<Ledger | null> {
  // Told by places of the log, which are not those of this fold.
  if ((options.stuck?.size ?? 0) > 0) return null;
  const zone = options.zone ?? (seq > 0 ? await rezonedAfter(store, 0, null, seq) : null);
  const wanted = zone === null ? options : { ...options, zone };
  const ledger = createLedger(wanted);
  let next = 0;
  let applied = 0;
  /** Somebody was known at an instant that is past: before that there is nothing to be changed by what follows. */
  let held = false;
  /** Known just after the next instant: others, of other lanes, may still come that were known before it. */
  let waiting: { subject: string; message: LogMessage }[] = [];
  const taken = () => {
    ledger.flushColumns();
    take(instants[next]!, ledger);
    held ||= ledger.rows.count > 0;
    next++;
  };
  // Places of its own: whoever waits is applied after those who came later.
  const apply = (message: LogMessage) => void ledger.applyMessage(++applied, message);
  const isHarmful = (message: LogMessage) => held && message.kind === 'fact' && !HARMLESS.has(message.fact.type);
  const goOn = (): boolean => {
    taken();
    const now = waiting;
    waiting = [];
    for (const { message } of now) {
      if (isHarmful(message)) return false;
      apply(message);
    }
    return true;
  };
  if (seq > 0)
    for await (const record of store.read('EVT', { from: 1, to: seq })) {
      const read = readRecorded(store, record, wanted);
      const message = read instanceof Promise ? await read : read;
      const knownAt = message === null ? null : knownAtOf(message, ledger);
      if (message === null || knownAt === null || (next > 0 && knownAt <= instants[next - 1]!)) return null;
      if (next < instants.length && knownAt > instants[next]!) {
        if (knownAt <= instants[next]! + SKEW_MS) {
          if (waiting.push({ subject: record.subject, message }) > MOST_WAITING) return null;
          continue;
        }
        while (next < instants.length && knownAt > instants[next]!) if (!goOn()) return null;
      } else if (waiting.some(({ subject }) => subject === record.subject)) return null; // a lane keeps its order
      if (isHarmful(message)) return null;
      apply(message);
      if (ledger.parked.total > 0) return null;
      passed(record.seq);
    }
  while (next < instants.length) if (!goOn()) return null;
  ledger.flushColumns();
  return ledger.parked.total === 0 ? ledger : null;
}

/** When the message became known; null where its events were known at times of their own. */
function knownAtOf(message: LogMessage, { runs }: Ledger): number | null {
  if (message.kind === 'fact') return message.header.ingestedAt;
  const { pack } = message;
  let run: string | null = null;
  for (let i = 0; i < pack.count; i++) {
    const of = pack.run(i);
    if (of === run) continue;
    run = of;
    if (runs.of(run).backfill) return null;
  }
  return pack.header.ingestedAt;
}
