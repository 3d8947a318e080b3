// The customer table: TanStack Table for columns, TanStack Virtual for rows. Order is the server's; a column that can be sorted has a button.
import { Link } from '@tanstack/react-router';
import { createColumnHelper, tableFeatures, useTable } from '@tanstack/react-table';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, useState } from 'react';
import { ABSENT, count, day, days, daysBetween, money, moneyInterval, percent } from '../format.ts';
import { inField } from '../hooks.ts';
import type { Kind } from '../people.ts';
import type { CustomerRow, Sort } from '../queries.ts';
import { reasonWords } from '../reasons.ts';
import { Icon } from './icon.tsx';
import { isBand, Risk, RiskBar } from './risk.tsx';

const features = tableFeatures({});
const column = createColumnHelper<typeof features, CustomerRow>();
const reasonOf = (row: CustomerRow) => (row.not_applicable === null ? undefined : reasonWords(row.not_applicable));
const Missing = ({ row }: { row: CustomerRow }) => (
  <span className="t3" title={reasonOf(row)}>
    {ABSENT}
  </span>
);

const columns = column.columns([
  column.accessor('customer_id', {
    header: 'Customer',
    cell: ({ row: { original: row } }) => (
      <Link
        className="mono idlink"
        to="/customers/$ref"
        params={{ ref: row.ref }}
        title={row.masked ? 'Your role sees masked ids' : undefined}
      >
        {row.customer_id}
      </Link>
    ),
  }),
  column.accessor('last_day', { header: 'Last purchase', cell: (cell) => day(cell.getValue()) }),
  column.accessor('orders', { header: 'Orders', cell: (cell) => count(cell.getValue()) }),
  column.accessor('net', {
    header: 'Net',
    cell: ({ row: { original: row } }) => money(row.net, row.currency),
  }),
  column.accessor('p_alive', {
    header: 'P(alive)',
    cell: ({ row: { original: row } }) => (row.p_alive === null ? <Missing row={row} /> : percent(row.p_alive, 0)),
  }),
  column.accessor('p_churn', {
    header: 'Churn risk',
    cell: ({ row: { original: row } }) =>
      row.p_churn === null || !isBand(row.band) ? (
        <span className="t3">{reasonOf(row) ?? ABSENT}</span>
      ) : (
        <span
          className="riskcell"
          title={`within ${row.horizon_days} days${row.churn_model ? `, by ${row.churn_model}` : ''}`}
        >
          <RiskBar share={row.p_churn} band={row.band} />
          <span className="num v">{percent(row.p_churn)}</span>
          <Risk band={row.band} />
        </span>
      ),
  }),
  column.accessor('clv_mean', {
    header: 'CLV, 12 months p05–p95',
    cell: ({ row: { original: row } }) =>
      row.clv_mean === null || row.clv_p05 === null || row.clv_p95 === null ? (
        <Missing row={row} />
      ) : (
        <>
          {money(row.clv_mean, row.currency, 'estimate')}{' '}
          <span className="iv">{moneyInterval(row.clv_p05, row.clv_p95, row.currency)}</span>
        </>
      ),
  }),
]);

/** `$70.35 a payment`: how often it is paid no event says. */
const price = ({ subscription }: CustomerRow): string =>
  subscription?.price ? money(Number(subscription.price), subscription.currency ?? '') : ABSENT;
const Ended = ({ on }: { on: string }) => <span className="t3">ended {day(on)}</span>;

const ofSubscriptions = column.columns([
  column.display({
    id: 'plan',
    header: 'Plan',
    cell: ({ row: { original: row } }) => row.subscription?.plan ?? <span className="t3">{ABSENT}</span>,
  }),
  column.display({ id: 'price', header: 'Price', cell: ({ row: { original: row } }) => price(row) }),
  column.display({
    id: 'tenure',
    header: 'Under contract',
    cell: ({ row: { original: row } }) => (row.subscription ? days(row.subscription.days) : ABSENT),
  }),
  column.display({
    id: 'state',
    header: 'State',
    cell: ({ row: { original: row } }) =>
      row.subscription === null ? (
        <span className="t3">{ABSENT}</span>
      ) : row.subscription.ended ? (
        <Ended on={row.subscription.ended} />
      ) : (
        'active'
      ),
  }),
]);
/** The same in one cell, where a list also has purchases to tell of. */
const inOneCell = column.display({
  id: 'subscription',
  header: 'Subscription',
  cell: ({ row: { original: row } }) =>
    row.subscription === null ? (
      <span className="t3">{ABSENT}</span>
    ) : (
      <>
        {row.subscription.plan ?? 'no plan named'}{' '}
        <span className="t2 num">
          {price(row)}, {days(row.subscription.days)}
        </span>{' '}
        {row.subscription.ended && <Ended on={row.subscription.ended} />}
      </>
    ),
});

