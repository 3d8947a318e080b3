// Lifetime value as a dot with its p05–p95. Spend has an atom at 0 (many customers will spend nothing), so the interval often begins there;
// that is said, not smoothed over.
import { scaleLinear } from 'd3-scale';
import type { Tick } from './axes.ts';

export interface Spend {
  mean: number;
  p05: number;
  p50: number;
  p95: number;
}
export interface SpendGeometry {
  width: number;
  p05: number;
  p50: number;
  p95: number;
  mean: number;
  ticks: Tick[];
}

/** @param top the scale's end; the customer's own p95 unless several are compared. */
export function spendGeometry(
  spend: Spend,
  width: number,
  label: (value: number) => string,
  top?: number,
): SpendGeometry {
  const inset = 6;
  const most = top ?? Math.max(spend.p95, spend.mean);
  const wanted = width < 300 ? 3 : 5;
  const over = (end: number) =>
    scaleLinear()
      .domain([0, end])
      .nice(4)
      .range([inset, width - inset]);
  const labelled = (scale: ReturnType<typeof over>): Tick[] =>
    scale.ticks(wanted).map((value) => ({ at: scale(value), label: label(value) }));
  const says = (ticks: readonly Tick[]) => new Set(ticks.map((tick) => tick.label)).size === ticks.length;
  // Parts of a cent have no name: the scale grows until its ticks have one each.
  let end = most > 0 ? most : 1;
  while (!says(labelled(over(end))) && end < 100) end *= 10;
  const scale = over(end);
  return {
    width,
    p05: scale(spend.p05),
    p50: scale(spend.p50),
    p95: scale(spend.p95),
    mean: scale(spend.mean),
    ticks: labelled(scale),
  };
}
