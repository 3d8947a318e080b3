// What happened to a customer, newest first; only the rows in view exist.
import { useVirtualizer } from '@tanstack/react-virtual';
import { useRef, useState } from 'react';
import { count, counted, day, money } from '../format.ts';
import type { Customer } from '../queries.ts';
import { Icon } from './icon.tsx';
import { Choice, Panel } from './panel.tsx';
import { State } from './states.tsx';

type Entry = Customer['timeline'][number];
const FILTERS = [
  ['all', 'All'],
  ['order', 'Orders'],
  ['refund', 'Refunds'],
  ['activity', 'Activity'],
] as const;
type Filter = (typeof FILTERS)[number][0];
const WORDS: Record<Entry['type'], string> = {
  order: 'Order',
  refund: 'Refund',
  activity: 'Activity',
  subscription: 'Subscription',
};
const ROW_PX = 28;
/** Of a customer with many events; one with two has no empty box below them. */
const HEIGHT_PX = 318;
const LEAST_ROWS = 4;

function Row({ entry }: { entry: Entry }) {
  const amount = entry.amount === null ? null : money(Number(entry.amount), entry.currency ?? '');
  return (
    <>
      <span className="tm num t3 s12">{day(entry.day)}</span>
      <span className={`ti ${entry.type}`}>
        <Icon name={entry.type} small />
      </span>
      <span className="tx">
        <span className="m">{entry.name ?? WORDS[entry.type]}</span>
        {entry.channel !== null && <span className="t2"> · {entry.channel}</span>}
        {entry.count > 1 && <span className="t2"> × {count(entry.count)}</span>}
        {entry.type === 'order' && amount === null && <span className="t3"> without money</span>}
      </span>
      {amount !== null && <span className={entry.type === 'refund' ? 'num t2' : 'num'}>{amount}</span>}
    </>
  );
}

export function Timeline({ entries, total }: { entries: readonly Entry[]; total: number }) {
  const [filter, setFilter] = useState<Filter>('all');
  const scroller = useRef<HTMLUListElement>(null);
  const shown = filter === 'all' ? entries : entries.filter((entry) => entry.type === filter);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 8,
    initialRect: { width: 600, height: 320 },
  });
  return (
    <Panel
      title="Timeline"
      unit={
        entries.length < total ? `newest ${count(entries.length)} of ${count(total)} events` : counted(total, 'event')
      }
      span="c8"
      tools={<Choice label="Events shown" options={FILTERS} value={filter} onChange={setFilter} />}
    >
      {shown.length === 0 ? (
        <State icon="empty" title="Nothing of this kind">
          <p>There is no such event up to the moment shown.</p>
        </State>
      ) : (
        <ul
          className="ev"
          ref={scroller}
          style={{ height: Math.min(HEIGHT_PX, Math.max(LEAST_ROWS, shown.length) * ROW_PX + 8) }}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
          tabIndex={0}
          aria-label="Events, newest first"
        >
          <li className="room" style={{ height: virtual.getTotalSize() }} aria-hidden="true" />
          {virtual.getVirtualItems().map((item) => (
            <li key={item.index} className="row" style={{ transform: `translateY(${item.start}px)` }}>
              <Row entry={shown[item.index]!} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
