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
  /** Stored events per second over the last ten seconds. */
  rate(now: number): number;
}

const SECONDS = 10;

export function createCounters(): Counters {
  const marks: { at: number; events: number }[] = [];
  return {
    events: 0,
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
    /** One mark at most per quarter second it is asked; the oldest within the window is the base. */
    rate(now) {
      if (marks.length === 0 || now - marks.at(-1)!.at >= 250) marks.push({ at: now, events: this.events });
      while (marks.length > 2 && now - marks[1]!.at >= SECONDS * 1000) marks.shift();
      const base = marks[0]!;
      return now > base.at ? ((this.events - base.events) * 1000) / (now - base.at) : 0;
    },
  };
}
