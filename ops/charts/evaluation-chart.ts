// How a score did: the reliability diagram with Wilson bars and counts, and the ROC curve.
import type { ScoreMetrics } from '#domain/models/metrics.ts';
import { frame } from './frame.ts';
import { linearScale, niceTicks, numberText, percentText, shortCount } from './scale.ts';
import { bar, dotMark, drawing, heading, label, linePath, type Plot, px, stroke } from './svg.ts';

const HEIGHT = 470;
const PANEL = 430;
/** Under this many rows a bin is drawn hollow: not settled. */
const FEW = 50;

/** @param names of the score and the label, for the axes. @returns undefined when nothing is defined to draw. */
export function evaluationChart(metrics: ScoreMetrics, names: { score: string; event: string }): string | undefined {
  const panels = [reliabilityPanel, rocPanel].flatMap((panel) => panel(metrics, names) ?? []);
  if (panels.length === 0) return undefined;
  const body = panels.flatMap(({ marks }, i) =>
    i === 0
      ? marks
      : [
          `<path class="g" d="M${PANEL * i + 0.5} 16V${HEIGHT - 16}"/>`,
          `<g transform="translate(${PANEL * i} 0)">`,
          ...marks,
          '</g>',
        ],
  );
  return drawing(
    { width: PANEL * panels.length, height: HEIGHT },
    `${names.score} against ${names.event}`,
    panels.map(({ words }) => words).join(' '),
    body,
  );
}

interface Panel {
  marks: string[];
  words: string;
}

const TICKS = [0, 0.2, 0.4, 0.6, 0.8, 1];
const interval = (lower: number | null, upper: number | null) =>
  lower === null || upper === null ? '' : ` ${lower.toFixed(3)}–${upper.toFixed(3)}`;

function reliabilityPanel(
  metrics: ScoreMetrics,
  { score, event }: { score: string; event: string },
): Panel | undefined {
  const bins = metrics.reliability;
  if (bins === null) return undefined;
  const plot: Plot = { left: 56, right: PANEL - 24, top: 74, bottom: 336 };
  const counts: Plot = { ...plot, top: 362, bottom: 398 };
  const x = linearScale([0, 1], [plot.left, plot.right]);
  const y = linearScale([0, 1], [plot.bottom, plot.top]);
  const most = Math.max(...bins.map(({ n }) => n));
  const height = linearScale([0, most], [0, counts.bottom - counts.top]);
  const wide = (plot.right - plot.left) / 10;
  const marks = [
    heading(20, 28, 'Reliability', `ten bins of the score, Wilson 95${'\u202f'}%`),
    ...frame(
      plot,
      { scale: x, ticks: TICKS, text: percentText, title: '' },
      { scale: y, ticks: TICKS, text: percentText, title: `observed: share of ${event}` },
      { verticalGrid: true, xFigures: false },
    ),
    stroke(
      linePath([
        [x(0), y(0)],
        [x(1), y(1)],
      ]),
      'c6 dash',
    ),
    ...fittedLine(metrics, x, y),
    ...bins.flatMap(({ n, meanScore, rate, lower, upper }) => [
      stroke(`M${px(x(meanScore))} ${px(y(lower))}V${px(y(upper))}`, 'c1'),
      dotMark(x(meanScore), y(rate), 'c1', n < FEW),
    ]),
    ...bins.flatMap(({ bin, n }) => [
      bar(x(bin / 10) + 0.5, counts.bottom - height(n), wide - 1, height(n), 'bar'),
      label(x((bin + 0.5) / 10), counts.bottom - height(n) - 4, shortCount(n), { anchor: 'middle', kind: 's' }),
    ]),
    label(plot.left - 8, counts.bottom, 'n', { anchor: 'end' }),
    `<path class="a" d="M${plot.left} ${counts.bottom}H${plot.right}"/>`,
    ...TICKS.map((tick) => label(x(tick), counts.bottom + 16, percentText(tick), { anchor: 'middle' })),
    label((plot.left + plot.right) / 2, counts.bottom + 33, `predicted: ${score}`, { anchor: 'middle' }),
    label(20, HEIGHT - 16, reliabilityFoot(metrics)),
  ];
  const off = bins.reduce((worst, each) =>
    Math.abs(each.rate - each.meanScore) > Math.abs(worst.rate - worst.meanScore) ? each : worst,
  );
  return {
    marks,
    words: `Reliability in ${bins.length} bins of ${numberText(metrics.n)} rows: furthest off at a mean score of ${percentText(off.meanScore, 1)}, where ${percentText(off.rate, 1)} came (95 % ${percentText(off.lower, 1)} to ${percentText(off.upper, 1)}, n ${shortCount(off.n)}). Calibration error ${metrics.ece!.toFixed(4)}.`,
  };
}

