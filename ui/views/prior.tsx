// Somebody the log knows nothing of: no blank, but what holds for a customer about whom only that is known.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Kpi } from '../components/panel.tsx';
import { Note, Skeleton, State } from '../components/states.tsx';
import { decimal, money, moneyInterval, percent, splitUnit } from '../format.ts';
import { priorQuery } from '../queries.ts';

export function PriorView({ id }: { id: string }) {
  const prior = useQuery(priorQuery(id));
  const [churn, clv] = prior.data ?? [];
  return (
    <>
      <div className="head">
        <Link className="crumb" to="/customers">
          Customers
        </Link>
        <span className="crumb">/</span>
        <h1 className="mono">{id}</h1>
      </div>
      <section className="panel" aria-label="Unknown customer">
        <div className="body">
          <State
            icon="customers"
            title="No event of this customer is known"
            actions={
              <Link className="ctl" to="/customers" search={{ q: id.slice(0, Math.max(1, id.length - 2)) }}>
                Search ids like it
              </Link>
            }
          >
            <p>Perhaps the id is written differently, or the customer was erased.</p>
          </State>
          {prior.isPending && !id.startsWith('sid:') && <Skeleton height={70} />}
          {churn && clv && (
            <>
              <Note>
                <b>Prior-led, n 0.</b> What holds for a customer the day they are first met; everything leans on the
                others.
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
            </>
          )}
          {prior.isError && <p className="t3 center">{prior.error.message}</p>}
        </div>
      </section>
    </>
  );
}
