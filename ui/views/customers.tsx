// All customers, searched and sorted by the server. The address carries the order and the page; what is searched for may be an id, so it stays in
// the history entry (reload and back restore it, a copied link does not carry it). Rows never move under the pointer: what arrived since is
// offered, not slipped in.
import { useQuery } from '@tanstack/react-query';
import { Link, useLocation, useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { useMay, useMe } from '../account.ts';
import { CopyButton } from '../components/copy.tsx';
import { CustomerTable } from '../components/customer-table.tsx';
import { ExportTable } from '../components/export-table.tsx';
import { Icon } from '../components/icon.tsx';
import { ErrorState, NotAllowed, Note, Skeleton, State } from '../components/states.tsx';
import { curlGet, curlPost } from '../curl.ts';
import { csv, download } from '../download.ts';
import { clock, count, counted } from '../format.ts';
import { useDebounced, useOnAdvance, useTitle } from '../hooks.ts';
import { useLive } from '../live.ts';
import { kindOf, useKnown } from '../people.ts';
import { type CustomerPage, customersQuery, PAGE_ROWS } from '../queries.ts';
import { stringifySearch } from '../routes.ts';
import { PriorFigures } from './prior.tsx';

const EMPTY_MS = 1_000;

declare module '@tanstack/react-router' {
  interface HistoryState {
    q?: string;
  }
}

/** What is typed, and what is asked: the history entry follows when typing rests. */
function SearchField({ q, onSearch }: { q: string | undefined; onSearch: (q: string | undefined) => void }) {
  const [text, setText] = useState(q ?? '');
  const settled = useDebounced(text.trim(), 250);
  const asked = useRef(q ?? '');
  // Back and forward change the entry, and the field with it.
  if ((q ?? '') !== asked.current && settled === asked.current) {
    asked.current = q ?? '';
    setText(q ?? '');
  }
  useEffect(() => {
    if (settled === asked.current) return;
    asked.current = settled;
    onSearch(settled === '' ? undefined : settled);
  }, [settled, onSearch]);
  return (
    <label className="field">
      <Icon name="search" small />
      <span className="sr">Search customers</span>
      <input
        type="search"
        placeholder="Beginning of a customer id"
        value={text}
        maxLength={256}
        onChange={(event) => setText(event.target.value)}
      />
    </label>
  );
}

/** How many events came after the page was read. */
function useNewer(readAt: number): number {
  const { counters, state } = useLive();
  const at = useRef({ readAt: 0, events: 0 });
  if (counters && at.current.readAt !== readAt) at.current = { readAt, events: counters.events };
  return counters && state === 'live' && at.current.readAt === readAt
    ? Math.max(0, counters.events - at.current.events)
    : 0;
}

const asCsv = (page: CustomerPage): string =>
  csv(
    [
      'customer_id',
      'last_day',
      'orders',
      'net',
      'currency',
      'p_alive',
      'p_churn',
      'horizon_days',
      'churn_model',
      'band',
      'clv_mean',
      'clv_p05',
      'clv_p95',
      'plan',
      'price',
      'price_currency',
      'contract_since',
      'contract_days',
      'contract_ended',
    ],
    page.items.map((row) => [
      row.customer_id,
      row.last_day,
      row.orders,
      row.net,
      row.currency,
      row.p_alive,
      row.p_churn,
      row.horizon_days,
      row.churn_model,
      row.band,
      row.clv_mean,
      row.clv_p05,
      row.clv_p95,
      row.subscription?.plan ?? null,
      row.subscription?.price ?? null,
      row.subscription?.currency ?? null,
      row.subscription?.since ?? null,
      row.subscription?.days ?? null,
      row.subscription?.ended ?? null,
    ]),
  );

function Empty({ q, total }: { q: string | undefined; total: number }) {
  const identified = useMay('customer:read-identified');
  if (q)
    return (
      <State
        icon="search"
        title={`No customer id begins with ${q}`}
        actions={
          <Link className="ctl" to="/customers" search={{}}>
            Show all
          </Link>
        }
      >
        <p>
          {identified
            ? 'Ids are compared letter by letter, capitals included.'
            : 'Ids are masked for your role: only a whole id finds its customer.'}
        </p>
      </State>
    );
  return (
    <State icon="empty" title={total === 0 ? 'No customers yet' : 'No customer has a score yet'}>
      <p>
        {total === 0
          ? 'Import purchases or send an event; the first one makes a customer.'
          : 'This order follows scores, and none is written yet. Sort by last purchase meanwhile.'}
      </p>
    </State>
  );
}

export function CustomersView() {
  useTitle('Customers');
  const { sort: chosen, cursor } = useSearch({ from: '/shell/customers' });
  const q = useLocation({ select: ({ state }) => state.q });
  const navigate = useNavigate({ from: '/customers' });
  const me = useMe();
  const maySee = useMay('customer:read');
  const known = useKnown();
  const kind = (known && kindOf(known)) ?? 'buyers';
  // Subscribers have no last purchase to be sorted by.
  const sort = chosen ?? (kind === 'subscribers' ? 'p_churn' : 'last_day');
  const page = useQuery({ ...customersQuery({ q, sort, cursor }), enabled: maySee && known !== undefined });
  const newer = useNewer(page.dataUpdatedAt);
  // An empty page has no rows that could move: it follows by itself.
  useOnAdvance(() => void page.refetch(), EMPTY_MS, !q && page.data?.items.length === 0);
  const [onSearch] = useState(
    () => (next: string | undefined) =>
      void navigate({
        search: (old) => ({ ...old, cursor: undefined }),
        state: next === undefined ? {} : { q: next },
        replace: true,
      }),
  );
  if (me && !maySee) return <NotAllowed title="Customers" what="customers" />;
  const { data } = page;
  const shown = data?.items.length ?? 0;
  return (
    <div className="fill">
      <div className="head">
        <h1>Customers</h1>
        {data && (
          <span className="chip num" data-total={data.total}>
            {q ? (
              <>
                <b>{count(shown)}</b> of {count(data.total)}
              </>
            ) : (
              <b>{count(data.total)}</b>
            )}
          </span>
        )}
        {data && !data.model && data.churn_models.length === 0 && (
          <span className="chip warn">No model is in force</span>
        )}
        {newer > 0 && (
          <button type="button" className="chip on" onClick={() => void page.refetch()}>
            {counted(newer, 'new event')}, show
          </button>
        )}
        <span className="sp" />
        <SearchField q={q} onSearch={onSearch} />
        <CopyButton
          ghost
          label="Copy as curl"
          text={() =>
            q
              ? curlPost('/api/customers/search', { q, limit: PAGE_ROWS })
              : curlGet(`/api/customers${stringifySearch({ sort, cursor, limit: PAGE_ROWS })}`)
          }
        />
        <button
          type="button"
          className="ctl hide"
          disabled={!data || shown === 0}
          onClick={() => data && download('customers.csv', asCsv(data))}
        >
          <Icon name="download" small />
          CSV, {count(shown)} rows
        </button>
        {data && data.total > 0 && <ExportTable table="customers" />}
      </div>
      {page.isError && data && (
        <Note tone="warn">
          <b>Stale since {clock(page.dataUpdatedAt)}.</b> {page.error.message}; the older rows stay.
        </Note>
      )}
      <section className="panel list" aria-label="Customers" aria-busy={page.isFetching}>
        {page.isPending ? (
          <div className="body">
            <Skeleton rows={12} />
          </div>
        ) : !data ? (
          <ErrorState error={page.error} retry={() => void page.refetch()} />
        ) : shown === 0 ? (
          <>
            <Empty q={q} total={data.total} />
            {q && data.model && !page.isPlaceholderData && <PriorFigures id={q} />}
          </>
        ) : (
          <CustomerTable
            rows={data.items}
            of={kind}
            sort={sort}
            sortable={!q}
            today={data.as_of.at}
            dimmed={page.isPlaceholderData}
            onSort={(next) => void navigate({ search: { sort: next } })}
            onOpen={(ref) => void navigate({ to: '/customers/$ref', params: { ref } })}
          />
        )}
        {data && (cursor || data.next) && (
          <div className="foot">
            <span className="t3">{count(shown)} rows on this page</span>
            <span className="sp" />
            {cursor && (
              <Link className="ctl" to="/customers" search={{ sort }}>
                First page
              </Link>
            )}
            {data.next && (
              <Link className="ctl" to="/customers" search={{ sort, cursor: data.next }} resetScroll>
                Next {count(PAGE_ROWS)}
                <Icon name="next" small />
              </Link>
            )}
          </div>
        )}
      </section>
    </div>
  );
}
