// Somebody the log knows nothing of: no blank, but what holds for a customer about whom only that is known.
import { useQuery } from '@tanstack/react-query';
import { Kpi } from '../components/panel.tsx';
import { Note, Skeleton } from '../components/states.tsx';
import { decimal, money, moneyInterval, percent, splitUnit } from '../format.ts';
import { priorQuery } from '../queries.ts';

export function PriorFigures({ id }: { id: string }) {
  const prior = useQuery(priorQuery(id));
  if (prior.isPending) return <Skeleton height={70} />;
  if (prior.isError) return <p className="t3 center">{prior.error.message}</p>;
  const [churn, clv] = prior.data;
  return (
    <div className="body">
      <Note>
        <b>Prior-led, n 0.</b> What holds for a customer the day they are first met; everything leans on the others.
      </Note>
      <div className="kpis k3 hollowed">
        <Kpi
          name="Churn risk"
          unit={`${churn.horizon_days} d`}
          value={splitUnit(percent(churn.p_churn))}
          interval="interval not estimated"
        />
        <Kpi
          name="Expected orders"
          unit={`${clv.months} months`}
          value={[decimal(clv.expected_purchases, 2), '']}
          interval="interval not estimated"
        />
        <Kpi
          name="CLV"
          unit={`${clv.months} months, p05–p95`}
          value={splitUnit(money(clv.clv_mean, clv.currency, 'figure'))}
          interval={moneyInterval(clv.clv_p05, clv.clv_p95, clv.currency)}
        />
      </div>
    </div>
  );
}
