// Contributions to a score as bars from a common axis: to the right what raises the risk, to the left what lowers it, largest first; small ones are
// added up in one row, so that the bars are the whole score. Data in, geometry out; drawn by why-chart.tsx.
import { scaleLinear } from 'd3-scale';

export interface Part {
  feature: string;
  value: string;
  amount: number;
}
export interface WhyRow extends Part {
  y: number;
  bar: { x: number; width: number };
  /** Where its figure stands, and on which side of that it lies. */
  label: { x: number; anchor: 'start' | 'end' };
}

export const ROW_PX = 25;
const TOP = 20;
const LABEL_PX = 44;

/** The `rows` largest, and the others in one; what adds nothing is left out. */
export function largest(parts: readonly Part[], rows: number): Part[] {
  const told = parts.filter(({ amount }) => Math.abs(amount) >= 0.005);
  if (told.length <= rows) return told;
  const rest = told.slice(rows - 1);
  const amount = rest.reduce((sum, each) => sum + each.amount, 0);
  return [...told.slice(0, rows - 1), { feature: `${rest.length} others`, value: '', amount }];
}

export const whyHeight = (rows: number): number => TOP + rows * ROW_PX + 4;

export function whyGeometry(parts: readonly Part[], width: number) {
  const names = Math.min(width * 0.56, 330);
  const most = Math.max(...parts.map(({ amount }) => amount), 0);
  const least = Math.min(...parts.map(({ amount }) => amount), 0);
  const scale = scaleLinear()
    .domain([least, most === least ? least + 1 : most])
    .range([names + (least < 0 ? LABEL_PX : 4), width - LABEL_PX]);
  const axis = scale(0);
  const rows = parts.map((part, i): WhyRow => {
    const end = scale(part.amount);
    const right = part.amount >= 0;
    return {
      ...part,
      y: TOP + i * ROW_PX,
      bar: { x: Math.min(axis, end), width: Math.max(1, Math.abs(end - axis)) },
      label: { x: end + (right ? 6 : -6), anchor: right ? 'start' : 'end' },
    };
  });
  return { rows, axis, valueX: names, height: whyHeight(parts.length) };
}
