// The ledger of ledgers: what the gateway was acknowledged, what the log holds and has sealed, what the fold has applied and what the tables show are
// compared all the time. They count apart, so what one loses or doubles shows beside the others. A mismatch is an alert that names the place.
import type { Pool } from 'pg';
import type { LedgersReport, Mismatch } from '#api/integrity-deps.ts';
import { type Applied, countLog, nothingApplied, readApplied, sameApplied } from '#projections/applied.ts';
import { type Comparison, compareTables } from '#projections/compare.ts';
import type { CustomerState } from '#projections/customers.ts';
import type { FoldHandlers } from '#projections/memory/protocol.ts';
import type { Position } from '#projections/protocol.ts';
import { chainHead } from '#streams/chain/sealed.ts';
import type { EventStore } from '#streams/event-store.ts';
import type { GatewayStatus } from '#streams/gateway/protocol.ts';
import type { Remote } from '#streams/rpc.ts';

const EVERY_MS = 5_000;
const PAGE = 1_000;
/** Changed customers that are asked for at once. */
const CHANGED = 5_000;
/**
 * Orders and refunds that are looked at together, and customers and documents that are looked at in one round; what is left follows in the next ones. A
 * round then costs the same (0.1 to 0.2 s) however much the customers have bought: all documents of 5,000 of them, two million after some minutes of
 * 20,000 events a second, took more than a core.
 */
const PAGE_DOCUMENTS = 5_000;
const ROUND = 20_000;
/** Tables that are not there by then are compared in the next round. */
const PATIENCE_MS = 1_000;
const LOOK_MS = 50;
const KEPT = 100;

export interface LedgersDeps {
  store: Pick<EventStore, 'read' | 'lastSequence'>;
  gateway: { status(): Promise<Pick<GatewayStatus, 'gateway' | 'epoch' | 'lastSeq' | 'stored' | 'pending'>> };
  fold: Pick<Remote<FoldHandlers>, 'position' | 'waitFor' | 'dirtyRows' | 'entriesOf' | 'rowsOf' | 'appliedBy'>;
  tables: { pool: Pool; position(): Promise<Position> };
  log: { warn(fields: object, message: string): void; error(fields: object, message: string): void };
  now: () => number;
  everyMs?: number;
}

export interface Ledgers extends AsyncDisposable {
  report(): LedgersReport;
  /** One round now. */
  round(): Promise<LedgersReport>;
  /** Everybody's rows, once through. */
  verify(progress?: (compared: number) => void): Promise<LedgersReport>;
}

