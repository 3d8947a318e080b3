// The tracking plot of a purchase model (Fader, Hardie & Lee 2005, figure 5): repeat purchases as they came and as the model expects them.
import { frame } from './frame.ts';
import { linearScale, niceDomain, niceTicks, numberText, percentText, spread } from './scale.ts';
import { drawing, heading, label, linePath, type Plot, stroke, swatch } from './svg.ts';

export interface Tracking {
  /** Ends of the weeks, counted from the first purchase of all. */
  weeks: readonly number[];
  actual: readonly number[];
  expected: readonly number[];
  customers: number;
  /** First and last day, as written dates. */
  from: string;
  until: string;
}

const WIDTH = 760;
const HEIGHT = 420;

export function trackingChart({ weeks, actual, expected, customers, from, until }: Tracking, model: string): string {
  const plot: Plot = { left: 64, right: WIDTH - 120, top: 74, bottom: 336 };
  const domain = niceDomain(0, Math.max(1, ...actual, ...expected), 5);
  const last = weeks.at(-1) ?? 1;
  const x = linearScale([0, last], [plot.left, plot.right]);
  const y = linearScale(domain, [plot.bottom, plot.top]);
  const path = (values: readonly number[]) =>
    linePath([[x(0), y(0)], ...values.map((value, i) => [x(weeks[i]!), y(value)] as const)]);
  const [came, should] = [actual.at(-1) ?? 0, expected.at(-1) ?? 0];
  const [cameY, shouldY] = spread([y(came), y(should)], 28, plot.top + 4, plot.bottom - 20) as [number, number];
  const off = came > 0 ? should / came - 1 : null;
  const error = off === null ? '' : `${percentText(Math.abs(off), 1)} ${off < 0 ? 'fewer' : 'more'} than came`;
  const marks = [
    heading(20, 28, 'Tracking', 'cumulative repeat purchases'),
    ...frame(
      plot,
      { scale: x, ticks: niceTicks(0, last, 8), text: numberText, title: `weeks since ${from}` },
      { scale: y, ticks: niceTicks(...domain, 5), text: numberText, title: '' },
    ),
    stroke(path(actual), 'c1'),
    stroke(path(expected), 'c2 dot'),
    swatch(plot.right + 10, cameY, 'c1'),
    label(plot.right + 28, cameY + 4, 'actual', { kind: 'k' }),
    label(plot.right + 28, cameY + 18, numberText(Math.round(came)), { kind: 'l' }),
    swatch(plot.right + 10, shouldY, 'c2 dot'),
    label(plot.right + 28, shouldY + 4, 'expected', { kind: 'k' }),
    label(plot.right + 28, shouldY + 18, numberText(Math.round(should)), { kind: 'l' }),
    label(
      20,
      HEIGHT - 16,
      [`${model} expects ${error || 'nothing to compare with'}`, `until ${until}`, `n ${numberText(customers)}`].join(
        ' · ',
      ),
    ),
  ];
  return drawing(
    { width: WIDTH, height: HEIGHT },
    `Tracking of ${model}`,
    `Cumulative repeat purchases of ${numberText(customers)} customers by week, rising to ${numberText(Math.round(came))} by ${until}. ${model} expects ${numberText(Math.round(should))}${error === '' ? '' : `, ${error}`}.`,
    marks,
  );
}
