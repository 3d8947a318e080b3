// The reliability diagram: what was observed against what was predicted, bin by bin with its 95 % interval, and how many stand in each bin. Bins of
// fewer than 50 are hollow; those of fewer than ten people are not shown, and are counted. Data in, geometry out; drawn by reliability-chart.tsx.
import { scaleLinear } from 'd3-scale';
import type { ReliabilityBin } from '#domain/models/calibration-metrics.ts';
import type { Scale, Tick } from './axes.ts';

export const SETTLED_FROM = 50;
export const SHOWN_FROM = 10;

export interface DrawnBin extends ReliabilityBin {
  x: number;
  y: number;
  yLower: number;
  yUpper: number;
  hollow: boolean;
  bar: { x: number; width: number; y: number; height: number };
}

export function shownBins(bins: readonly ReliabilityBin[]): { shown: ReliabilityBin[]; hidden: number } {
  const shown = bins.filter(({ n }) => n >= SHOWN_FROM);
  return { shown, hidden: bins.length - shown.length };
}

/** Room for the counts below the diagram. */
const COUNTS_PX = 44;

export function reliabilityGeometry(
  bins: readonly ReliabilityBin[],
  size: { width: number; height: number },
  label: (share: number) => string,
) {
  const { shown, hidden } = shownBins(bins);
  const plot = { left: 40, right: size.width - 12, top: 10, bottom: size.height - COUNTS_PX - 42 };
  // Square: the diagonal is a diagonal. Height follows width where there is room.
  const top = Math.min(
    1,
    Math.max(0.1, Math.ceil(10 * Math.max(...shown.map(({ meanScore, upper }) => Math.max(meanScore, upper)), 0)) / 10),
  );
  const x = scaleLinear().domain([0, top]).range([plot.left, plot.right]);
  const y = scaleLinear().domain([0, top]).range([plot.bottom, plot.top]);
  const counts = { top: plot.bottom + 12, bottom: plot.bottom + 12 + COUNTS_PX };
  const most = Math.max(1, ...shown.map(({ n }) => n));
  const gap = Math.min(
    ...shown.slice(1).map(({ meanScore }, i) => x(meanScore) - x(shown[i]!.meanScore)),
    (plot.right - plot.left) / 8,
  );
  const width = Math.max(5, Math.min(34, gap - 2));
  const drawn = shown.map((bin): DrawnBin => {
    const at = x(Math.min(top, bin.meanScore));
    const height = Math.max(1, (COUNTS_PX - 12) * (bin.n / most));
    return {
      ...bin,
      x: at,
      y: y(Math.min(top, bin.rate)),
      yLower: y(Math.min(top, bin.lower)),
      yUpper: y(Math.min(top, bin.upper)),
      hollow: bin.n < SETTLED_FROM,
      bar: { x: at - width / 2, width, y: counts.bottom - height, height },
    };
  });
  const ticks = (scale: Scale, count: number): Tick[] =>
    scaleLinear()
      .domain([0, top])
      .ticks(count)
      .map((share) => ({ at: scale(share), label: label(share) }));
  return {
    plot,
    counts,
    bins: drawn,
    hidden,
    xTicks: ticks(x, 5),
    yTicks: ticks(y, 5),
    diagonal: { x1: x(0), y1: y(0), x2: x(top), y2: y(top) },
  };
}

/** What the diagram shows, for those who hear it. */
export function reliabilityInWords(bins: readonly ReliabilityBin[], share: (value: number) => string): string {
  const { shown, hidden } = shownBins(bins);
  if (shown.length === 0) return 'Reliability: no bin holds ten customers.';
  const worst = shown.reduce((most, bin) =>
    Math.abs(bin.rate - bin.meanScore) > Math.abs(most.rate - most.meanScore) ? bin : most,
  );
  const covered = shown.filter(({ meanScore, lower, upper }) => meanScore >= lower && meanScore <= upper).length;
  return [
    `Reliability in ${shown.length} bins, from ${share(shown[0]!.meanScore)} to ${share(shown.at(-1)!.meanScore)} predicted.`,
    `In ${covered} of them the prediction lies within the 95 % interval of what was observed.`,
    `Farthest off: ${share(worst.meanScore)} predicted, ${share(worst.rate)} observed, n ${worst.n}.`,
    hidden > 0 ? `${hidden} of fewer than ten ${hidden === 1 ? 'is' : 'are'} not shown.` : '',
  ]
    .filter(Boolean)
    .join(' ');
}
