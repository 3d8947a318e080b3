// What the gateway has done since it started, for status and metrics. Labels are reasons, never ids.
import type { ReasonCode } from '#domain/events.ts';

export interface Counters {
  events: number;
  duplicates: number;
  rejected: Partial<Record<ReasonCode, number>>;
  droppedFields: number;
  roundedFloats: number;
  sealed: number;
  newCustomers: number;
  inMessages: number;
  reject(reason: ReasonCode): void;
  /** Stored events per second over the last five seconds; 0 when nothing was stored in them. */
  rate(now: number): number;
}

const WINDOW_MS = 5_000;
/** Events of one tenth of a second share a mark, so that a flood keeps fifty of them. */
const MARK_MS = 100;

/** @param clock ms; the same one that `rate` is asked with. */
export function createCounters(clock: () => number = Date.now): Counters {
  const marks: { at: number; events: number }[] = [];
  let events = 0;

  /** What is older than the window goes, and what a clock that was set back left in the future. */
  const prune = (now: number) => {
    while (marks.length > 0 && now - marks[0]!.at >= WINDOW_MS) marks.shift();
    while (marks.length > 0 && marks.at(-1)!.at > now) marks.pop();
  };

  return {
    get events() {
      return events;
    },
    // Marks are made by what arrives, not by who asks: the rate is the same however often it is looked at.
    set events(value) {
      const added = value - events;
      events = value;
      if (added <= 0) return;
      const now = clock();
      prune(now);
      const last = marks.at(-1);
      if (last && now - last.at < MARK_MS) last.events += added;
      else marks.push({ at: now, events: added });
    },
    duplicates: 0,
    rejected: {},
    droppedFields: 0,
    roundedFloats: 0,
    sealed: 0,
    newCustomers: 0,
    inMessages: 0,
    reject(reason) {
      this.rejected[reason] = (this.rejected[reason] ?? 0) + 1;
    },
    rate(now) {
      prune(now);
      return (marks.reduce((sum, mark) => sum + mark.events, 0) * 1000) / WINDOW_MS;
    },
  };
}
