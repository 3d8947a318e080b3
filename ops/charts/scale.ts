// Where values stand, which ticks are round, and how figures are written in a drawing.

export interface Scale {
  (value: number): number;
  domain: readonly [number, number];
}

export function linearScale(domain: readonly [number, number], range: readonly [number, number]): Scale {
  const [low, high] = domain;
  const span = high > low ? high - low : 1;
  const place = (value: number) => range[0] + ((value - low) / span) * (range[1] - range[0]);
  return Object.assign(place, { domain });
}

/** Step of 1, 2 or 5 times a power of ten that gives about `count` ticks (Heckbert, "Nice numbers for graph labels", Graphics Gems 1990). */
function niceStep(span: number, count: number): number {
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const error = rough / power;
  // Geometric means of neighbouring steps part them: √2, √10, √50.
  return power * (error >= Math.sqrt(50) ? 10 : error >= Math.sqrt(10) ? 5 : error >= Math.sqrt(2) ? 2 : 1);
}

/** Round ticks within [low, high]. @returns `[low]` when the two are equal. */
export function niceTicks(low: number, high: number, count: number): number[] {
  if (!(high > low)) return [low];
  const step = niceStep(high - low, count);
  const ticks: number[] = [];
  // Multiplied afresh, so that 0.1 steps stay 0.1, 0.2, 0.3.
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-12 * Math.abs(high) + 1e-300; k++)
    ticks.push(Number((k * step).toPrecision(12)));
  return ticks;
}

/** [low, high] widened to the next round ticks. */
export function niceDomain(low: number, high: number, count: number): [number, number] {
  if (!(high > low)) return [low, low + 1];
  const step = niceStep(high - low, count);
  return [
    Number((Math.floor(low / step + 1e-9) * step).toPrecision(12)),
    Number((Math.ceil(high / step - 1e-9) * step).toPrecision(12)),
  ];
}

const NARROW_SPACE = '\u202f';

/** 0.235 → `23.5 %`; with as few decimals as tell the ticks of an axis apart. */
export const percentText = (share: number, decimals = 0): string =>
  `${(100 * share).toFixed(decimals)}${NARROW_SPACE}%`.replace('-', '−');

/** Decimals that tell steps of this size apart, in percent. */
export const percentDecimals = (step: number): number =>
  Math.max(0, Math.min(6, -Math.floor(Math.log10(100 * step) + 1e-9)));

/** 1234567 → `1,234,567`; 0.5 → `0.5`; axis figures. */
export const numberText = (value: number): string =>
  (Math.abs(value) >= 1e6
    ? `${Number((value / 1e6).toPrecision(4))}${NARROW_SPACE}M`
    : Number(value.toPrecision(6)).toLocaleString('en-US', { maximumFractionDigits: 6 })
  ).replace('-', '−');

/** 1,500 → `1.5k`: counts over bars. */
export const shortCount = (value: number): string =>
  value >= 1e6
    ? `${Number((value / 1e6).toPrecision(2))}M`
    : value >= 1e3
      ? `${Number((value / 1e3).toPrecision(2))}k`
      : String(Number(value.toPrecision(3)));

/** Mean advance of a wide sans face at 11 px, where Inter is not installed; bold is wider still. Enough to keep labels apart and inside. */
const CHARACTER = { normal: 6.7, bold: 7.5 };
export type Weight = keyof typeof CHARACTER;
export const textWidth = (text: string, weight: Weight = 'normal'): number =>
  Array.from(text).length * CHARACTER[weight];

/** A name that fits, with an ellipsis when cut. */
export const shortened = (name: string, width: number, weight: Weight = 'normal'): string => {
  const most = Math.max(1, Math.floor(width / CHARACTER[weight]));
  const letters = Array.from(name);
  return letters.length <= most
    ? name
    : `${letters
        .slice(0, most - 1)
        .join('')
        .trimEnd()}…`;
};

/** Moves labels apart so that none is nearer than `gap` to the next, in their order and within bounds. */
export function spread(wanted: readonly number[], gap: number, lowest: number, highest: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]!);
  const placed = [...wanted];
  let floor = lowest;
  for (const i of order) {
    placed[i] = Math.max(wanted[i]!, floor);
    floor = placed[i]! + gap;
  }
  let ceiling = highest;
  for (const i of order.reverse()) {
    placed[i] = Math.min(placed[i]!, ceiling);
    ceiling = placed[i]! - gap;
  }
  return placed;
}