const named = (names: readonly string[]) =>
  columns.filter((each) => 'accessorKey' in each && names.includes(String(each.accessorKey)));
/** By who there is: buyers have nothing to say of plans, subscribers nothing of purchases. */
const COLUMNS = {
  buyers: columns,
  subscribers: [...named(['customer_id']), ...ofSubscriptions, ...named(['p_churn'])],
  both: [...columns.slice(0, 1), inOneCell, ...columns.slice(1)],
};

const SORT_OF: Record<string, Sort | undefined> = {
  last_day: 'last_day',
  orders: 'orders',
  net: 'net',
  p_churn: 'p_churn',
  clv_mean: 'clv',
};
/** Right-aligned figures; what a narrow screen leaves out. */
const CLASS_OF: Record<string, string> = {
  last_day: 'hide',
  orders: 'r hide',
  net: 'r hide',
  p_alive: 'r hide',
  p_churn: 'rk',
  clv_mean: 'r clv',
  price: 'r hide',
  tenure: 'r hide',
  state: 'hide apart',
  subscription: 'hide',
};
const ROW_PX = 32;

/** Stands for the rows out of view. */
const Gap = ({ height }: { height: number }) => (
  <tr className="gap">
    <td colSpan={COLUMNS.both.length} style={{ height }} />
  </tr>
);

/** `j` and `k` move the mark, Enter opens it. */
function useRowKeys(size: number, open: (index: number) => void, show: (index: number) => void) {
  const [at, setAt] = useState(-1);
  const latest = useRef({ at, size, open, show });
  latest.current = { at, size, open, show };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (inField(event) || event.metaKey || event.ctrlKey || event.altKey || document.querySelector('dialog[open]'))
        return;
      const now = latest.current;
      const next = event.key === 'j' ? now.at + 1 : event.key === 'k' ? now.at - 1 : null;
      if (next !== null && next >= 0 && next < now.size) {
        setAt(next);
        now.show(next);
      } else if (event.key === 'Enter' && now.at >= 0 && event.target === document.body) now.open(now.at);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return at;
}

export function CustomerTable(props: {
  rows: CustomerRow[];
  /** Who there is. */
  of: Kind;
  sort: Sort;
  sortable: boolean;
  today: string | null;
  dimmed: boolean;
  onSort: (sort: Sort) => void;
  onOpen: (ref: string) => void;
}) {
  const { rows, today } = props;
  const table = useTable({ features, columns: COLUMNS[props.of], data: rows });
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 14,
    // Without a measured element (first paint) a screenful is drawn.
    initialRect: { width: 1000, height: 640 },
  });
  const at = useRowKeys(
    rows.length,
    (index) => rows[index] && props.onOpen(rows[index].ref),
    (index) => virtual.scrollToIndex(index),
  );
  const items = virtual.getVirtualItems();
  const before = items[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);
  const model = table.getRowModel().rows;
  return (
    <div ref={scroller} className={props.dimmed ? 'vscroll dimmed' : 'vscroll'}>
      <table className="customers" aria-rowcount={rows.length + 1}>
        <thead>
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id}>
              {group.headers.map((header) => {
                const sort = props.sortable ? SORT_OF[header.column.id] : undefined;
                const on = sort !== undefined && sort === props.sort;
                return (
                  <th
                    key={header.id}
                    scope="col"
                    className={CLASS_OF[header.column.id]}
                    aria-sort={on ? 'descending' : undefined}
                  >
                    {sort ? (
                      <button type="button" className={on ? 'sort on' : 'sort'} onClick={() => props.onSort(sort)}>
                        <table.FlexRender header={header} />
                        {on && <Icon name="down" small />}
                      </button>
                    ) : (
                      <table.FlexRender header={header} />
                    )}
                  </th>
                );
              })}
            </tr>
          ))}
        </thead>
        <tbody>
          {before > 0 && <Gap height={before} />}
          {items.map((item) => {
            const row = model[item.index]!;
            const { last_day: last } = row.original;
            return (
              <tr
                key={row.original.ref}
                ref={virtual.measureElement}
                data-index={item.index}
                aria-rowindex={item.index + 2}
                className={item.index === at ? 'hl' : undefined}
                title={last && today ? `last purchase ${daysBetween(last, today)} days ago` : undefined}
                onClick={(event) => {
                  // A click on the link itself is the browser's: it may want a new tab.
                  if (!(event.target as HTMLElement).closest('a')) props.onOpen(row.original.ref);
                }}
              >
                {row.getAllCells().map((cell) => (
                  <td key={cell.id} className={CLASS_OF[cell.column.id]}>
                    <table.FlexRender cell={cell} />
                  </td>
                ))}
              </tr>
            );
          })}
          {after > 0 && <Gap height={after} />}
        </tbody>
      </table>
    </div>
  );
}
