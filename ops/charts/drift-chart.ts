// Drift by feature: the Jensen–Shannon distance as a bar, beside the floor that chance reaches at these sizes.

import { frame } from './frame.ts';
import { linearScale, niceDomain, niceTicks, numberText, shortened } from './scale.ts';
import { bar, drawing, heading, label, type Plot, px, stroke } from './svg.ts';

export interface FeatureDrift {
  name: string;
  /** Null where the current file has no value at all. */
  jsDistance: number | null;
  noiseFloor: number | null;
  drifted: boolean | null;
}

const WIDTH = 760;
const ROW = 24;
/** More rows than this are no picture: the furthest are drawn. */
const MOST = 40;

/** @param threshold below which a shift is too small to act on. */
export function driftChart(features: readonly FeatureDrift[], threshold: number): string {
  const ranked = [...features].sort((a, b) => (b.jsDistance ?? -1) - (a.jsDistance ?? -1));
  const shown = ranked.slice(0, MOST);
  const plot: Plot = { left: 180, right: WIDTH - 110, top: 64, bottom: 64 + ROW * shown.length + 6 };
  const height = plot.bottom + 72;
  const most = Math.max(
    threshold * 1.5,
    ...shown.map(({ jsDistance, noiseFloor }) => Math.max(jsDistance ?? 0, noiseFloor ?? 0)),
  );
  const domain = niceDomain(0, most, 6);
  const x = linearScale([0, Math.min(1, domain[1])], [plot.left, plot.right]);
  const drifted = features.filter((feature) => feature.drifted === true);
  const marks = [
    heading(20, 28, 'Drift by feature', 'Jensen–Shannon distance'),
    ...frame(
      plot,
      { scale: x, ticks: niceTicks(...x.domain, 6), text: numberText, title: 'distance, 0 to 1' },
      { scale: linearScale([0, 1], [plot.bottom, plot.top]), ticks: [], text: String, title: '' },
      { verticalGrid: true },
    ),
    stroke(`M${px(x(threshold))} ${plot.top}V${plot.bottom}`, 'c6 dash'),
    label(x(threshold), plot.top - 8, `worth acting on: ${threshold}`, { anchor: 'middle', kind: 'halo' }),
    ...shown.flatMap(({ name, jsDistance, noiseFloor, drifted: moved }, i) => {
      const at = plot.top + 6 + ROW * i;
      const middle = at + ROW / 2;
      const figure = label(plot.left - 10, middle + 4, shortened(name, plot.left - 34, moved ? 'bold' : 'normal'), {
        anchor: 'end',
        kind: moved ? 'k' : 'l',
      });
      if (jsDistance === null) return [figure, label(plot.left + 8, middle + 4, 'no values now')];
      return [
        figure,
        bar(plot.left, at + 5, x(jsDistance) - plot.left, ROW - 10, moved ? 'f-bad' : 'bar'),
        ...(noiseFloor === null
          ? []
          : [
              stroke(`M${px(x(noiseFloor))} ${px(at + 2)}V${px(at + ROW - 2)}`, 'halo thick'),
              stroke(`M${px(x(noiseFloor))} ${px(at + 2)}V${px(at + ROW - 2)}`, 'c6'),
            ]),
        label(plot.right + 12, middle + 4, jsDistance.toFixed(3), { kind: moved ? 'k' : 'l' }),
        ...(moved ? [label(plot.right + 52, middle + 4, 'drifted', { kind: 'f-bad k' })] : []),
      ];
    }),
    label(
      20,
      height - 16,
      [
        `${drifted.length} of ${features.length} drifted`,
        'tick: what chance alone exceeds in 1 % of comparisons',
        ...(features.length > MOST ? [`the ${MOST} furthest are shown`] : []),
      ].join(' · '),
    ),
  ];
  const said =
    drifted.length === 0
      ? 'No feature drifted.'
      : `${drifted.length} of ${features.length} features drifted: ${drifted.map(({ name, jsDistance }) => `${name} (${jsDistance!.toFixed(3)})`).join(', ')}.`;
  return drawing({ width: WIDTH, height }, 'Drift by feature', said, marks);
}
