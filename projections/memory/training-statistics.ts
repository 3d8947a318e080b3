// Everything a fit is made from, at one position of the log: the population's histories, the same as they stood on an earlier day (to hold
// the model against what came since), and the latest intervals between purchase days.
import { NO_DAY } from '#domain/documents.ts';
import { splitDay } from '#domain/models/holdout.ts';
import type { IntervalPairs } from '#domain/models/regularity.ts';
import type { Ledger } from './ledger.ts';
import { DOCUMENT } from './record-layout.ts';
import { COLUMN_FLAG, WORD } from './row-layout.ts';
import { DAY_BITS, type PopulationSummary, runsOf, summarize } from './summary.ts';

export interface TrainingStatistics extends PopulationSummary {
  evidence: {
    day: number;
    earlier: { day: number; histories: PopulationSummary['histories'] } | null;
    intervals: IntervalPairs;
  };
}

/** Cost: twice that of `summarize`, and one walk over the orders of repeat buyers. */
export function trainingStatistics(ledger: Ledger, day: number = ledger.clockDay): TrainingStatistics {
  const summary = summarize(ledger, day);
  const split = splitDay(summary.firstDay, day);
  const earlier = split === null ? null : { day: split, histories: summarize(ledger, split).histories };
  return { ...summary, evidence: { day, earlier, intervals: intervalsOf(ledger, day) } };
}

/** Whom `summarize` leaves out of the histories. */
const LEFT_OUT = COLUMN_FLAG.erased | COLUMN_FLAG.linked | COLUMN_FLAG.leftTruncated | COLUMN_FLAG.anonymous;

/** The latest two intervals up to `day` of everybody with three purchase days, equal pairs once, ascending. */
function intervalsOf({ rows, store }: Ledger, day: number): IntervalPairs {
  const { orders } = store;
  const keys = new Float64Array(rows.count);
  let n = 0;
  for (let row = 0; row < rows.count; row++) {
    // Repeat days of all time: fewer than two now, fewer then.
    if (rows.get(row, WORD.frequency) < 2) continue;
    if (((rows.get(row, WORD.currencyAndFlags) >>> 24) & LEFT_OUT) !== 0) continue;
    let last = NO_DAY;
    let second = NO_DAY;
    let third = NO_DAY;
    for (let next = rows.get(row, WORD.orderHead); next !== 0; next = orders.next(next - 1)) {
      const at = orders.word(next - 1, DOCUMENT.dayAndCurrency) >> 8;
      if (at > day || at <= third || at === second || at === last) continue;
      if (at > last) [third, second, last] = [second, last, at];
      else if (at > second) [third, second] = [second, at];
      else third = at;
    }
    if (third !== NO_DAY) keys[n++] = (second - third) * DAY_BITS + (last - second);
  }
  const pairs = keys.subarray(0, n).sort();
  const { starts, weight } = runsOf(pairs);
  return {
    earlier: starts.map((at) => Math.floor(pairs[at]! / DAY_BITS)),
    later: starts.map((at) => pairs[at]! % DAY_BITS),
    weight,
  };
}
