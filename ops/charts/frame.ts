// The frame of a plot: hairlines, baseline, figures on the axes.
import type { Scale } from './scale.ts';
import { label, type Plot, px } from './svg.ts';

export interface Axis {
  scale: Scale;
  ticks: readonly number[];
  text: (value: number) => string;
  /** What the axis measures, with its unit. */
  title: string;
}

/**
 * Horizontal hairlines with figures left of them, a baseline, figures under it. The y title stands inside at the top, the x title below.
 *
 * @param verticalGrid where x is a value read off, as in a reliability diagram.
 */
export function frame(plot: Plot, x: Axis, y: Axis, { verticalGrid = false, xFigures = true } = {}): string[] {
  const { left, right, top, bottom } = plot;
  const marks: string[] = [];
  for (const tick of y.ticks) {
    const at = y.scale(tick);
    if (Math.abs(at - bottom) > 0.5) marks.push(`<path class="g" d="M${px(left)} ${px(at)}H${px(right)}"/>`);
    marks.push(label(left - 8, at + 4, y.text(tick), { anchor: 'end' }));
  }
  if (verticalGrid)
    for (const tick of x.ticks) marks.push(`<path class="g" d="M${px(x.scale(tick))} ${px(top)}V${px(bottom)}"/>`);
  marks.push(`<path class="a" d="M${px(left)} ${px(bottom)}H${px(right)}"/>`);
  if (xFigures) {
    for (const tick of x.ticks) marks.push(label(x.scale(tick), bottom + 16, x.text(tick), { anchor: 'middle' }));
    marks.push(label((left + right) / 2, bottom + 33, x.title, { anchor: 'middle' }));
  }
  if (y.title !== '') marks.push(label(left - 8, top - 10, y.title));
  return marks;
}
