// The workspace's zone: a later one for new events, and the rebuild that gives every earlier day to it (facts §3, ADR 0008).
import type { ZoneControl, ZonePreview } from '#api/integrity-deps.ts';
import type { Fact } from '#domain/envelope.ts';
import { type Columns, createCustomerColumns } from '#projections/memory/columns.ts';
import { WORD } from '#projections/memory/row-layout.ts';
import type { WorkspaceFacts } from '#projections/memory/workspace.ts';
import type { Refold } from './refold.ts';
import { zoneTable } from './sources.ts';

export interface ZoneDeps {
  facts: () => WorkspaceFacts;
  appendFact: (fact: Fact) => Promise<number>;
  /** Resolves when the fold and the serving side hold a position. */
  applied: (seq: number) => Promise<void>;
  columns: Pick<Columns, 'refresh' | 'state' | 'rows' | 'read'>;
  refold: Pick<Refold, 'walk'>;
  /** Position of the tables. */
  tablesAt: () => Promise<number>;
  now: () => number;
}

export function createZone(deps: ZoneDeps): ZoneControl {
  const { facts, columns } = deps;
  // One at a time: a version names one table.
  let queue: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = queue.then(work);
    queue = mine.catch(() => undefined); // its caller has the error
    return mine;
  };
  const pending = () => facts().rezoned < facts().zoneVersion && facts().zoneVersion > 1;

  /** Everybody's history with the days of the zone in force, beside the one that is served. Costs a fold of the whole log. */
  async function preview(): Promise<ZonePreview> {
    const { zone, zoneVersion: version, offsets } = facts();
    columns.refresh();
    const { seq } = columns.state();
    const other = await deps.refold.walk([seq], () => undefined, { version, offsets });
    other.flushColumns();
    const row = createCustomerColumns();
    const found = { customers: 0, frequency: 0, days: 0, repeatsBefore: 0, repeatsAfter: 0 };
    for (let at = 0; at < other.rows.count; at++) {
      // Rows come in the order of the log in any zone; one that has changed meanwhile is not comparable.
      if (!columns.read(at, row) || row.seq > seq || row.orders === 0) continue;
      const x = other.rows.get(at, WORD.frequency);
      found.customers++;
      found.repeatsBefore += row.frequency;
      found.repeatsAfter += x;
      if (x !== row.frequency) found.frequency++;
      const firstOrLast = (['firstDay', 'lastDay'] as const).some(
        (name) => other.rows.get(at, WORD[name]) !== row[name],
      );
      if (x !== row.frequency || firstOrLast) found.days++;
    }
    return { zone, version, seq, ...found };
  }

  return {
    async current() {
      const { zone, zoneVersion: version, rezoned } = facts();
      columns.refresh();
      return { zone, version, rezoned, pending: pending(), seq: columns.state().seq, tablesSeq: await deps.tablesAt() };
    },
    set: (zone) =>
      inTurn(async () => {
        const known = facts();
        if (known.zone === zone) return { seq: columns.state().seq, version: known.zoneVersion };
        const version = known.zoneVersion + 1;
        const offsets = zoneTable(zone, deps.now());
        const seq = await deps.appendFact({ type: 'zone.set', version, zone, offsets });
        await deps.applied(seq);
        return { seq, version };
      }),
    preview,
    rebuild: () =>
      inTurn(async () => {
        if (!pending()) return null;
        const { zone, zoneVersion: version, offsets } = facts();
        return { seq: await deps.appendFact({ type: 'ledger.rezoned', version, zone, offsets }), version };
      }),
  };
}
