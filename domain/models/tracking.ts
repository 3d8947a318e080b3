// The tracking curve: repeat purchases a cohort should have made by each week, to lay over what it did make (Fader, Hardie & Lee 2005, fig. 4).

/** Customers of a cohort that share a first purchase at `start`, in the time unit of the model. */
export interface Birth {
  start: number;
  customers: number;
}

/**
 * Expected cumulative repeat purchases at each time: Σ over births with start < w of customers · E[X(w − start)].
 *
 * @param expectedOfNew E[X(t)] of a new customer, e.g. t => bgNbd.expectedPurchasesOfNewCustomer(params, t).
 * @param births in any order; equal starts are best merged, the cost is births × times expectations.
 * @param times on the clock of `start`.
 */
export function expectedCumulative(
  expectedOfNew: (t: number) => number,
  births: readonly Birth[],
  times: readonly number[],
): number[] {
  return times.map((time) =>
    births.reduce(
      (sum, { start, customers }) => (start < time ? sum + customers * expectedOfNew(time - start) : sum),
      0,
    ),
  );
}

/** Actual cumulative counts on the same grid: events at or before each time. @param events times, ascending. */
export function actualCumulative(events: readonly number[], times: readonly number[]): number[] {
  let seen = 0;
  return times.map((time) => {
    while (seen < events.length && events[seen]! <= time) seen += 1;
    return seen;
  });
}
