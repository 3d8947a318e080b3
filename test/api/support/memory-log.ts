// A log in memory with what folds it: events go through the real parsers, packs and ledger, only the engines and the keyring are maps.
import { createHash, randomUUID } from 'node:crypto';
import { unpack } from 'msgpackr';
import type { Deps } from '#api/deps.ts';
import { viewOf } from '#api/ledgers.ts';
import { parseBatch } from '#domain/adapters/doors.ts';
import type { Fact, StoredEvent } from '#domain/envelope.ts';
import { type InputEvent, REJECT_AFTER_MS, type Rejection } from '#domain/events.ts';
import { eventKeyMaterial, orderKeyMaterial } from '#domain/orders.ts';
import { createPolicyState, DEFAULT_POLICY } from '#domain/policy.ts';
import { DAY_MS, dayOf, UTC } from '#domain/time.ts';
import { createCustomerColumns, openColumns } from '#projections/memory/columns.ts';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import { moneyTaken } from '#streams/gateway/money-taken.ts';
import { decodeMessage, encodeFact, PackWriter } from '#streams/pack.ts';
import type { QuarantinedRow } from '#streams/quarantine.ts';
import { storedEvent } from '#test/support/stored-event.ts';

export const NOW = Date.parse('2026-06-01T12:00:00Z');

export const sha = (text: string, length: number) =>
  new Uint8Array(createHash('sha256').update(text).digest().subarray(0, length));
export const sidOf = (id: string) => sha(`sid ${id}`, 16);

export interface Order {
  customer: string;
  /** YYYY-MM-DD */
  day: string;
  amount?: number;
}

export type MemoryLog = ReturnType<typeof createMemoryLog>;