export function startLedgers(deps: LedgersDeps): Ledgers {
  const { store, gateway, fold, tables, log } = deps;
  const mismatches: Mismatch[] = [];
  const open = new Set<string>();
  const told = new Set<string>();
  let rounds = 0;
  let at: string | null = null;
  let trouble: string | null = null;
  /** Nobody waits for a fold or tables that stand still while the server is closing. */
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => undefined);
  const untilStopped = <T>(work: Promise<T>): Promise<T> => Promise.race([work, stopped.promise]);
  let stream = { last: 0, sealed_to: 0 };
  let writer = { gateway: '', epoch: 0, acknowledged: 0, applied: 0 };
  let compared = { events: 0, customers: 0, rows: 0, changed_meanwhile: 0, counted: 0 };
  /** Where tables and log were last found to have counted the same; null: not yet. */
  let agreed: Applied | null = null;
  /** Changes up to here have been compared; null: nothing yet, and what was there at the start is `verify`'s. */
  let since: number | null = null;
  /** Who is left of those that changed after `since`, up to where that is, and whether it was everybody; null: to be asked for. */
  let due: { pages: Generator<Uint8Array[]>; seq: number; all: boolean } | null = null;

  function tell(mismatch: Omit<Mismatch, 'found_at'>): void {
    const name = `${mismatch.ledger} ${mismatch.sid} ${mismatch.seq}`;
    if (open.has(name)) return;
    open.add(name);
    // The same fault is met again and again; it is an alert once.
    if (!told.has(name)) {
      told.add(name);
      log.error({ ...mismatch }, 'the ledgers disagree');
    }
    mismatches.unshift({ ...mismatch, found_at: new Date(deps.now()).toISOString() });
    mismatches.length = Math.min(mismatches.length, KEPT);
  }

  /** What was acknowledged is in the log and applied, each number once: between two looks at the gateway no less and no more. */
  async function compareGateway(): Promise<void> {
    const before = await gateway.status();
    await untilStopped(fold.waitFor(before.lastSeq));
    const name = `${before.gateway}:${before.epoch}`;
    const applied = (await fold.appliedBy()).find(([each]) => each === name)?.[1] ?? 0;
    const after = await gateway.status();
    const most = after.stored + after.pending;
    writer = { gateway: before.gateway, epoch: before.epoch, acknowledged: after.stored, applied };
    if (applied < before.stored || (after.epoch === before.epoch && applied > most))
      tell({
        ledger: 'gateway',
        seq: before.lastSeq,
        sid: null,
        detail: `${before.stored} events were acknowledged in epoch ${before.epoch}, ${applied} of that epoch are applied`,
      });
  }

  async function compareStream(): Promise<void> {
    const { head } = await chainHead(store);
    const last = await store.lastSequence('EVT');
    stream = { last, sealed_to: head?.link.to ?? 0 };
    if (stream.sealed_to > last)
      tell({
        ledger: 'log',
        seq: last + 1,
        sid: null,
        detail: `the log ends at ${last}, but was sealed up to ${stream.sealed_to}`,
      });
    const { seq } = await fold.position();
    if (seq > (await store.lastSequence('EVT')))
      tell({
        ledger: 'log',
        seq: last + 1,
        sid: null,
        detail: `the log ends at ${last}, but the fold has read up to ${seq}`,
      });
  }

  function count(result: Comparison): void {
    compared = {
      ...compared,
      events: result.events,
      customers: result.customers,
      rows: compared.rows + result.compared,
      changed_meanwhile: compared.changed_meanwhile + result.skipped,
    };
    for (const { projection, sid, seq, table, ledger } of result.differences)
      tell({ ledger: projection, seq, sid, detail: `the table has ${brief(table)}, the ledger ${brief(ledger)}` });
  }

  /**
   * The tables have taken every event once: their count and digest of ids moved as the log's did since they last agreed. @param start from where;
   * null: from here on, what was before is `verify`'s.
   */
  async function compareCounts(start: Applied | null): Promise<void> {
    const now = await readApplied(tables.pool);
    // Other tables since (a rebuild, an older state that is filled on): from here on.
    const from = start !== null && start.from === now.from && start.seq <= now.seq ? start : now;
    const expected = await countLog(store, from, now.seq);
    // A message that could be read only later was not counted when it came by: it shows when all of them are counted.
    const all = nothingApplied(now.from);
    if (!sameApplied(expected, now) && !sameApplied(await countLog(store, all, now.seq), now))
      tell({
        ledger: 'events',
        seq: now.seq,
        sid: null,
        detail:
          `after log position ${from.seq} the tables have taken ${now.events - from.events} events, the log holds ${expected.events - from.events}` +
          (expected.events === now.events ? ' of other ids' : ''),
      });
    agreed = now;
    compared = { ...compared, counted: now.seq };
  }

  async function comparePage(sids: Uint8Array[]): Promise<number> {
    const result = await compareTables(tables.pool, fold, sids);
    count(result);
    return result.documents;
  }

  const there = async (seq: number): Promise<boolean> => {
    const { events, customers } = await tables.position();
    return Math.min(events, customers) >= seq;
  };

  /** The rows of who changed after `from`; answers up to where, which is `from` when the tables are not there yet. */
  async function compareChanged(from: number, most: number): Promise<{ seq: number; rows: number; documents: number }> {
    const { rows, seq } = await fold.dirtyRows(from, most);
    if (!(await there(seq))) return { seq: from, rows: 0, documents: 0 };
    let documents = 0;
    for (const page of pagesOf(rows)) documents += await comparePage(page);
    return { seq, rows: rows.sids.length / 16, documents };
  }

  /** As many of those that have changed as belong into a round. */
  async function compareDue(): Promise<void> {
    since ??= (await fold.position()).seq;
    try {
      for (let left = ROUND; left > 0; ) {
        due ??= await changedAfter(since);
        if (due === null) return;
        const next = due.pages.next();
        if (!next.done) left -= next.value.length + (await comparePage(next.value));
        else {
          since = due.seq;
          const { all } = due;
          due = null;
          if (all) return;
        }
      }
    } catch (error) {
      due = null;
      throw error;
    }
  }

  /** Null: nobody, or the tables do not have it in time. */
  async function changedAfter(seq: number): Promise<typeof due> {
    const changed = await fold.dirtyRows(seq, CHANGED);
    if (changed.seq === seq) return null;
    for (const until = performance.now() + PATIENCE_MS; !(await there(changed.seq)); ) {
      if (performance.now() > until) return null;
      await untilStopped(new Promise((resolve) => setTimeout(resolve, LOOK_MS)));
    }
    return { pages: pagesOf(changed.rows), seq: changed.seq, all: changed.rows.sids.length / 16 < CHANGED };
  }

  async function round(): Promise<void> {
    try {
      await compareStream();
      await compareGateway();
      await compareCounts(agreed);
      await compareDue();
      trouble = null;
    } catch (error) {
      // An engine is away: that is told where it belongs, and compared again when it is back.
      const { message } = error as Error;
      if (trouble !== message) log.warn({ error: message }, 'the ledgers could not be compared');
      trouble = message;
    }
    rounds++;
    at = new Date(deps.now()).toISOString();
  }

  const report = (): LedgersReport => ({
    ok: open.size === 0 && trouble === null,
    at,
    rounds,
    trouble,
    stream,
    gateway: writer,
    tables: compared,
    mismatches_found: told.size,
    mismatches,
  });

  let queue: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = queue.then(work);
    queue = mine.catch(() => undefined); // its caller has the error
    return mine;
  };
  const timer = setInterval(() => void inTurn(round), deps.everyMs ?? EVERY_MS);
  timer.unref();

  return {
    report,
    round: () => inTurn(round).then(report),
    verify: (progress = () => undefined) =>
      inTurn(async () => {
        // What has been mended is found no more.
        open.clear();
        mismatches.length = 0;
        trouble = null;
        await compareStream();
        await compareGateway();
        await compareCounts(nothingApplied((await readApplied(tables.pool)).from));
        const end = await store.lastSequence('EVT');
        const start = await caughtUp(end);
        const passedOver = compared.changed_meanwhile;
        let documents = 0;
        let rows = 0;
        for (let from = 0; from < end; ) {
          const page = await compareChanged(from, CHANGED);
          if (page.seq === from) await caughtUp(end);
          from = page.seq;
          documents += page.documents;
          rows += page.rows;
          progress(rows);
        }
        // Rows of nobody: only when nothing has changed on the way can they be counted.
        const { rows: total } = await tables.pool.query<{ n: string; seq: string }>(
          `select (select count(*) from rm.transactions) as n, (select seq from rm.checkpoints where projection = 'events') as seq`,
        );
        const now = await tables.position();
        const quiet =
          start.events === now.events &&
          Number(total[0]!.seq) === now.events &&
          compared.changed_meanwhile === passedOver;
        if (quiet && Number(total[0]!.n) !== documents)
          tell({
            ledger: 'events',
            seq: now.events,
            sid: null,
            detail: `the tables hold ${total[0]!.n} orders and refunds, the ledgers ${documents}`,
          });
        rounds++;
        at = new Date(deps.now()).toISOString();
        return report();
      }),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      stopped.reject(new Error('the server is stopping'));
      await queue;
    },
  };

  async function caughtUp(seq: number): Promise<Position> {
    await untilStopped(fold.waitFor(seq));
    for (;;) {
      const stands = await tables.position();
      if (Math.min(stands.events, stands.customers) >= seq) return stands;
      await untilStopped(new Promise((resolve) => setTimeout(resolve, LOOK_MS)));
    }
  }
}

/** Customers, with not too many orders together; one with more stands alone. */
function* pagesOf({ sids, orders }: CustomerState): Generator<Uint8Array[]> {
  let page: Uint8Array[] = [];
  let documents = 0;
  for (const [i, own] of orders.entries()) {
    if (page.length === PAGE || (page.length > 0 && documents + own > PAGE_DOCUMENTS)) {
      yield page;
      page = [];
      documents = 0;
    }
    page.push(sids.slice(i * 16, (i + 1) * 16));
    documents += own;
  }
  if (page.length > 0) yield page;
}

/** The beginning of it: enough to see which kind of difference it is. No customer's id is in it, only the key by sid. */
const brief = (text: string): string => (text.length > 160 ? `${text.slice(0, 160)}…` : text);
