// How good a churn score is, in the figures people look for first: calibration before ranking, each with its interval and what is ideal.
import { ABSENT, count, decimal, percent, signed } from '../../format.ts';
import type { Verdict } from '../../job-results.ts';

const Z95 = 1.959964;
const fixed = (value: number | null, digits: number): string =>
  value === null ? ABSENT : value < 0 ? signed(value, digits) : value.toFixed(digits);
export const range = (lower: number | null, upper: number | null, digits: number): string =>
  lower === null || upper === null
    ? ABSENT
    : lower < 0 || upper < 0
      ? `${signed(lower, digits)} to ${signed(upper, digits)}`
      : `${lower.toFixed(digits)}–${upper.toFixed(digits)}`;
const around = (value: number | null, se: number | null, digits: number): string =>
  value === null || se === null ? ABSENT : range(value - Z95 * se, value + Z95 * se, digits);

export interface NaiveScore {
  rate: number | null;
  brier: number | null;
  /** Absent where it was judged before it was told: of the horizon before. */
  rateOf?: 'before' | 'learned-from';
  undefined?: Record<string, string>;
}

/** Why a figure is missing stands where the figure would. */
export function churnFigures(metrics: Verdict, naive: NaiveScore | null) {
  const why = (name: string) => metrics.undefined[name] ?? '';
  return [
    {
      name: 'Slope',
      value: fixed(metrics.calibrationSlope, 2),
      interval: around(metrics.calibrationSlope, metrics.calibrationSlopeSe, 2),
      note: metrics.calibrationSlope === null ? why('calibrationSlope') : '1 is ideal',
    },
    {
      name: 'Intercept',
      value: fixed(metrics.calibrationIntercept, 2),
      interval: around(metrics.calibrationIntercept, metrics.calibrationInterceptSe, 2),
      note: metrics.calibrationIntercept === null ? why('calibrationIntercept') : '0 is ideal',
    },
    {
      name: 'Brier',
      value: fixed(metrics.brier, 4),
      interval: naive?.brier == null ? '' : `naive ${naive.brier.toFixed(4)}`,
      note: metrics.brierSkill === null ? why('brierSkill') : `skill ${percent(metrics.brierSkill)}`,
    },
    {
      name: 'ECE',
      value: fixed(metrics.ece, 4),
      interval: metrics.eceByChance === null ? '' : `chance ${metrics.eceByChance.toFixed(4)}`,
      note: metrics.reliability ? `${metrics.reliability.length} bins` : why('ece'),
    },
    {
      name: 'AUC',
      value: fixed(metrics.auc, 3),
      interval: range(metrics.aucLower, metrics.aucUpper, 3),
      note: metrics.auc === null ? why('auc') : `n ${count(metrics.n)}`,
    },
  ];
}

export function ChurnKpis({ metrics, naive }: { metrics: Verdict; naive: NaiveScore | null }) {
  const { brierDecomposition: parts } = metrics;
  return (
    <section className="panel" aria-label="Figures, with their 95 % intervals">
      <div className="kpis five">
        {churnFigures(metrics, naive).map(({ name, value, interval, note }) => (
          <div className="kpi small" key={name}>
            <div className="k">{name}</div>
            <b className="num">{value}</b>
            <div className="iv">{interval || '\u00a0'}</div>
            <div className="s12 t3 note2" title={note}>
              {note}
            </div>
          </div>
        ))}
      </div>
      {parts && metrics.brier !== null && (
        <div
          className="decomposition num"
          title="Murphy’s decomposition: how far bins are off, how far they are apart, and what nobody could know"
        >
          <span>Brier {metrics.brier.toFixed(4)} ≈</span>
          <span>
            <i className="b2" />
            reliability {decimal(parts.reliability, 4)}
          </span>
          <span>
            − <i className="b1" />
            resolution {decimal(parts.resolution, 4)}
          </span>
          <span>
            + <i className="b6" />
            uncertainty {decimal(parts.uncertainty, 4)}
          </span>
        </div>
      )}
    </section>
  );
}
