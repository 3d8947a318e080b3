// The golden log: 220,300 events of every type and fact, their bytes as this format's first version wrote them (test/golden/log, made by
// test/support/golden-log-process.ts). Whatever is changed, it must fold to the same digests: a test that fails here says that the meaning
// of what people have in their logs has changed.
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { digestOf, portableRow } from '#domain/digest.ts';
import { EVENT_TYPES, type Fact } from '#domain/envelope.ts';
import { offsetAt } from '#domain/time.ts';
import { createRefold } from '#ops/refold.ts';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import { portableDigest, StateDigest } from '#projections/memory/state-digest.ts';
import type { EventStore } from '#streams/event-store.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { decodeMessage } from '#streams/pack.ts';
import { golden } from '../../support/histories.ts';
import { independentFold, type PlainEvent, type PlainLink } from '../../support/independent-fold.ts';

interface Golden {
  source: string;
  messages: number;
  events: number;
  repeated: number;
  customers: number;
  orders: number;
  refunds: number;
  activities: number;
  erasedCustomers: number;
  conflicts: number;
  clockDay: number;
  gross: Record<string, number>;
  /** Position in the log → digests as the log stood there; the last position is its end. */
  digests: Record<string, { state: string; portable: string }>;
}
const expected = golden<Golden>('log/expected.json');
const sidHex = (sid: Uint8Array) => Buffer.from(sid).toString('hex');

let store: EventStore;
const facts: Fact[] = [];
const types = new Set<string>();
const documents: PlainEvent[] = [];
const activities = new Map<string, string>();

beforeAll(async () => {
  store = createMemoryStore();
  const file = zstdDecompressSync(readFileSync(new URL('../../golden/log/events.zst', import.meta.url)));
  for (let at = 0; at < file.length; ) {
    const [subject, bytes] = [file.readUInt8(at), file.readUInt32LE(at + 1)];
    const message = file.subarray(at + 5 + subject, at + 5 + subject + bytes);
    await store.append(file.toString('latin1', at + 5, at + 5 + subject), message);
    at += 5 + subject + bytes;
    const read = decodeMessage(message);
    if (read.kind === 'fact') facts.push(read.fact);
    else for (let row = 0; row < read.pack.count; row++) remember(read.pack.event(row));
  }
});

function remember(event: ReturnType<Extract<ReturnType<typeof decodeMessage>, { kind: 'pack' }>['pack']['event']>) {
  types.add(event.type);
  const customer = sidHex(event.sid);
  if (event.type === 'activity.recorded')
    activities.set([customer, event.name, event.at, sidHex(event.eventHash)].join(), customer);
  if (event.type !== 'order.placed' && event.type !== 'order.refunded') return;
  documents.push({
    kind: event.type === 'order.placed' ? 'order' : 'refund',
    customer,
    key: sidHex(event.orderHash ?? event.eventHash.subarray(0, 8)),
    day: event.day,
    minor: event.minor,
    currency: event.minor === null ? null : event.currency,
    revision: event.revision,
    channel: event.channel,
    ...(event.dateOnly ? {} : { stamped: { at: event.at, version: event.zoneVersion } }),
  });
}

const digestsOf = (ledger: Ledger) => ({
  state: new StateDigest(ledger).value(),
  portable: portableDigest(ledger, sidHex),
});

test('holds every type of event and of fact there is', () => {
  // False: younger than the log: of no meaning without something that is parked (parked.test.ts), with golden bytes of its own (canary-fact.test.ts).
  const factTypes: Record<Fact['type'], boolean> = {
    'workspace.created': true,
    'currency.set': true,
    'clock.set': true,
    'zone.set': true,
    'ledger.rezoned': true,
    'fx.rates.set': true,
    'import.started': true,
    'import.finished': true,
    'churn.defined': true,
    'source.covered': true,
    'dead-letters.replayed': false,
    'model.canaried': false,
    'customer.linked': true,
    'customer.erased': true,
    'model.deployed': true,
  };
  expect([...types].sort()).toEqual([...EVENT_TYPES].sort());
  expect([...new Set(facts.map(({ type }) => type))].sort()).toEqual(
    Object.entries(factTypes)
      .flatMap(([type, inLog]) => (inLog ? [type] : []))
      .sort(),
  );
});

