// Draws the reliability diagram with its counts below, on the same x.
import type { ReliabilityBin } from '#domain/models/calibration-metrics.ts';
import { count, percent, percentInterval } from '../format.ts';
import { Readable } from './cursor.tsx';
import { Baseline, Canvas, Levels, Stations } from './frame.tsx';
import { reliabilityGeometry, reliabilityInWords } from './reliability.ts';

export function ReliabilityChart(props: {
  bins: readonly ReliabilityBin[];
  xTitle: string;
  yTitle: string;
  width: number;
  height: number;
}) {
  const { width, height } = props;
  const whole = (share: number) => String(Math.round(share * 100));
  const drawn = reliabilityGeometry(props.bins, { width, height }, whole);
  const { plot, diagonal, counts } = drawn;
  return (
    <Readable
      label="Reliability"
      positions={drawn.bins.map(({ x }) => x)}
      width={width}
      top={plot.top + 4}
      tip={(index) => {
        const bin = drawn.bins[index]!;
        return {
          title: `n ${count(bin.n)}`,
          rows: [
            { name: 'Predicted', value: percent(bin.meanScore), swatch: 'c6 dashed' },
            { name: 'Observed', value: percent(bin.rate), swatch: 'c1 solid' },
            { name: '95 % interval', value: percentInterval(bin.lower, bin.upper), swatch: 'none' },
          ],
        };
      }}
    >
      {(index) => (
        <Canvas width={width} height={height} words={reliabilityInWords(props.bins, percent)}>
          <Levels plot={plot} ticks={drawn.yTicks} />
          <Stations plot={plot} ticks={drawn.xTicks} below={counts.bottom} />
          <text className="halo" x={plot.left + 6} y={plot.top + 10}>
            {props.yTitle}
          </text>
          <path className="mark" d={`M${diagonal.x1} ${diagonal.y1}L${diagonal.x2} ${diagonal.y2}`} />
          <Baseline plot={plot} at={counts.bottom} />
          <text x={plot.left - 6} y={counts.bottom} textAnchor="end">
            n
          </text>
          {drawn.bins.map((bin, i) => (
            <g key={bin.bin} data-bin={bin.bin}>
              <rect className="count" x={bin.bar.x} y={bin.bar.y} width={bin.bar.width} height={bin.bar.height} />
              <text className="tiny" x={bin.x} y={bin.bar.y - 3} textAnchor="middle">
                {count(bin.n)}
              </text>
              <path className="whisker w1" d={`M${bin.x} ${bin.yLower}V${bin.yUpper}`} />
              <circle className={bin.hollow ? 'pt s1 hollow' : 'pt s1'} cx={bin.x} cy={bin.y} r={i === index ? 5 : 4} />
            </g>
          ))}
          <text x={(plot.left + plot.right) / 2} y={height - 2} textAnchor="middle">
            {props.xTitle}
          </text>
        </Canvas>
      )}
    </Readable>
  );
}
