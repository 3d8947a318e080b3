// Kaplan–Meier curves with their bands, and how many were at risk under the axis.
import { quantile, type SurvivalCurve } from '#domain/models/survival/kaplan-meier.ts';
import { frame } from './frame.ts';
import { linearScale, niceTicks, numberText, percentText, shortened, spread, textWidth } from './scale.ts';
import { drawing, fill, heading, type Ink, label, type Plot, px, stepPath, stroke, swatch } from './svg.ts';

/** More curves than colours cannot be told apart: the largest groups are drawn. */
const MOST = 6;
const INKS: readonly Ink[] = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6'];
const DASHES = ['', '', 'dash', '', 'dash', 'dot'];
const WIDTH = 760;

export interface NamedCurve {
  name: string;
  curve: SurvivalCurve;
}

/** @param names of duration and event, for the axes.  @param test one line about the comparison. */
export function survivalChart(
  groups: readonly NamedCurve[],
  { duration, event, test }: { duration: string; event: string; test?: string | undefined },
): string {
  const drawn = [...groups].sort((a, b) => b.curve.n - a.curve.n).slice(0, MOST);
  const shown = groups.filter((group) => drawn.includes(group));
  const rowHeight = 18;
  const several = shown.length > 1;
  const room = several ? Math.min(220, Math.max(60, ...shown.map(({ name }) => textWidth(name, 'bold') + 40))) : 24;
  const plot: Plot = { left: 64, right: WIDTH - room, top: 74, bottom: 350 };
  const risk = plot.bottom + 62;
  const height = risk + shown.length * rowHeight + 44;
  const last = Math.max(...shown.map(({ curve }) => curve.time.at(-1) ?? 0));
  const ticks = niceTicks(0, last, 7);
  const x = linearScale([0, last || 1], [plot.left, plot.right]);
  const y = linearScale([0, 1], [plot.bottom, plot.top]);
  const ends = shown.map(({ curve }) => y(curve.survival.at(-1) ?? 1));
  const labelY = spread(ends, 14, plot.top + 4, plot.bottom - 2);
  const marks = [
    heading(20, 28, 'Survival', `share without ${event} yet, 95${'\u202f'}% band`),
    ...frame(
      plot,
      { scale: x, ticks, text: numberText, title: duration },
      { scale: y, ticks: [0, 0.25, 0.5, 0.75, 1], text: percentText, title: '' },
    ),
    ...shown.map(({ curve }, g) => fill(bandPath(curve, x, y), `f-${INKS[g]!} band`)),
    ...shown.map(({ curve }, g) =>
      stroke(
        stepPath([[x(0), y(1)], ...Array.from(curve.time, (time, i) => [x(time), y(curve.survival[i]!)] as const)]),
        `${INKS[g]!} ${several ? DASHES[g]! : ''}`,
      ),
    ),
    ...(several
      ? shown.flatMap(({ name }, g) => [
          swatch(plot.right + 8, labelY[g]!, `${INKS[g]!} ${DASHES[g]!}`),
          label(plot.right + 26, labelY[g]! + 4, shortened(name, room - 44, 'bold'), { kind: 'k' }),
        ])
      : []),
    label(20, risk - 16, 'at risk'),
    ...shown.flatMap(({ name, curve }, g) => [
      ...(several
        ? [
            swatch(plot.right + 8, risk + g * rowHeight, `${INKS[g]!} ${DASHES[g]!}`),
            label(plot.right + 26, risk + g * rowHeight + 4, shortened(name, room - 44), { kind: 'l' }),
          ]
        : []),
      ...ticks.map((tick) =>
        label(x(tick), risk + g * rowHeight + 4, numberText(atRiskAt(curve, tick)), { anchor: 'middle', kind: 'l' }),
      ),
    ]),
    label(
      20,
      height - 16,
      [
        ...(test === undefined ? [] : [test]),
        ...(groups.length > shown.length ? [`the ${shown.length} largest of ${groups.length} groups`] : []),
        `n ${numberText(groups.reduce((sum, { curve }) => sum + curve.n, 0))}`,
      ].join(' · '),
    ),
  ];
  return drawing({ width: WIDTH, height }, `Survival by ${duration}`, words(shown, event), marks);
}

/** The band as steps there and back; parts without a band are left out. */
function bandPath(curve: SurvivalCurve, x: (t: number) => number, y: (s: number) => number): string {
  const steps: { time: number; lower: number; upper: number }[] = [{ time: 0, lower: 1, upper: 1 }];
  curve.time.forEach((time, i) => {
    const [lower, upper] = [curve.lower[i], curve.upper[i]];
    if (lower !== null && lower !== undefined && upper !== null && upper !== undefined && lower <= upper)
      steps.push({ time, lower, upper });
  });
  const end = curve.time.at(-1) ?? 0;
  const there = steps.map(
    ({ time, upper }, i) => `${i === 0 ? 'M' : 'H'}${px(x(time))}${i === 0 ? ' ' : 'V'}${px(y(upper))}`,
  );
  const back = [...steps]
    .reverse()
    .map(({ lower }, i, all) => `V${px(y(lower))}H${px(x(all[i]!.time))}`)
    .join('');
  return `${there.join('')}H${px(x(end))}${back}Z`;
}

/** How many were watched and without the event just before t. */
function atRiskAt(curve: SurvivalCurve, t: number): number {
  if (t === 0) return curve.atRisk[0] ?? curve.n;
  const at = Array.from(curve.time).findIndex((time) => time >= t);
  return at < 0 ? 0 : curve.atRisk[at]!;
}

function words(groups: readonly NamedCurve[], event: string): string {
  return groups
    .map(({ name, curve }) => {
      const { value, lower, upper } = quantile(curve, 0.5);
      const half =
        value === null
          ? 'more than half are left at the end'
          : `half by ${numberText(value)} (95 % ${lower === null ? 'open' : numberText(lower)} to ${upper === null ? 'open' : numberText(upper)})`;
      return `${name}: ${numberText(curve.totalEvents)} of ${numberText(curve.n)} had ${event}, ${half}.`;
    })
    .join(' ');
}
