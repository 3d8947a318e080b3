// How far spend was foretold: error beside the naive forecast's, total, cover of p05–p95, and how well the order was found.
import type { ForecastMetrics } from '#domain/models/value-metrics.ts';
import { ABSENT, count, decimal, percent, percentInterval, signed } from '../../format.ts';

/** Of an evaluation that was made before it was told there is none. */
export const mapeWords = ({ mapeNonZero, nonZero }: Partial<ForecastMetrics>): string =>
  mapeNonZero == null ? ABSENT : `${percent(mapeNonZero)} (n ${count(nonZero ?? 0)})`;

export function SpendErrors({ model, naive }: { model: ForecastMetrics; naive: ForecastMetrics }) {
  const { coverageLower: lower, coverageUpper: upper } = model;
  return (
    <>
      <dt>Mean absolute error, model and naive</dt>
      <dd>
        {decimal(model.mae, 2)} <span className="t3">{decimal(naive.mae, 2)}</span>
      </dd>
      <dt>Total expected over came</dt>
      <dd>{model.totalError === null ? ABSENT : `${signed(100 * model.totalError, 1)}\u202f%`}</dd>
      <dt>Within p05–p95 (at least 90 % is meant)</dt>
      <dd>
        {percent(model.coverage)}{' '}
        {lower !== null && upper !== null && <span className="iv">{percentInterval(lower, upper)}</span>}
      </dd>
      <dt>sMAPE, of 200</dt>
      <dd>{decimal(model.smape, 1)}</dd>
      <dt>MAPE of those who bought</dt>
      <dd>{mapeWords(model)}</dd>
      <dt>Gini, of the best order</dt>
      <dd>{decimal(model.concentration?.normalised ?? null, 3)}</dd>
    </>
  );
}
