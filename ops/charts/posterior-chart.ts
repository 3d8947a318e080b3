// Posteriors of the arms of an experiment: a half violin over its 95 % interval, the control in slate, decision figures beside.
import { frame } from './frame.ts';
import { linearScale, niceDomain, niceTicks, numberText, percentDecimals, percentText, shortened } from './scale.ts';
import { dotMark, drawing, heading, type Ink, label, linePath, type Plot, px, stroke } from './svg.ts';

export interface ArmPosterior {
  name: string;
  n: number;
  /** ln of the posterior density of the rate. */
  lnDensity: (rate: number) => number;
  mean: number;
  lower: number;
  upper: number;
  probabilityBest: number;
  expectedLoss: number | null;
}

const WIDTH = 760;
const ROW = 66;
const INKS: readonly Ink[] = ['c1', 'c2', 'c3', 'c4', 'c5'];

export interface PosteriorWords {
  title: string;
  /** What the rate is, under the axis. */
  axis: string;
  /** What n counts. */
  unit: string;
  /** One sentence. */
  verdict: string;
  /** Rates are shares, written in percent; else events per unit. */
  shares: boolean;
}

/** @param arms the first is the control. */
export function posteriorChart(
  arms: readonly ArmPosterior[],
  { title, axis, unit, verdict, shares }: PosteriorWords,
): string {
  const plot: Plot = { left: 132, right: WIDTH - 240, top: 64, bottom: 64 + ROW * arms.length };
  const height = plot.bottom + 72;
  const low = Math.min(...arms.map(({ lower, mean }) => lower - 0.35 * (mean - lower)));
  const high = Math.max(...arms.map(({ upper, mean }) => upper + 0.35 * (upper - mean)));
  const domain = niceDomain(Math.max(0, low), shares ? Math.min(1, high) : high, 6);
  const x = linearScale([Math.max(0, domain[0]), shares ? Math.min(1, domain[1]) : domain[1]], [plot.left, plot.right]);
  const ticks = niceTicks(x.domain[0], x.domain[1], 6);
  const decimals = percentDecimals((ticks[1] ?? 1) - ticks[0]!);
  const text = (value: number) => (shares ? percentText(value, decimals) : numberText(value));
  const figure = (value: number) =>
    shares ? (100 * value).toFixed(decimals + 1) : numberText(Number(value.toPrecision(4)));
  const rate = (value: number) => (shares ? percentText(value, decimals + 1) : figure(value));
  const curves = arms.map((arm) => density(arm, x.domain));
  const peak = Math.max(...curves.flatMap((curve) => curve.map(([, value]) => value)));
  const column = { best: WIDTH - 90, loss: WIDTH - 20 };
  const marks = [
    heading(20, 28, title, `posterior, 95${'\u202f'}% interval`),
    label(plot.right + 12, plot.top - 10, `rate, 95${'\u202f'}%`),
    label(column.best, plot.top - 10, 'P(best)', { anchor: 'end' }),
    label(column.loss, plot.top - 10, 'exp. loss', { anchor: 'end' }),
    ...frame(
      plot,
      { scale: x, ticks, text, title: axis },
      { scale: linearScale([0, 1], [plot.bottom, plot.top]), ticks: [], text: String, title: '' },
      { verticalGrid: true },
    ),
    stroke(`M${px(x(arms[0]!.mean))} ${plot.top}V${plot.bottom}`, 'c6 dash'),
    ...arms.flatMap((arm, i) => {
      const ink = i === 0 ? 'c6' : INKS[(i - 1) % INKS.length]!;
      const base = plot.top + ROW * i + ROW - 20;
      const shape = curves[i]!.map(([value, d]) => [x(value), base - 6 - (d / peak) * (ROW - 30)] as const);
      return [
        `<path class="f-${ink} band" d="${linePath(shape)}L${px(shape.at(-1)![0])} ${px(base - 6)}L${px(shape[0]![0])} ${px(base - 6)}Z"/>`,
        stroke(linePath(shape), ink),
        stroke(`M${px(x(arm.lower))} ${px(base)}H${px(x(arm.upper))}`, ink),
        dotMark(x(arm.mean), base, ink),
        label(20, base - 12, shortened(arm.name, 104, 'bold'), { kind: 'k' }),
        label(20, base + 3, `${numberText(arm.n)} ${unit}`),
        label(plot.right + 12, base - 12, rate(arm.mean), { kind: 'k' }),
        label(plot.right + 12, base + 3, `${figure(arm.lower)}–${rate(arm.upper)}`),
        label(column.best, base - 12, probabilityText(arm.probabilityBest), { anchor: 'end', kind: 'k' }),
        label(column.loss, base - 12, lossText(arm.expectedLoss, shares), {
          anchor: 'end',
          kind: 'l',
        }),
      ];
    }),
    label(
      20,
      height - 16,
      shortened(`Dashed: mean of the control ${shortened(arms[0]!.name, 80)}. ${verdict}`, WIDTH - 40),
    ),
  ];
  const said = arms.map(
    ({ name, mean, lower, upper, probabilityBest }) =>
      `${name}: ${rate(mean)}, 95 % ${rate(lower)} to ${rate(upper)}, best with probability ${probabilityText(probabilityBest)}.`,
  );
  return drawing({ width: WIDTH, height }, title, `${said.join(' ')} ${verdict}`, marks);
}

const probabilityText = (p: number) => (p > 0.999 ? '> 0.999' : p < 0.001 ? '< 0.001' : p.toFixed(3));
const lossText = (loss: number | null, shares: boolean) =>
  loss === null ? '–' : shares ? `${Number((100 * loss).toPrecision(2))} pp` : String(Number(loss.toPrecision(2)));

/** The density along the axis: about the interval and as far again. */
function density(
  { lnDensity, mean, lower, upper }: ArmPosterior,
  [from, to]: readonly [number, number],
): [number, number][] {
  const reach = 2.2 * Math.max(upper - mean, mean - lower);
  const [low, high] = [Math.max(from, mean - reach), Math.min(to, mean + reach)];
  return Array.from({ length: 121 }, (_, k): [number, number] => {
    // Just inside the ends, where a density may have no value.
    const at = low + ((high - low) * (0.5 + k)) / 121;
    return [at, Math.exp(lnDensity(at))];
  });
}
