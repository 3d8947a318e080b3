// One customer at one moment: how likely to come back, worth how much, and every event behind it. The slider asks the same of any moment.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type ReactNode, useMemo } from 'react';
import { useMay, useMe } from '../account.ts';
import { AliveChart } from '../charts/alive-chart.tsx';
import { DAY_MS, dayMs, dayOfMs } from '../charts/axes.ts';
import { aliveForecast, purchaseModelOf } from '../charts/forecast.ts';
import { Refused } from '../client.ts';
import { AsOfSlider } from '../components/as-of-slider.tsx';
import { ChartPanel } from '../components/chart-panel.tsx';
import { CopyButton } from '../components/copy.tsx';
import { Kpi, Panel } from '../components/panel.tsx';
import { isBand, Risk } from '../components/risk.tsx';
import { ErrorState, Note, SignInState, Skeleton, State } from '../components/states.tsx';
import { Timeline } from '../components/timeline.tsx';
import { ValuePanel } from '../components/value-panel.tsx';
import { curlGet } from '../curl.ts';
import {
  ABSENT,
  clock,
  count,
  counted,
  day,
  days,
  daysBetween,
  decimal,
  money,
  moneyInterval,
  percent,
  position,
  splitUnit,
} from '../format.ts';
import { useOnAdvance, useTitle } from '../hooks.ts';
import { type Customer, customerQuery, modelQuery, queryClient, scoreQuery } from '../queries.ts';
import { reasonWords } from '../reasons.ts';
import { PriorView } from './prior.tsx';

const PLOT_HEIGHT = 236;
const LIVE_MS = 1_000;
/** Fewer repeat purchases than this and the figure leans on other customers: marks are hollow. */
const SETTLED = 2;

/** The local day an answer was read at: where its curve ends. */
const dayOf = (customer: Customer): string =>
  customer.p_alive_series.at(-1)?.day ?? customer.as_of.at?.slice(0, 10) ?? dayOfMs(Date.now());

function ordersOf(customer: Customer) {
  return customer.timeline
    .filter((entry) => entry.type === 'order')
    .map((entry) => ({ day: entry.day, amount: entry.amount === null ? null : Number(entry.amount) }));
}

function lastOrder(customer: Customer): string {
  if (customer.last_day === null) return 'no order';
  const ago = daysBetween(customer.last_day, dayOf(customer));
  return ago === 0 ? 'last order on this day' : `last order ${days(ago)} ago`;
}

function Figures({ customer, past }: { customer: Customer; past: boolean }) {
  const { churn, clv, currency } = customer;
  const fades = !past;
  const refused = reasonWords(customer.not_applicable.churn?.reason ?? 'no-model');
  const none: readonly [string, string] = [ABSENT, ''];
  return (
    <div className="kpis top">
      <Kpi
        name="Churn risk"
        unit={`${churn?.horizon_days ?? 90} d`}
        value={churn ? splitUnit(percent(churn.p_churn)) : none}
        title="P(no purchase within the horizon)"
        interval={churn ? 'interval not estimated' : refused}
        fades={fades}
      />
      <Kpi
        name="P(alive)"
        value={churn ? splitUnit(percent(churn.p_alive)) : none}
        title="The probability of still being a customer at all"
        interval={churn ? 'interval not estimated' : refused}
        fades={fades}
      />
      <Kpi
        name="CLV"
        unit={`${clv?.months ?? 12} mo, p05–p95`}
        value={clv ? splitUnit(money(clv.clv_mean, currency, 'figure')) : none}
        interval={
          clv
            ? moneyInterval(clv.clv_p05, clv.clv_p95, currency)
            : reasonWords(customer.not_applicable.clv?.reason ?? 'no-model')
        }
        fades={fades}
      />
      <Kpi
        name="Expected orders"
        unit={`${clv?.months ?? 12} mo`}
        value={clv ? [decimal(clv.expected_purchases), ''] : none}
        interval={clv ? `P(none) ${percent(clv.p_zero_spend, 0)}` : refused}
        fades={fades}
      />
      <Kpi
        name="Orders"
        unit="so far"
        value={[count(customer.orders), '']}
        interval={counted(customer.frequency, 'repeat day')}
        fades={fades}
      />
      <Kpi
        name="Net revenue"
        unit="so far"
        value={splitUnit(money(customer.net, currency, 'figure'))}
        interval={lastOrder(customer)}
        fades={fades}
      />
    </div>
  );
}