const reliabilityFoot = ({ ece, eceByChance }: ScoreMetrics) =>
  [
    `calibration error ${ece!.toFixed(4)}${eceByChance === null ? '' : `, by chance ${eceByChance.toFixed(4)}`}`,
    `hollow: n < ${FEW}`,
  ].join(' · ');

/** The logistic recalibration as a curve: where slope and intercept say the bins should lie. */
function fittedLine(metrics: ScoreMetrics, x: (p: number) => number, y: (p: number) => number): string[] {
  const { calibrationSlope: slope, calibrationIntercept: intercept, reliability } = metrics;
  if (slope === null || intercept === null || reliability === null || reliability.length < 2) return [];
  const [first, last] = [reliability[0]!.meanScore, reliability.at(-1)!.meanScore];
  const points = Array.from({ length: 41 }, (_, k) => first + ((last - first) * k) / 40)
    .filter((p) => p > 0 && p < 1)
    .map((p) => [x(p), y(1 / (1 + Math.exp(-intercept - slope * Math.log(p / (1 - p)))))] as const);
  return [`<g style="opacity:.45">${stroke(linePath(points), 'c1')}</g>`];
}

function rocPanel(metrics: ScoreMetrics, _names: object): Panel | undefined {
  const { roc, auc } = metrics;
  if (roc === null || auc === null) return undefined;
  const plot: Plot = { left: 56, right: PANEL - 24, top: 74, bottom: 398 };
  const x = linearScale([0, 1], [plot.left, plot.right]);
  const y = linearScale([0, 1], [plot.bottom, plot.top]);
  const ticks = niceTicks(0, 1, 5);
  const points = roc.map((point) => [x(point.falsePositiveRate), y(point.truePositiveRate)] as const);
  const range = interval(metrics.aucLower, metrics.aucUpper);
  const width =
    range === '' ? '' : ` (95${'\u202f'}%${metrics.groups === null ? '' : `, ${numberText(metrics.groups)} groups`})`;
  return {
    marks: [
      heading(20, 28, 'ROC', `area ${auc.toFixed(3)}${range}${width}`),
      ...frame(
        plot,
        { scale: x, ticks, text: percentText, title: 'false alarms: share of the others flagged' },
        { scale: y, ticks, text: percentText, title: 'share of the events flagged' },
        { verticalGrid: true },
      ),
      stroke(
        linePath([
          [x(0), y(0)],
          [x(1), y(1)],
        ]),
        'c6 dash',
      ),
      stroke(linePath(points), 'c1'),
      label(x(0.62), y(0.56), 'by chance', { kind: 'halo' }),
      label(
        20,
        HEIGHT - 16,
        [
          `average precision ${metrics.averagePrecision!.toFixed(3)}${interval(metrics.averagePrecisionLower, metrics.averagePrecisionUpper)}`,
          `n ${numberText(metrics.n)}`,
          `${percentText(metrics.prevalence!, 1)} events`,
        ].join(' · '),
      ),
    ],
    words: `ROC curve with an area of ${auc.toFixed(3)}${range === '' ? '' : `, 95 % interval${range}`}.`,
  };
}
