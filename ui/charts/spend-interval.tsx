// Draws a lifetime value: dot at the mean, a hairline at the median, the bar from p05 to p95.
import { type Spend, spendGeometry } from './spend.ts';

export function SpendInterval(props: {
  spend: Spend;
  width: number;
  label: (value: number) => string;
  words: string;
  hollow?: boolean;
  axis?: boolean;
}) {
  const drawn = spendGeometry(props.spend, props.width, props.label);
  const height = props.axis ? 42 : 20;
  return (
    <svg
      className="ch"
      width={props.width}
      height={height}
      viewBox={`0 0 ${props.width} ${height}`}
      role="img"
      aria-label={props.words}
    >
      <path className="g" d={`M0 10.5H${props.width}`} />
      <path className="range" d={`M${drawn.p05} 10.5H${Math.max(drawn.p05 + 0.1, drawn.p95)}`} />
      <path className="median" d={`M${drawn.p50} 5v11`} />
      <circle className={props.hollow ? 'pt s1 hollow' : 'pt s1'} cx={drawn.mean} cy={10.5} r={4.5} />
      {props.axis &&
        drawn.ticks.map((tick, index) => (
          <text
            key={tick.at}
            x={tick.at}
            y={34}
            textAnchor={index === 0 ? 'start' : tick.at > props.width - 24 ? 'end' : 'middle'}
          >
            {tick.label}
          </text>
        ))}
    </svg>
  );
}