function AlivePanel({ customer, present, hollow }: { customer: Customer; present: Customer; hollow: boolean }) {
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
            <span className="key tickkey" /> {count(orders.length)} {orders.length === 1 ? 'order' : 'orders'}, height
            by amount
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

function Provenance({ customer, past }: { customer: Customer; past: boolean }) {
  const mayPredict = useMay('predict');
  const score = useQuery({
    ...scoreQuery(customer),
    enabled: mayPredict && !customer.masked && customer.churn !== null,
  });
  const zone = useMe()?.workspace.zone ?? 'UTC';
  const id = score.data?.score_id ?? null;
  return (
    <Panel title="How this was read" span="c4" className="snug">
      <dl className="kv">
        <dt>Log position</dt>
        <dd className="mono">{position(customer.as_of.seq)}</dd>
        <dt>Moment</dt>
        <dd>
          {customer.as_of.at ? `${day(dayOf(customer))}${past ? '' : `, ${clock(customer.as_of.at, zone)}`}` : ABSENT}
        </dd>
        <dt>Model</dt>
        <dd className="mono">{customer.model?.id ?? ABSENT}</dd>
        <dt>Repeat days x</dt>
        <dd>{count(customer.frequency)}</dd>
        <dt>Recency t_x</dt>
        <dd>
          {customer.first_day && customer.last_day ? days(daysBetween(customer.first_day, customer.last_day)) : ABSENT}
        </dd>
        <dt>Age T</dt>
        <dd>{customer.first_day ? days(daysBetween(customer.first_day, dayOf(customer))) : ABSENT}</dd>
        <dt>Further ids</dt>
        <dd>{count(customer.linked)}</dd>
      </dl>
      <div className="acts">
        <CopyButton
          icon="link"
          label="Copy score id"
          text={id ?? ''}
          disabled={
            id
              ? undefined
              : customer.masked
                ? 'Needs a role that sees customer ids (Analyst, Product manager, Administrator)'
                : 'No score at this moment'
          }
        />
      </div>
    </Panel>
  );
}

function Content({
  customer,
  present,
  asOf,
  stale,
}: {
  customer: Customer;
  present: Customer;
  asOf: string | undefined;
  stale: ReactNode;
}) {
  const navigate = useNavigate({ from: '/customers/$id' });
  const past = asOf !== undefined;
  const now = dayOf(present);
  const at = dayOf(customer);
  const hollow = customer.frequency < SETTLED;
  const bought = customer.first_day !== null;
  const eventDays = useMemo(() => [...new Set(present.timeline.map((entry) => entry.day))], [present.timeline]);
  const begin = eventDays.reduce((least, one) => (one < least ? one : least), now);
  const presentOrders = useMemo(() => ordersOf(present), [present]);
  return (
    <>
      <div className="head">
        <Link className="crumb" to="/customers">
          Customers
        </Link>
        <span className="crumb">/</span>
        <h1 className="mono">{customer.customer_id}</h1>
        {customer.churn && isBand(customer.churn.band) && <Risk band={customer.churn.band} tag />}
        {customer.masked && <span className="chip">id masked for your role</span>}
        {customer.anonymous && <span className="chip">anonymous</span>}
        <span className="sp" />
        <CopyButton
          ghost
          label="Copy as curl"
          text={() => curlGet(`/api/customers/${customer.ref}${asOf ? `?as_of=${encodeURIComponent(asOf)}` : ''}`)}
        />
        <CopyButton
          icon="link"
          label="Permalink"
          text={() => `${location.origin}/customers/${customer.ref}?as_of=${asOf ?? customer.as_of.seq}`}
        />
      </div>
      {stale}
      {customer.churn && customer.frequency < SETTLED && (
        <Note>
          <b>Prior-led, n {customer.frequency + 1}.</b>{' '}
          {customer.frequency === 0 ? 'One purchase day' : 'Two purchase days'} so far; the figures lean on what other
          customers did.
        </Note>
      )}
      {!bought && (
        <Note>
          <b>No purchase {past ? 'by this moment' : 'yet'}.</b> There is nothing to predict from; the events stand
          below.
        </Note>
      )}
      <div className="grid">
        <section className="panel c12" aria-label="Figures">
          <Figures customer={customer} past={past} />
          <div className="slide">
            <div className="sl-l">
              <span className="m">As of</span>
              <span className="num t2 s12">{day(at)}</span>
              <span className="mono t3">{position(customer.as_of.seq)}</span>
              <span className="sp" />
              <span className="t3 s12 hide">drag to read this page as it was · ← → by event, with shift by day</span>
              <button
                type="button"
                className="ctl"
                disabled={!past}
                onClick={() => void navigate({ search: {}, replace: true })}
              >
                Present
              </button>
            </div>
            <AsOfSlider
              from={begin}
              until={now}
              value={at}
              events={eventDays}
              orders={presentOrders}
              onChange={(to) =>
                void navigate({ search: to >= now ? {} : { as_of: to }, replace: true, resetScroll: false })
              }
            />
          </div>
        </section>
        {bought && <AlivePanel customer={customer} present={present} hollow={hollow} />}
        {bought && (
          <ValuePanel
            clv={customer.clv}
            refused={customer.not_applicable.clv}
            currency={customer.currency}
            hollow={hollow}
          />
        )}
        <Timeline entries={customer.timeline} total={customer.timeline_total} />
        <Provenance customer={customer} past={past} />
      </div>
    </>
  );
}

export function CustomerView() {
  const { id } = useParams({ from: '/shell/customers/$id' });
  const { as_of: asOf } = useSearch({ from: '/shell/customers/$id' });
  const me = useMe();
  const maySee = useMay('customer:read');
  const present = useQuery({ ...customerQuery(id, undefined), enabled: maySee });
  const then = useQuery({ ...customerQuery(id, asOf), enabled: maySee && asOf !== undefined });
  const shown = asOf === undefined ? present : then;
  useOnAdvance(
    () => void queryClient.invalidateQueries({ queryKey: ['customer', id, 'now'] }),
    LIVE_MS,
    asOf === undefined,
  );
  useTitle(present.data && !present.data.masked ? present.data.customer_id : 'Customer');
  if (me && !maySee)
    return (
      <section className="panel" aria-label="Customer">
        {me.user ? (
          <ErrorState error={new Error('Your role may not see customers.')} />
        ) : (
          <SignInState what="customers" />
        )}
      </section>
    );
  const failed = [present, shown].find((query) => query.isError && !query.data);
  if (failed?.error instanceof Refused && failed.error.reason === 'not-found') return <PriorView id={id} />;
  if (failed?.error)
    return (
      <section className="panel" aria-label="Customer">
        <ErrorState error={failed.error} retry={() => void failed.refetch()} />
      </section>
    );
  if (!present.data || !shown.data)
    return (
      <div className="grid">
        <section className="panel c12" aria-label="Loading">
          <div className="body">
            <Skeleton height={150} />
          </div>
        </section>
        <section className="panel c8" aria-label="Loading">
          <div className="body">
            <Skeleton height={PLOT_HEIGHT} />
          </div>
        </section>
        <section className="panel c4" aria-label="Loading">
          <div className="body">
            <Skeleton rows={7} />
          </div>
        </section>
      </div>
    );
  const stale = shown.isError && (
    <Note tone="warn">
      <b>Stale since {clock(shown.dataUpdatedAt)}.</b> {shown.error.message}; the older figures stay.
    </Note>
  );
  return (
    <div className={shown.isPlaceholderData ? 'dimmed' : undefined} aria-busy={shown.isFetching}>
      <Content customer={shown.data} present={present.data} asOf={asOf} stale={stale} />
    </div>
  );
}
