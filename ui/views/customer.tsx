// One customer at one moment: how likely to come back, worth how much, and every event behind it. The slider asks the same of any moment.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type ReactNode, useMemo } from 'react';
import { useMay, useMe } from '../account.ts';
import { Refused } from '../client.ts';
import { AheadPanel } from '../components/ahead-panel.tsx';
import { AlivePanel, PLOT_HEIGHT } from '../components/alive-panel.tsx';
import { AsOfSlider } from '../components/as-of-slider.tsx';
import { CopyButton } from '../components/copy.tsx';
import { CustomerFigures } from '../components/customer-figures.tsx';
import { Provenance } from '../components/provenance.tsx';
import { isBand, Risk } from '../components/risk.tsx';
import { ErrorState, NotAllowed, Note, Skeleton, State } from '../components/states.tsx';
import { SubscriberFigures } from '../components/subscriber-figures.tsx';
import { Timeline } from '../components/timeline.tsx';
import { ValuePanel } from '../components/value-panel.tsx';
import { WhyPanel } from '../components/why-panel.tsx';
import { curlGet } from '../curl.ts';
import { dayOf, ordersOf } from '../customer-moment.ts';
import { clock, day, position } from '../format.ts';
import { useOnAdvance, useTitle } from '../hooks.ts';
import { type Customer, customerQuery, queryClient } from '../queries.ts';

const LIVE_MS = 1_000;
/** Fewer repeat purchases than this and the figure leans on other customers: marks are hollow. */
const SETTLED = 2;

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
  const navigate = useNavigate({ from: '/customers/$ref' });
  const past = asOf !== undefined;
  const now = dayOf(present);
  const at = dayOf(customer);
  const hollow = customer.frequency < SETTLED;
  const bought = customer.first_day !== null;
  const contract = customer.definition.kind === 'contractual';
  const curve = contract && customer.ahead !== null && (customer.churn !== null || customer.ahead.points.length > 0);
  /** By a model of features: it can be taken apart, and knows nothing of P(alive). */
  const byFeatures = contract || (customer.churn !== null && customer.churn.p_alive === null);
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
      {customer.churn && !byFeatures && customer.frequency < SETTLED && (
        <Note>
          <b>Prior-led, n {customer.frequency + 1}.</b>{' '}
          {customer.frequency === 0 ? 'One purchase day' : 'Two purchase days'} so far; the figures lean on what other
          customers did.
        </Note>
      )}
      {customer.caveat !== null && <Note tone="warn">{customer.caveat}.</Note>}
      {!bought && !contract && (
        <Note>
          <b>No purchase {past ? 'by this moment' : 'yet'}.</b> There is nothing to predict from; the events stand
          below.
        </Note>
      )}
      <div className="grid">
        <section className="panel c12" aria-label="Figures">
          {contract ? (
            <SubscriberFigures customer={customer} past={past} />
          ) : (
            <CustomerFigures customer={customer} past={past} />
          )}
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
              asked={asOf ?? now}
              events={eventDays}
              orders={presentOrders}
              onChange={(to) =>
                void navigate({ search: to >= now ? {} : { as_of: to }, replace: true, resetScroll: false })
              }
            />
          </div>
        </section>
        {byFeatures && <WhyPanel customer={customer} span={curve ? 'c6' : 'c12'} />}
        {curve && <AheadPanel customer={customer} height={PLOT_HEIGHT} />}
        {bought && !contract && (
          <>
            <AlivePanel customer={customer} present={present} hollow={hollow} />
            <ValuePanel
              clv={customer.clv}
              refused={customer.not_applicable.clv}
              currency={customer.currency}
              hollow={hollow}
            />
          </>
        )}
        <Timeline entries={customer.timeline} total={customer.timeline_total} />
        <Provenance customer={customer} past={past} />
      </div>
    </>
  );
}

export function CustomerView() {
  const { ref } = useParams({ from: '/shell/customers/$ref' });
  const { as_of: asOf } = useSearch({ from: '/shell/customers/$ref' });
  const me = useMe();
  const maySee = useMay('customer:read');
  const present = useQuery({ ...customerQuery(ref, undefined), enabled: maySee });
  const then = useQuery({ ...customerQuery(ref, asOf), enabled: maySee && asOf !== undefined });
  const shown = asOf === undefined ? present : then;
  useOnAdvance(
    () => void queryClient.invalidateQueries({ queryKey: ['customer', ref, 'now'] }),
    LIVE_MS,
    asOf === undefined,
  );
  useTitle(present.data && !present.data.masked ? present.data.customer_id : 'Customer');
  if (me && !maySee) return <NotAllowed title="Customer" what="customers" />;
  const failed = [present, shown].find((query) => query.isError && !query.data);
  if (failed?.error instanceof Refused && failed.error.reason === 'not-found')
    return (
      <section className="panel" aria-label="Unknown customer">
        <State
          icon="customers"
          title="No event of this customer is known"
          actions={
            <Link className="ctl pri" to="/customers">
              All customers
            </Link>
          }
        >
          <p>The reference in the address belongs to another workspace, or was cut short.</p>
        </State>
      </section>
    );
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