describe('folded by this version', () => {
  let ledger: Ledger;
  const found: Record<string, { state: string; portable: string }> = {};
  beforeAll(async () => {
    const stops = Object.keys(expected.digests).map(Number);
    ledger = await createRefold(store, 'EUR').walk(stops, (each, seq) => {
      found[seq] = digestsOf(each);
    });
  });

  test('it has the digests it had when it was made, at its end and on the way', async () => {
    expect(await store.lastSequence('EVT')).toBe(expected.messages);
    expect(Number(Object.keys(expected.digests).at(-1))).toBe(expected.messages);
    expect(found).toEqual(expected.digests);
  });

  test('it has the totals it had', () => {
    const all = [...ledger.canonicalRows()].map((row) => ledger.entries(ledger.rows.sid(row))!);
    const gross: Record<string, number> = {};
    for (const { orders } of all)
      for (const { minor, currency } of orders) if (minor !== null) gross[currency!] = (gross[currency!] ?? 0) + minor;
    const count = (of: (entries: (typeof all)[number]) => number) => all.reduce((sum, each) => sum + of(each), 0);
    expect({
      messages: ledger.position,
      events: ledger.events,
      repeated: ledger.repeated,
      customers: ledger.customers,
      orders: count((each) => each.orders.length),
      refunds: count((each) => each.refunds.length),
      activities: count((each) => each.activities.reduce((sum, { count: n }) => sum + n, 0)),
      erasedCustomers: ledger.erasedTotals.customers,
      conflicts: ledger.conflicts.total,
      clockDay: ledger.clockDay,
      gross,
    }).toEqual({ ...expected, source: undefined, digests: undefined });
    expect(ledger.unknownTypes).toBe(0);
  });

  test('the independent fold of its orders and refunds says the same, links, erasures and zone included', async () => {
    const zone = facts.find((fact) => fact.type === 'ledger.rezoned')!;
    const oracle = independentFold(documents, settledLinks(), erased(), {
      version: zone.version,
      minutes: (at) => offsetAt(at, zone.offsets),
    });
    // Orders and refunds alone, by the fold under test, in the zone the log ends in.
    const alone = createLedger({ zone });
    for await (const { seq, bytes } of store.read('EVT')) alone.applyMessage(seq, decodeMessage(bytes));
    expect(portableDigestOfDocuments(alone)).toEqual({ digest: oracle.digest, orders: oracle.orders });
    const named = new Map(
      [...alone.canonicalRows()].flatMap((row) => {
        const { sid, orders } = alone.entries(alone.rows.sid(row))!;
        const own = orders.filter(({ channel }) => channel !== null);
        const rows = own.map((o) => JSON.stringify([o.day, o.minor, o.currency, o.channel])).sort();
        return rows.length === 0 ? [] : [[sid, rows] as const];
      }),
    );
    expect(named).toEqual(oracle.named);
    expect(named.size).toBeGreaterThan(5_000);
    expect([oracle.orders, oracle.gross]).toEqual([
      expected.orders,
      Object.values(expected.gross).reduce((sum, each) => sum + each, 0),
    ]);
    expect(oracle.erasedMonths).toEqual(
      Object.fromEntries(
        alone.erasedTotals
          .save()
          .months.filter(({ orders, refunds }) => orders + refunds > 0)
          .map(({ month, orders, refunds, gross, refunded }) => [month, { orders, refunds, gross, refunded }]),
      ),
    );
  });

  test('activities are as many as there are different ones of customers who were not erased', () => {
    const canonical = new Map(settledLinks().map(({ anonymous, known }) => [anonymous, known]));
    const gone = new Set(erased().map((sid) => canonical.get(sid) ?? sid));
    const left = [...activities.values()].filter((sid) => !gone.has(canonical.get(sid) ?? sid));
    expect(expected.activities).toBe(left.length);
  });
});

/** Each id and who it is in the end: a device of somebody whose own id was joined to another one. */
function settledLinks(): PlainLink[] {
  const said = new Map<string, string>();
  for (const fact of facts) if (fact.type === 'customer.linked') said.set(sidHex(fact.anonymous), sidHex(fact.known));
  const end = (sid: string): string => {
    const next = said.get(sid);
    return next === undefined ? sid : end(next);
  };
  return [...said.keys()].map((anonymous) => ({ anonymous, known: end(anonymous) }));
}

const erased = (): string[] => facts.flatMap((fact) => (fact.type === 'customer.erased' ? fact.sids.map(sidHex) : []));

function portableDigestOfDocuments(ledger: Ledger) {
  const nothing = { activities: [], subscriptions: [], consents: [], attributes: [] };
  const rows = [...ledger.canonicalRows()].map((row) => {
    const sid = ledger.rows.sid(row);
    return portableRow(sidHex(sid), { ...ledger.entries(sid)!, ...nothing });
  });
  return { digest: digestOf(rows, (text) => hash('sha256', text, 'hex')), orders: ledger.store.orders.live };
}
