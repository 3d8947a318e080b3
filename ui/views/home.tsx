// What it is, whether it is alive, and one plot that shows whether the model can be believed. Visitors of a demo see it too: totals only.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMay, useMe } from '../account.ts';
import { trackingError } from '../charts/tracking.ts';
import { TrackingChart } from '../charts/tracking-chart.tsx';
import { ChartPanel } from '../components/chart-panel.tsx';
import { Icon } from '../components/icon.tsx';
import { Kpi, Panel } from '../components/panel.tsx';
import { ErrorState, Note, SignInState, Skeleton } from '../components/states.tsx';
import { TryOut } from '../components/try-out.tsx';
import { ABSENT, asOf, clock, count, counted, day, percent, perSecond, position, splitUnit } from '../format.ts';
import { useTitle } from '../hooks.ts';
import { type Counters, useLive } from '../live.ts';
import { type Home, homeQuery, readyQuery } from '../queries.ts';
import { NoData, Seeding, TooEarly } from './seeding.tsx';

const CATCH_UP_MS = 2_000;
const PLOT_HEIGHT = 380;

/** Of buyers, or where nobody has bought of subscribers. */
function ChurnRate({ home }: { home: Home }) {
  const { churn_rate: ofBuyers, subscribers_churn: ofSubscribers } = home;
  if (ofBuyers === null && ofSubscribers !== null)
    return (
      <Kpi
        name="Churn rate"
        unit={`${ofSubscribers.horizon_days} d, expected`}
        value={splitUnit(percent(ofSubscribers.rate))}
        title={`Mean of P(lost within ${ofSubscribers.horizon_days} days) over all who are under contract, by ${ofSubscribers.model}`}
        interval={`n ${count(ofSubscribers.customers)} under contract`}
      />
    );
  return (
    <Kpi
      name="Churn rate"
      unit={`${home.horizon_days} d, expected`}
      value={splitUnit(percent(ofBuyers))}
      title={`Mean of P(no purchase within ${home.horizon_days} days) over all who have bought`}
      interval={
        ofBuyers !== null
          ? ofSubscribers === null
            ? `n ${count(home.buyers)} · interval not estimated`
            : `of buyers; subscribers ${percent(ofSubscribers.rate)} in ${ofSubscribers.horizon_days} d`
          : home.model
            ? 'fewer than ten customers'
            : home.buyers === 0 && home.subscribers !== 0
              ? 'no model of subscriptions yet'
              : 'no model of purchases yet'
      }
    />
  );
}

function Figures({ home, counters }: { home: Home; counters: Counters | null }) {
  const { events, orders, seq, at } = counters ?? { ...home, seq: home.as_of.seq, at: home.as_of.at };
  const customers = counters && home.customers !== null ? counters.customers : home.customers;
  const zone = useMe()?.workspace.zone ?? 'UTC';
  return (
    <section className="panel c12" aria-label="Counters">
      <div className="kpis k5">
        <Kpi name="Events" unit="in the log" value={splitUnit(count(events))} interval={counted(orders, 'order')} />
        <Kpi
          name="Events per second"
          value={[perSecond(counters?.events_per_second ?? home.events_per_second), '']}
          interval="mean of the last 5 s"
        />
        <Kpi
          name="Customers"
          value={splitUnit(customers === null ? '< 10' : count(customers))}
          interval={customers === null ? 'fewer than ten are not counted out' : 'known by an event'}
        />
        <ChurnRate home={home} />
        <Kpi
          name="Log position"
          value={[position(seq), '']}
          interval={at === null ? 'the log is empty' : asOf(seq, at, zone).split(' · ')[1]}
        />
      </div>
    </section>
  );
}

function TrackingPanel({ home }: { home: Home }) {
  const { tracking, model } = home;
  const off = trackingError(tracking);
  const until = home.as_of.at?.slice(0, 10) ?? tracking.days.at(-1) ?? new Date().toISOString().slice(0, 10);
  const columns = [
    { name: 'week to', values: tracking.days },
    { name: 'actual', values: tracking.actual },
    ...(tracking.expected ? [{ name: 'expected', values: tracking.expected }] : []),
    ...(tracking.truth ? [{ name: 'truth', values: tracking.truth }] : []),
  ];
  return (
    <ChartPanel
      title="Does the model track?"
      unit="cumulative repeat purchases, weekly"
      span="c8"
      height={PLOT_HEIGHT}
      file="tracking.csv"
      definition={`Repeat purchases since the first customer, counted at the end of each whole week. Expected: what the purchase model in force says of the same customers from their first day on, knowing nothing else of them.${tracking.truth ? ' Truth: the same with the parameters the demo was generated from, which no model has seen.' : ''} Weeks with fewer than ten customers are left out.`}
      table={{
        head: columns.map(({ name }) => name),
        rows: tracking.days.map((_, week) => columns.map(({ values }) => values[week] ?? null)),
        show: (value) => (typeof value === 'string' ? day(value) : count(value)),
      }}
      chart={(size) => <TrackingChart data={tracking} asOf={until} {...size} />}
      foot={
        <>
          <span>
            {off === null ? (
              'No model of purchases is in force'
            ) : (
              <>
                Model <b className="m">{percent(Math.abs(off))}</b> {off < 0 ? 'below' : 'above'} actual at the last
                whole week
              </>
            )}
          </span>
          <span className="sp" />
          {model && <span className="t3 mono">{model.id}</span>}
          <span className="t3">n {home.buyers === null ? '< 10' : count(home.buyers)}</span>
        </>
      }
    />
  );
}

