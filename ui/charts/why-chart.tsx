// Draws what a score is made of: feature, value, and a bar whose direction, colour and sign say the same thing.
import { signed } from '../format.ts';
import { Canvas, crisp, cutTo } from './frame.tsx';
import { type Part, ROW_PX, whyGeometry } from './why.ts';

/** A text is cut where its column ends; the title has the whole. */
const cut = (text: string, px: number): string => cutTo(text, Math.max(4, Math.floor(px / 6.4)));

export function WhyChart({ parts, width, words }: { parts: readonly Part[]; width: number; words: string }) {
  const { rows, axis, valueX, height } = whyGeometry(parts, width);
  return (
    <Canvas width={width} height={height} words={words}>
      <text x={valueX} y={11} textAnchor="end">
        value
      </text>
      <text x={0} y={11}>
        feature
      </text>
      <text x={width} y={11} textAnchor="end">
        raises risk →
      </text>
      {rows.some(({ amount }) => amount < 0) && width > 420 && (
        <text x={Math.max(valueX + 14, axis - 8)} y={11} textAnchor={axis - 8 > valueX + 90 ? 'end' : 'start'}>
          {axis - 8 > valueX + 90 ? '← lowers risk' : '← lowers'}
        </text>
      )}
      <path className="a" d={`M${crisp(axis)} 18V${height}`} />
      {rows.map(({ feature, value, amount, y, bar, label }, i) => (
        <g key={feature}>
          <title>{`${feature}${value ? `: ${value}` : ''}, ${signed(amount)}`}</title>
          {i > 0 && <path className="g" d={`M0 ${y + 0.5}H${width}`} />}
          <text x={0} y={y + 17} className="l f12">
            {cut(feature, valueX * 0.58)}
          </text>
          <text x={valueX} y={y + 17} className="l f12" textAnchor="end">
            {cut(value, valueX * 0.42)}
          </text>
          <rect
            className={amount >= 0 ? 'raises' : 'lowers'}
            x={bar.x}
            y={y + 7}
            width={bar.width}
            height={ROW_PX - 13}
            rx={2}
          />
          <text className="k halo" x={label.x} y={y + 17} textAnchor={label.anchor}>
            {signed(amount)}
          </text>
        </g>
      ))}
    </Canvas>
  );
}
