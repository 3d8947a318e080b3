// Lifetime value, taken apart: how many orders, worth how much, and how likely nothing at all. Spend has an atom at 0, and the panel says so.
import { SpendInterval } from '../charts/spend-interval.tsx';
import { decimal, money, moneyInterval, percent } from '../format.ts';
import { useSize } from '../hooks.ts';
import type { Customer } from '../queries.ts';
import { reasonWords } from '../reasons.ts';
import { Panel } from './panel.tsx';
import { State } from './states.tsx';

type Clv = NonNullable<Customer['clv']>;

export function ValuePanel(props: {
  clv: Clv | null;
  refused: { reason: string; detail: string } | null;
  currency: string;
  hollow: boolean;
}) {
  const [ref, { width }] = useSize<HTMLDivElement>();
  const { clv, currency } = props;
  if (!clv)
    return (
      <Panel title="Lifetime value" span="c4">
        <State icon="info" title="No figure for this customer">
          <p>Because {reasonWords(props.refused?.reason ?? 'no-model')}.</p>
        </State>
      </Panel>
    );
  const perOrder = clv.expected_purchases > 0 ? clv.expected_spend / clv.expected_purchases : 0;
  const kept = clv.expected_spend > 0 ? clv.clv_mean / clv.expected_spend : 1;
  const spend = { mean: clv.clv_mean, p05: clv.clv_p05, p50: clv.clv_p50, p95: clv.clv_p95 };
  return (
    <Panel title="Lifetime value" unit={`${clv.months} months`} span="c4">
      <div ref={ref} className="measure" />
      {width > 0 && (
        <SpendInterval
          spend={spend}
          width={width}
          axis
          hollow={props.hollow}
          label={(value) => money(value, currency, 'axis')}
          words={`Mean ${money(clv.clv_mean, currency, 'estimate')}, median ${money(clv.clv_p50, currency, 'estimate')}, p05 to p95 ${moneyInterval(clv.clv_p05, clv.clv_p95, currency)}`}
        />
      )}
      <dl className="kv split">
        <dt>Expected orders</dt>
        <dd>{decimal(clv.expected_purchases, 2)}</dd>
        <dt>× worth of one</dt>
        <dd>{money(perOrder, currency, 'estimate')}</dd>
        <dt>= expected spend</dt>
        <dd>{money(clv.expected_spend, currency, 'estimate')}</dd>
        <dt>× discount, 1 % a month</dt>
        <dd>{decimal(kept, 3)}</dd>
        <dt className="sum">CLV, mean</dt>
        <dd className="sum">{money(clv.clv_mean, currency, 'estimate')}</dd>
        <dt>Median</dt>
        <dd>{money(clv.clv_p50, currency, 'estimate')}</dd>
        <dt>p05–p95</dt>
        <dd>{moneyInterval(clv.clv_p05, clv.clv_p95, currency)}</dd>
      </dl>
      <div className="atom" role="img" aria-label={`Probability of no spend at all: ${percent(clv.p_zero_spend)}`}>
        <i style={{ width: `${clv.p_zero_spend * 100}%` }} />
      </div>
      <p className="lead">
        <b>P(no spend) {percent(clv.p_zero_spend)}.</b> Spend has an atom at 0, so p05–p95 covers more than 90 %: it is
        a range of outcomes for this one customer, not the uncertainty of the mean.
      </p>
    </Panel>
  );
}