function Status({ home }: { home: Home }) {
  const ready = useQuery(readyQuery);
  const { state } = useLive();
  const version = useMe()?.version;
  const word = ready.isError ? 'does not answer' : ready.data?.status === 'ready' ? 'ready' : 'not ready';
  return (
    <Panel title="Status" span="c4" className="snug">
      <dl className="kv">
        <dt>Service</dt>
        <dd className={ready.data?.status === 'ready' ? 'good' : 'warn'}>{ready.isPending ? '…' : word}</dd>
        <dt>Live stream</dt>
        <dd>{state}</dd>
        <dt>{home.models_in_force.length > 1 ? 'Models in force' : 'Model in force'}</dt>
        <dd className="mono">
          {home.models_in_force.length === 0
            ? ABSENT
            : home.models_in_force.map((id) => (
                <span key={id} className="line">
                  {id}
                </span>
              ))}
        </dd>
        <dt>Clock</dt>
        <dd>{home.clock === 'log' ? 'the log’s' : 'the wall’s'}</dd>
        <dt>Version</dt>
        <dd className="mono">{version ?? ABSENT}</dd>
      </dl>
    </Panel>
  );
}

function Content() {
  const { counters } = useLive();
  const demo = useMe()?.workspace.demo ?? false;
  const isFilling = (data: Home | undefined) =>
    demo && data !== undefined && (data.model === null || data.churn_rate === null);
  const home = useQuery({
    ...homeQuery,
    // The API keeps its totals for some seconds, so an answer may be older than the log: it is asked again until it has caught up.
    refetchInterval: ({ state: { data } }) =>
      isFilling(data) || (data && counters && data.as_of.seq < counters.seq) ? CATCH_UP_MS : false,
  });
  if (home.isPending)
    return (
      <div className="grid">
        <section className="panel c12" aria-label="Loading">
          <div className="body">
            <Skeleton height={62} />
          </div>
        </section>
        <section className="panel c8" aria-label="Loading">
          <div className="body">
            <Skeleton height={PLOT_HEIGHT + 40} />
          </div>
        </section>
      </div>
    );
  if (!home.data)
    return (
      <section className="panel" aria-label="Totals">
        <ErrorState error={home.error} retry={() => void home.refetch()} />
      </section>
    );
  const { data } = home;
  const events = counters?.events ?? data.events;
  return (
    <>
      {home.isError && (
        <Note tone="warn">
          <b>Stale since {clock(home.dataUpdatedAt)}.</b> {home.error.message}; the older figures stay.
        </Note>
      )}
      <div className="grid home">
        <Figures home={data} counters={counters} />
        {isFilling(data) ? (
          <Seeding home={data} counters={counters} />
        ) : events === 0 ? (
          <NoData />
        ) : data.tracking.actual.every((value) => value === null) ? (
          <TooEarly customers={data.customers} orders={data.orders} />
        ) : (
          <TrackingPanel home={data} />
        )}
        <div className="c4 stack">
          <TryOut subscribersOnly={data.model === null && data.buyers === 0 && data.subscribers !== 0} />
          <Status home={data} />
        </div>
      </div>
    </>
  );
}

export function HomeView() {
  useTitle('Home');
  const me = useMe();
  const mayRead = useMay('demo:read');
  const maySee = useMay('customer:read');
  return (
    <>
      <div className="hero">
        <div>
          <h1>Churn and customer lifetime value, from one event log.</h1>
          <p className="t2">
            Customers, orders and predictions are folded from the log, and a customer can be seen as of any earlier
            moment. Lifetime value comes with its p05–p95; no interval is drawn where none is estimated.
          </p>
        </div>
        <div className="acts">
          {maySee ? (
            <Link className="ctl pri" to="/customers">
              Open customers
            </Link>
          ) : (
            mayRead && (
              <Link className="ctl pri" to="/login">
                Sign in
              </Link>
            )
          )}
          <a className="ctl" href="/docs">
            <Icon name="docs" small />
            API documentation
          </a>
        </div>
      </div>
      {me?.needs_setup && !me.user && (
        <Note>
          <b>No Administrator yet.</b> Open the set-up link that the server printed when it started; there is no default
          account.
        </Note>
      )}
      {me && !mayRead ? (
        <section className="panel" aria-label="Totals">
          <SignInState what={`the workspace ${me.workspace.name}`} />
        </section>
      ) : (
        <Content />
      )}
    </>
  );
}
