// The as-of slider: stops are the days something happened to the customer, and the present. One arrow is one event, shift is one day.
import { DAY_MS, dayMs, dayOfMs } from './axes.ts';

/** Where a day stands on the track, in [0, 1]. */
export function shareOf(day: string, from: string, until: string): number {
  const span = dayMs(until) - dayMs(from);
  return span <= 0 ? 1 : Math.min(1, Math.max(0, (dayMs(day) - dayMs(from)) / span));
}

export function dayAt(share: number, from: string, until: string): string {
  const span = (dayMs(until) - dayMs(from)) / DAY_MS;
  return dayOfMs(dayMs(from) + Math.round(Math.min(1, Math.max(0, share)) * span) * DAY_MS);
}

/** The distinct days to stop at, ascending, ending at the present. */
export function stopsOf(eventDays: readonly string[], until: string): string[] {
  return [...new Set([...eventDays.filter((day) => day <= until), until])].sort();
}

export type Step = 'previous-event' | 'next-event' | 'previous-day' | 'next-day' | 'first' | 'last';

export function stepTo(step: Step, day: string, stops: readonly string[]): string {
  const first = stops[0] ?? day;
  const last = stops.at(-1) ?? day;
  const inside = (moved: string) => (moved < first ? first : moved > last ? last : moved);
  switch (step) {
    case 'previous-event':
      return stops.findLast((stop) => stop < day) ?? first;
    case 'next-event':
      return stops.find((stop) => stop > day) ?? last;
    case 'previous-day':
      return inside(dayOfMs(dayMs(day) - DAY_MS));
    case 'next-day':
      return inside(dayOfMs(dayMs(day) + DAY_MS));
    case 'first':
      return first;
    case 'last':
      return last;
  }
}
