// A standalone SVG drawing in the console's visual language: text in, text out. Light by default, dark where the viewer asks for it; every drawing
// names and describes itself for those who do not see it.

export interface Plot {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Ink of a series: c1 … c6 of the console's palette, told apart by more than colour wherever there are several. */
export type Ink = 'c1' | 'c2' | 'c3' | 'c4' | 'c5' | 'c6' | 'bad';

/** The tokens of the console's `tokens.css` that a drawing needs, as literals: viewers of files often know no custom properties. */
const INKS = {
  light: {
    surface: '#ffffff',
    line: '#e2e4e8',
    grid: '#e9eaee',
    axis: '#b7bbc1',
    text: '#171c24',
    text2: '#484d57',
    text3: '#626871',
    c1: '#2b50cb',
    c2: '#d87710',
    c3: '#2d9a9d',
    c4: '#7f0046',
    c5: '#03476a',
    c6: '#5c6677',
    bad: '#bf4a00',
    band: 0.16,
  },
  dark: {
    surface: '#13161a',
    line: '#24272d',
    grid: '#1f2228',
    axis: '#494d56',
    text: '#ebedf1',
    text2: '#b5b9c1',
    text3: '#9297a0',
    c1: '#7693f6',
    c2: '#f0a34e',
    c3: '#55c3bf',
    c4: '#d75eab',
    c5: '#98def2',
    c6: '#7d8494',
    bad: '#ed833a',
    band: 0.2,
  },
};

const FONT =
  '"Inter Variable", Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

const SERIES = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'bad'] as const;

function rules(ink: (typeof INKS)['light']): string {
  return [
    `.bg{fill:${ink.surface};stroke:${ink.line}}`,
    `.g{stroke:${ink.grid}}.a{stroke:${ink.axis}}`,
    `text,.u{fill:${ink.text3}}.l{fill:${ink.text2}}.k{fill:${ink.text}}`,
    `.halo{stroke:${ink.surface}}.hollow{fill:${ink.surface}}.bar{fill:${ink.axis}}`,
    ...SERIES.map((name) => `.${name}{stroke:${ink[name]}}.f-${name}{fill:${ink[name]}}`),
    `.band{opacity:${ink.band}}`,
  ].join('');
}

const STYLE = [
  `text{font:420 11px/1 ${FONT};font-feature-settings:"tnum" 1,"lnum" 1}`,
  '.k{font-weight:560}.h{font-size:13px;font-weight:620;letter-spacing:-.011em}.s{font-size:9.5px}',
  '.g,.a{stroke-width:1;shape-rendering:crispEdges}.bg{stroke-width:1}',
  '.ln{fill:none;stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round}.thick{stroke-width:4}',
  '.dash{stroke-dasharray:4 3}.dot{stroke-dasharray:1.5 3}.band{stroke:none}',
  '.halo{paint-order:stroke;stroke-width:3px;stroke-linejoin:round}',
  rules(INKS.light),
  `@media (prefers-color-scheme: dark){${rules(INKS.dark)}}`,
].join('');

/** Text that is safe inside SVG; what XML cannot hold at all (control characters) becomes a replacement mark. */
export const escapeText = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML 1.0 forbids
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
    .replace(/[&<>"]/g, (mark) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[mark]!);

/** Coordinates need no more than hundredths of a pixel. */
export const px = (value: number): string => String(Number(value.toFixed(2)));

/** The whole file. @param title,description said by a screen reader.  @param body marks, already escaped. */
export function drawing(
  size: { width: number; height: number },
  title: string,
  description: string,
  body: readonly string[],
): string {
  const { width, height } = size;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">${escapeText(title)}</title>`,
    `<desc id="desc">${escapeText(description)}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="bg" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>`,
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

export function label(
  x: number,
  y: number,
  text: string,
  { anchor = 'start', kind = '' }: { anchor?: 'start' | 'middle' | 'end'; kind?: string } = {},
): string {
  const align = anchor === 'start' ? '' : ` text-anchor="${anchor}"`;
  return `<text x="${px(x)}" y="${px(y)}"${align}${kind === '' ? '' : ` class="${kind}"`}>${escapeText(text)}</text>`;
}

/** Title of a panel with its unit beside. */
export const heading = (x: number, y: number, title: string, unit: string): string =>
  `<text x="${px(x)}" y="${px(y)}" class="h k">${escapeText(title)}<tspan dx="8" style="font-size:11px;font-weight:420;letter-spacing:0" class="u">${escapeText(unit)}</tspan></text>`;

export type Point = readonly [x: number, y: number];

export const linePath = (points: readonly Point[]): string =>
  points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${px(x)} ${px(y)}`).join('');

/** A step function: each height holds until the next x. */
export const stepPath = (points: readonly Point[]): string =>
  points.map(([x, y], i) => (i === 0 ? `M${px(x)} ${px(y)}` : `H${px(x)}V${px(y)}`)).join('');

/** A short line that shows a series beside its name. */
export const swatch = (x: number, y: number, kind: string): string => stroke(`M${px(x)} ${px(y)}h12`, kind);

export const stroke = (d: string, kind: string): string => `<path class="ln ${kind}" d="${d}"/>`;
export const fill = (d: string, kind: string): string => `<path class="${kind}" d="${d}"/>`;
export const dotMark = (x: number, y: number, ink: Ink, hollow = false): string =>
  `<circle cx="${px(x)}" cy="${px(y)}" r="3.5" stroke-width="1.6" class="${ink} ${hollow ? 'hollow' : `f-${ink}`}"/>`;
export const bar = (x: number, y: number, width: number, height: number, kind: string): string =>
  `<rect class="${kind}" x="${px(x)}" y="${px(y)}" width="${px(Math.max(0, width))}" height="${px(Math.max(0, height))}" rx="1"/>`;