export function createMemoryLog() {
  const messages: Uint8Array[] = [];
  const ledger = createLedger({ maxCustomers: 100_000 });
  const ids = new Map<string, Uint8Array>();
  const names = new Map<string, string>();
  const quarantined: QuarantinedRow[] = [];
  const facts: Fact[] = [];
  const counters = new Map<number, number>();
  const clock = { now: NOW, broken: null as (Error & { code?: string }) | null };
  const header = { tenant: 'main', gateway: 'test', epoch: 1, ingestedAt: NOW };

  const append = (bytes: Uint8Array): number => {
    messages.push(bytes);
    ledger.applyMessage(messages.length, decodeMessage(bytes));
    ledger.flushColumns();
    return messages.length;
  };
  const fact = (value: Fact): number => {
    facts.push(value);
    return append(encodeFact(value, header));
  };
  const identify = (id: string): Uint8Array => {
    const sid = ids.get(id) ?? sidOf(id);
    ids.set(id, sid);
    names.set(Buffer.from(sid).toString('hex'), id);
    return sid;
  };
  function store(events: InputEvent[], source: string, run: string | null, schemaVersion = 1): number {
    const pack = new PackWriter();
    for (const event of events) {
      const sid = identify(event.customerId);
      const partition = sid[0]! & 63;
      const counter = counters.get(partition) ?? 0;
      counters.set(partition, counter + 1);
      const stored: StoredEvent = {
        ...storedEvent(0),
        schemaVersion,
        sid,
        counter,
        type: event.type,
        eventHash: sha(eventKeyMaterial(event, source), 16),
        orderHash: /^(order|subscription)\./.test(event.type) ? sha(orderKeyMaterial(event, source), 8) : null,
        at: event.at,
        dateOnly: event.dateOnly,
        day: dayOf(event.at, UTC),
        source,
        run,
        lines: event.lines,
        minor: event.minor,
        currency: event.currency,
        channel: event.channel,
        name: event.name,
        props: event.props,
      };
      pack.add(stored);
    }
    return append(pack.encode(header));
  }
  const seen = new Set<string>();
  const gateway: Deps['gateway'] = {
    async ingest({ door, source, body, contentType, strict }) {
      if (clock.broken) throw clock.broken;
      const value = contentType === 'json' ? JSON.parse(Buffer.from(body).toString('utf8')) : unpack(body);
      const parsed = parseBatch(door, value, {
        source,
        zoneOffsets: UTC,
        defaultCurrency: 'EUR',
        policy: DEFAULT_POLICY,
        policyState: createPolicyState(),
        now: clock.now,
        rejectAfterMs: REJECT_AFTER_MS,
      });
      const rejected = parsed.flatMap((result) => (result.ok ? [] : [result.reason]));
      if (strict && rejected.length > 0) return { accepted: 0, duplicates: 0, rejected, lastSeq: 0, money: [] };
      const events = parsed.flatMap((result) => (result.ok ? [result.value] : []));
      const fresh = events.filter((event) => !seen.has(eventKeyMaterial(event, source)));
      for (const event of fresh) seen.add(eventKeyMaterial(event, source));
      const lastSeq = fresh.length > 0 ? store(fresh, source, null) : 0;
      const money = moneyTaken(events.map((event) => ({ ...event, day: dayOf(event.at, UTC) })));
      return { accepted: fresh.length, duplicates: events.length - fresh.length, rejected, lastSeq, money };
    },
    async importEvents({ run, source, events }) {
      const list = unpack(events) as InputEvent[];
      const rejected: Rejection[] = list.flatMap((event, index) =>
        event.customerId === 'refused' ? [{ index, id: null, reason: 'erased' as const, detail: 'erased before' }] : [],
      );
      const kept = list.filter((event) => event.customerId !== 'refused');
      return { appended: kept.length, rejected, lastSeq: store(kept, source, run) };
    },
    async quarantineRows({ run, source, rows }) {
      for (const row of rows)
        quarantined.push({ ...row, column: row.column ?? null, id: `1-${quarantined.length}`, at: NOW, source, run });
    },
    appendFact: async (value) => fact(value),
    link: async ({ anonymousId, customerId }) => ({
      ok: true,
      value: fact({ type: 'customer.linked', anonymous: sidOf(anonymousId), known: sidOf(customerId) }),
    }),
    async erase({ customerId }) {
      const sid = ids.get(customerId);
      if (!sid) return null;
      ids.delete(customerId);
      return { sids: 1, seq: fact({ type: 'customer.erased', sids: [sid], at: NOW }) };
    },
    status: async () => ({ lastSeq: messages.length, eventsPerSecond: 0 }),
  };

  const refold = (seq: number): Ledger => {
    const past = createLedger({ maxCustomers: 100_000 });
    for (let i = 0; i < seq; i++) past.applyMessage(i + 1, decodeMessage(messages[i]!));
    past.flushColumns();
    return past;
  };
  const views = (from: Ledger, sids: Uint8Array[]) => {
    const columns = openColumns(from.rows.handle);
    const row = createCustomerColumns();
    return sids.map((sid) => {
      const entries = from.entries(sid);
      if (!entries) return null;
      columns.read(columns.rowOf(sid), row);
      return viewOf(entries, from.workspace.rates, row.flags);
    });
  };
  const evt = {
    async *read(_stream: string, { from = 1, to = messages.length }: { from?: number; to?: number } = {}) {
      for (let seq = from; seq <= to; seq++)
        yield { seq, subject: 'evt.0.main', storedAt: NOW, bytes: messages[seq - 1]! };
    },
    lastSequence: async () => messages.length,
  };
  /** Orders straight into the log, as one batch; of a file, known when they happened, where a run was started for them. */
  const orders = (list: Order[], run: string | null = null, schemaVersion = 1): number =>
    store(
      list.map((order) => ({
        ...blank,
        customerId: order.customer,
        id: randomUUID(),
        at: Date.parse(`${order.day}T00:00:00Z`),
        minor: Math.round((order.amount ?? 0) * 100),
      })),
      'shop',
      run,
      schemaVersion,
    );

  return { messages, ledger, ids, names, quarantined, facts, clock, fact, gateway, refold, views, evt, orders };
}

const blank: InputEvent = {
  type: 'order.placed',
  customerId: '',
  anonymous: false,
  linkAnonymousId: null,
  id: null,
  at: 0,
  dateOnly: true,
  orderId: null,
  refundedOrderId: null,
  rowKey: null,
  revision: 0,
  minor: null,
  currency: 'EUR',
  channel: 'web',
  name: null,
  props: null,
  sealed: null,
  dropped: 0,
  roundedFloats: 0,
  producerNumber: 0,
  lines: 1,
  traceId: null,
  correlationId: null,
  causationId: null,
};
export const inputEvent = (changes: Partial<InputEvent>): InputEvent => ({ ...blank, ...changes });
export const dayNumber = (day: string): number => Date.parse(`${day}T00:00:00Z`) / DAY_MS;
