// When the steps of one attempt ran: a bar from where the one before it ended to its own end. Data in, geometry out; drawn by gantt-chart.tsx.
import { scaleLinear } from 'd3-scale';
import type { Tick } from './axes.ts';

export interface GanttStep {
  name: string;
  /** ms. */
  from: number;
  /** Null: it runs still. */
  until: number | null;
}
export interface GanttBar extends GanttStep {
  y: number;
  x: number;
  width: number;
  /** ms. */
  took: number;
  /** Of the whole attempt so far. */
  share: number;
}

export const GANTT_ROW_PX = 24;
const TOP = 4;
const AXIS_PX = 22;
const LABELS_PX = 118;

export interface Attempt {
  started_at: string;
  ended_at: string | null;
  steps: readonly { step: string; ended_at: string }[];
}

/**
 * Steps of an attempt in the order they ended in, each from the end of the one before.
 *
 * @param running what is told of the step under way; null when the attempt has ended.
 * @param rest what the time after the last step is called.
 */
export function stepsOf({ started_at, ended_at, steps }: Attempt, running: string | null, rest: string): GanttStep[] {
  let from = Date.parse(started_at);
  const done = steps.map(({ step, ended_at: at }) => {
    const until = Date.parse(at);
    const bar = { name: step, from, until };
    from = Math.max(from, until);
    return bar;
  });
  if (running !== null && ended_at === null) return [...done, { name: running, from, until: null }];
  if (ended_at === null || Date.parse(ended_at) - from < 1) return done;
  return [...done, { name: rest, from, until: Date.parse(ended_at) }];
}

export const ganttHeight = (rows: number): number => TOP + rows * GANTT_ROW_PX + AXIS_PX;

export function ganttGeometry(
  steps: readonly GanttStep[],
  now: number,
  width: number,
  label: (ms: number) => string,
): {
  bars: GanttBar[];
  ticks: Tick[];
  plot: { left: number; right: number; top: number; bottom: number };
  total: number;
} {
  const narrow = width < 420;
  const plot = {
    left: Math.min(190, width * 0.34),
    right: Math.max(width * 0.5, width - (narrow ? 62 : LABELS_PX)),
    top: TOP,
    bottom: TOP + steps.length * GANTT_ROW_PX,
  };
  const begin = steps[0]?.from ?? now;
  const end = Math.max(begin + 1, ...steps.map(({ until }) => until ?? now));
  const total = end - begin;
  const scale = scaleLinear().domain([0, total]).range([plot.left, plot.right]);
  const bars = steps.map((step, row): GanttBar => {
    const took = Math.max(0, (step.until ?? Math.max(now, step.from)) - step.from);
    const x = scale(step.from - begin);
    return {
      ...step,
      y: plot.top + row * GANTT_ROW_PX,
      x,
      width: Math.max(2, scale(step.from - begin + took) - x),
      took,
      share: took / total,
    };
  });
  const ticks = scale
    .ticks(Math.max(2, Math.floor((plot.right - plot.left) / 90)))
    .map((ms) => ({ at: scale(ms), label: ms === 0 ? '0' : label(ms) }));
  return { bars, ticks, plot, total };
}
