// How long a silence is a loss? For each window: who fell silent for so long, and how many of them bought again later. Fader & Hardie's warning
// stands behind it: without a contract nobody says when a customer has gone, so a window is a choice, and its price should be seen before it is made.

export interface Reactivation {
  /** Days without a purchase. */
  days: number;
  /** Customers who were silent for so long at least once: a purchase, and none in the `days` after it. */
  silent: number;
  /** Those of them who bought again after such a silence. */
  returned: number;
  /** returned / silent: how often calling them lost would have been wrong so far; null when nobody was silent. */
  rate: number | null;
}

/**
 * @param histories distinct purchase days of each customer, ascending, none after `today`.
 * @returns one for each window, in their order. Who fell silent lately had little time to come back, so rates of windows that are long beside the
 * history are too low rather than too high.
 * @example reactivation([[0, 10, 60], [0]], 100, [30]) // [{ days: 30, silent: 2, returned: 1, rate: 0.5 }]
 */
export function reactivation(
  histories: Iterable<readonly number[]>,
  today: number,
  windows: readonly number[],
): Reactivation[] {
  const silent = windows.map(() => 0);
  const returned = windows.map(() => 0);
  for (const days of histories) {
    if (days.length === 0) continue;
    let longest = 0;
    for (let i = 1; i < days.length; i++) longest = Math.max(longest, days[i]! - days[i - 1]!);
    const since = today - days.at(-1)!;
    windows.forEach((window, i) => {
      // The purchase that ends a silence of `window` days comes on the day after it at the earliest.
      const cameBack = longest > window;
      if (cameBack) returned[i]!++;
      if (cameBack || since >= window) silent[i]!++;
    });
  }
  return windows.map((days, i) => ({
    days,
    silent: silent[i]!,
    returned: returned[i]!,
    rate: silent[i] === 0 ? null : returned[i]! / silent[i]!,
  }));
}

const CANDIDATES = [14, 30, 45, 60, 90, 120, 180, 270, 365, 540, 730];

/** Windows worth showing: those that fit twice into the history, so that a silence can have been ended. */
export const candidateWindows = (historyDays: number): number[] => CANDIDATES.filter((days) => 2 * days <= historyDays);

/** At most one in ten of those called lost comes back. */
const WRONGLY_LOST = 0.1;
/** Fewer silent customers say little about a rate of a tenth: its standard error would be above 0.03. */
const LEAST_SILENT = 100;

export interface ProposedWindow {
  days: number;
  why: string;
}

/** The shortest window after which at most a tenth came back; failing that, the one with the fewest; null when too few were ever silent. */
export function proposeWindow(rates: readonly Reactivation[]): ProposedWindow | null {
  const told = rates.filter(({ silent }) => silent >= LEAST_SILENT) as (Reactivation & { rate: number })[];
  const percent = ({ rate }: { rate: number }) => `${(100 * rate).toFixed(1)} %`;
  const found = told.find(({ rate }) => rate <= WRONGLY_LOST);
  if (found) return { days: found.days, why: `the shortest after which at most 10 % came back (${percent(found)})` };
  if (told.length === 0) return null;
  const least = told.reduce((best, each) => (each.rate < best.rate ? each : best));
  return {
    days: least.days,
    why: `the fewest came back after it, but ${percent(least)} did: no window here tells the lost from the silent well; a value model (train clv) says how likely each is to be gone`,
  };
}
