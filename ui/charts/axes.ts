// Where ticks stand and what they say. Months and days are stepped so that labels keep their distance at any width.
import { scaleLinear } from 'd3-scale';

export interface Tick {
  /** Pixels. */
  at: number;
  label: string;
}
export type Scale = (value: number) => number;

export const DAY_MS = 86_400_000;
/** A local day as a number that d3 can scale; days carry no zone. */
export const dayMs = (text: string): number => Date.parse(`${text.slice(0, 10)}T00:00:00Z`);
export const dayOfMs = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const LABEL_PX = 58;

function firstFitting(steps: readonly number[], unitPx: number): number {
  return steps.find((step) => step * unitPx >= LABEL_PX) ?? steps.at(-1)!;
}

/** Ticks on first days of months (`Jul`, `Jan ’26`), or on days (`5 Nov`) when there are too few months to read. */
export function timeTicks(from: number, until: number, scale: Scale): Tick[] {
  const width = Math.abs(scale(until) - scale(from));
  const dayPx = width / Math.max(1, (until - from) / DAY_MS);
  if ((until - from) / DAY_MS < 75) {
    const step = firstFitting([1, 2, 7, 14, 28], dayPx);
    const ticks: Tick[] = [];
    for (let ms = from; ms <= until; ms += step * DAY_MS) {
      const day = new Date(ms);
      ticks.push({ at: scale(ms), label: `${day.getUTCDate()} ${MONTHS[day.getUTCMonth()]}` });
    }
    return ticks;
  }
  const step = firstFitting([1, 2, 3, 6, 12, 24, 60, 120], dayPx * 30.4);
  const start = new Date(from);
  const ticks: Tick[] = [];
  // Months are counted from year 0, so that a step of three always falls on January.
  const first = start.getUTCFullYear() * 12 + start.getUTCMonth();
  for (let month = Math.ceil(first / step) * step; ; month += step) {
    const ms = Date.UTC(Math.floor(month / 12), month % 12, 1);
    if (ms > until) return ticks;
    if (ms < from) continue;
    const named = month % 12 === 0 || ticks.length === 0;
    const year = String(Math.floor(month / 12)).slice(2);
    ticks.push({ at: scale(ms), label: named ? `${MONTHS[month % 12]} ’${year}` : MONTHS[month % 12]! });
  }
}

/** Four or five round values from zero; of counts, whole ones only. @returns the ticks and the top of the scale. */
export function valueAxis(
  max: number,
  height: number,
  label: (value: number) => string,
): { top: number; scale: Scale; ticks: Tick[] } {
  const linear = scaleLinear()
    .domain([0, max > 0 ? max : 1])
    .nice(4)
    .range([height, 0]);
  const ticks = linear
    .ticks(4)
    .filter(Number.isInteger)
    .map((value) => ({ at: linear(value), label: label(value) }));
  return { top: linear.domain()[1]!, scale: linear, ticks };
}

/** Moves labels apart so that none is nearer than `gap` to the next, keeping their order and the bounds. */
export function spread(wanted: readonly number[], gap: number, lowest: number, highest: number): number[] {
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a]! - wanted[b]!);
  const placed = [...wanted];
  let floor = lowest;
  for (const index of order) {
    placed[index] = Math.max(wanted[index]!, floor);
    floor = placed[index] + gap;
  }
  let ceiling = highest;
  for (const index of order.reverse()) {
    placed[index] = Math.min(placed[index]!, ceiling);
    ceiling = placed[index] - gap;
  }
  return placed;
}

/** The index whose position is nearest; -1 when there is none. */
export function nearest(positions: readonly number[], x: number): number {
  let best = -1;
  let distance = Number.POSITIVE_INFINITY;
  for (const [index, at] of positions.entries()) {
    const d = Math.abs(at - x);
    if (d < distance) {
      distance = d;
      best = index;
    }
  }
  return best;
}
