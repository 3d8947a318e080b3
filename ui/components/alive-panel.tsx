// P(alive) over the life of a customer, with what the model says will happen if no order comes.
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { AliveChart } from '../charts/alive-chart.tsx';
import { DAY_MS, dayMs, dayOfMs } from '../charts/axes.ts';
import { aliveForecast, purchaseModelOf } from '../charts/forecast.ts';
import { dayOf, ordersOf } from '../customer-moment.ts';
import { count, counted, day, percent } from '../format.ts';
import { type Customer, modelQuery } from '../queries.ts';
import { reasonWords } from '../reasons.ts';
import { ChartPanel } from './chart-panel.tsx';
import { Panel } from './panel.tsx';
import { State } from './states.tsx';

export const PLOT_HEIGHT = 236;

export function AlivePanel({ customer, present, hollow }: { customer: Customer; present: Customer; hollow: boolean }) {
  const model = useQuery(modelQuery(customer.model?.id));
  const asOf = dayOf(customer);
  const horizon = customer.churn?.horizon_days ?? 90;
  const ahead = dayOfMs(dayMs(asOf) + horizon * DAY_MS);
  const until = dayOfMs(Math.max(dayMs(dayOf(present)) + horizon * DAY_MS, dayMs(ahead)));
  const { first_day: first, last_day: last, frequency } = customer;
  const forecast = useMemo(() => {
    const purchases = model.data && purchaseModelOf(model.data.artefact);
    return purchases && first && last
      ? aliveForecast(purchases, { firstDay: first, lastDay: last, frequency }, asOf, ahead)
      : [];
  }, [model.data, first, last, frequency, asOf, ahead]);
  const orders = ordersOf(customer);
  if (!first) return null;
  if (customer.p_alive_series.length === 0)
    return (
      <Panel title="P(alive)" span="c8">
        <State icon="info" title="No curve for this customer">
          <p>Because {reasonWords(customer.not_applicable.churn?.reason ?? 'no-model')}.</p>
        </State>
      </Panel>
    );
  return (
    <ChartPanel
      title="P(alive)"
      unit={`%, falls between orders${forecast.length > 0 ? `, and on for ${horizon} d if none comes` : ''}`}
      span="c8"
      height={PLOT_HEIGHT}
      file="p-alive.csv"
      definition="The probability that the customer is still buying at all, from the days of their purchases alone. A customer may be alive and still not buy within the horizon, so churn risk is never 1 − P(alive). No interval is drawn: the uncertainty of the model’s parameters is not estimated yet."
      table={{
        head: ['day', 'P(alive)', 'churn risk', 'purchase days'],
        rows: customer.p_alive_series.map((point) => [point.day, point.p_alive, point.p_churn, point.purchases]),
        show: (value, column) =>
          typeof value === 'string' ? day(value) : column === 3 ? count(value) : percent(value),
      }}
      chart={(size) => (
        <AliveChart
          points={customer.p_alive_series}
          orders={orders}
          forecast={forecast}
          range={{ from: present.first_day ?? first, until, asOf }}
          {...size}
          hollow={hollow}
        />
      )}
      foot={
        <>
          <span>
            <span className="key tickkey" /> {counted(orders.length, 'order')}, height by amount
          </span>
          {forecast.length > 0 && (
            <span>
              <span className="key dotkey" /> in {horizon} d without an order{' '}
              <b className="m">{percent(forecast.at(-1)!.p_alive, 0)}</b>
            </span>
          )}
        </>
      }
    />
  );
}
