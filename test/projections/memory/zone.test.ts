// Another zone (ADR 0008): state at a position is the fold of what is before it in the zone the log asks for up to it, however it was reached.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Fact, StoredEvent } from '#domain/envelope.ts';
import { dayOf, type Offsets, UTC } from '#domain/time.ts';
import { createRefold } from '#ops/refold.ts';
import { type Fold, startFold } from '#projections/memory/fold.ts';
import { createLedger, type Ledger, ZoneChanged } from '#projections/memory/ledger.ts';
import { everybodyAt } from '#projections/memory/past/everybody.ts';
import { portableDigest } from '#projections/memory/state-digest.ts';
import { createMemoryStore, type MemoryStore } from '#streams/memory/store.ts';
import { decodeMessage } from '#streams/pack.ts';
import { independentFold, type PlainEvent } from '../../support/independent-fold.ts';
import { apply, createWriter, hex, order, refund, sidOf } from './scenario.ts';

/** Two hours east, and from day 6 on three: a table with a transition in the middle of the events. */
const EAST: Offsets = [
  [0, 120],
  [6 * 86_400_000, 180],
];
const minutes = (at: number): number => (at >= 6 * 86_400_000 ? 180 : 120);
const zoneSet = (version: number, offsets: Offsets): Fact => ({
  type: 'zone.set',
  version,
  zone: `Z/${version}`,
  offsets,
});
const rezoned = (version: number, offsets: Offsets): Fact =>
  ({ ...zoneSet(version, offsets), type: 'ledger.rezoned' }) as Fact;

const customers = ['ann', 'bob', 'cy'];
const names = new Map(customers.map((id) => [hex(sidOf(id)), id]));
const digestOf = (ledger: Ledger): string => portableDigest(ledger, (sid) => names.get(hex(sid)) ?? null);

interface Sent {
  kind: 'order' | 'refund';
  customer: string;
  key: string;
  at: number;
  dateOnly: boolean;
  version: 1 | 2;
  minor: number;
}
const sent: fc.Arbitrary<Sent> = fc.record({
  kind: fc.constantFrom('order' as const, 'order' as const, 'refund' as const),
  customer: fc.constantFrom(...customers),
  key: fc.integer({ min: 0, max: 15 }).map(String),
  at: fc.integer({ min: 0, max: 12 * 24 * 4 }).map((quarter) => quarter * 900_000),
  dateOnly: fc.boolean(),
  version: fc.constantFrom(1 as const, 1 as const, 2 as const),
  minor: fc.integer({ min: 0, max: 3 }),
});
const stampedDay = ({ at, dateOnly, version }: Sent): number =>
  dateOnly ? Math.floor(at / 86_400_000) : dayOf(at, version === 1 ? UTC : EAST);
function stored(e: Sent): StoredEvent {
  const make = e.kind === 'order' ? order : refund;
  const at = e.dateOnly ? Math.floor(e.at / 86_400_000) * 86_400_000 : e.at;
  return { ...make(e.customer, e.key, stampedDay(e), e.minor), at, dateOnly: e.dateOnly, zoneVersion: e.version };
}
const plain = (e: Sent): PlainEvent => ({
  kind: e.kind,
  customer: e.customer,
  key: e.key,
  day: stampedDay(e),
  minor: e.minor,
  currency: 'EUR',
  revision: 0,
  ...(e.dateOnly ? {} : { stamped: { at: e.at, version: e.version } }),
});
const ZONE = { version: 2, minutes };

let dir: string;
let store: MemoryStore;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'axiom47-zone-'));
  store = createMemoryStore();
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));
const open = (): Promise<Fold> =>
  startFold({
    store,
    snapshotDir: dir,
    ledger: { maxCustomers: 1 << 10 },
    log: { info() {}, warn() {} },
    say() {},
  });
const append = async (...messages: Uint8Array[]) => {
  for (const bytes of messages) await store.append(bytes.length === 0 ? '' : subjectOf(bytes), bytes);
};
const subjectOf = (bytes: Uint8Array): string => (decodeMessage(bytes).kind === 'fact' ? 'evt.all.main' : 'evt.0.main');

test('in any order and repetition it is what the independent fold gives in that zone; without the fact days stay as stamped', () => {
  fc.assert(
    fc.property(fc.array(sent, { maxLength: 40 }), fc.infiniteStream(fc.integer()), (events, keys) => {
      const shuffled = [...events, ...events.slice(0, 5)]
        .map((event) => ({ event, at: keys.next().value as number }))
        .sort((a, b) => a.at - b.at)
        .map(({ event }) => event);
      const fold = (facts: Fact[], zone?: { version: number; offsets: Offsets }) => {
        const writer = createWriter();
        const packs = shuffled.map((event) => writer.pack([stored(event)]));
        const at = Math.floor(packs.length / 2);
        const messages = [...packs.slice(0, at), ...facts.map(writer.fact), ...packs.slice(at)];
        return apply(createLedger(zone === undefined ? {} : { zone }), messages);
      };
      expect(digestOf(fold([zoneSet(2, EAST)]))).toBe(independentFold(events.map(plain)).digest);
      const zoned = fold([rezoned(2, EAST), rezoned(2, EAST)], { version: 2, offsets: EAST });
      const oracle = independentFold(events.map(plain), [], [], ZONE);
      expect(digestOf(zoned)).toBe(oracle.digest);
      expect(zoned.store.orders.live).toBe(oracle.orders);
    }),
    { numRuns: 150 },
  );
});

test('a fold in another zone refuses the fact before any of it is applied, and takes one of an earlier version', () => {
  const writer = createWriter();
  const ledger = apply(createLedger(), [writer.pack([order('ann', 'a', 1, 100)])]);
  const fact = decodeMessage(writer.fact(rezoned(2, EAST)));
  expect(() => ledger.applyMessage(2, fact)).toThrow(ZoneChanged);
  expect([ledger.position, ledger.workspace.facts.rezoned]).toEqual([1, 0]);
  const later = apply(createLedger({ zone: { version: 3, offsets: UTC } }), [writer.fact(rezoned(2, EAST))]);
  expect(later.position).toBe(1);
});

describe('the loop', () => {
  const late: Sent = {
    kind: 'order',
    customer: 'ann',
    key: 'b',
    at: 23 * 3_600_000,
    dateOnly: false,
    version: 1,
    minor: 3,
  };
  const early: Sent = { ...late, key: 'a', at: 25 * 3_600_000 };
  const dated: Sent = { ...late, key: 'c', dateOnly: true };
  const days = (fold: Fold) => fold.ledger.entries(sidOf('ann'))!.orders.map(({ day }) => day);

  test('stops at the fact, begins anew, and is the same as one from nothing; a snapshot on either side is right', async () => {
    const writer = createWriter();
    await append(
      writer.fact(zoneSet(1, UTC)),
      writer.pack([late, early, dated].map(stored)),
      writer.fact(zoneSet(2, EAST)),
    );
    const first = await open();
    await first.handlers.waitFor(3);
    expect(days(first)).toEqual([0, 0, 1]);
    await append(writer.fact(rezoned(2, EAST)));
    await expect(first.done).rejects.toMatchObject({ code: 'zone-changed' });
    expect([days(first), first.ledger.position]).toEqual([[0, 0, 1], 3]);
    await first.handlers.stop();

    // The snapshot it left is of the old zone. A crash before the next one is saved leaves just that.
    const second = await open();
    await second.handlers.waitFor(4);
    expect(days(second)).toEqual([0, 1, 1]);
    // Whoever follows rows by their last change reads everybody again.
    expect(second.handlers.dirtyRows(3, 10)).toMatchObject({ seq: 4, rows: { firstDay: Int32Array.of(0) } });
    await append(writer.pack([stored({ ...late, key: 'd', version: 2 })]));
    await second.handlers.waitFor(5);
    const digest = second.handlers.digest();
    await second.handlers.stop();

    const third = await open();
    await third.handlers.waitFor(5);
    expect(third.ledger.options.zone?.version).toBe(2);
    expect(third.handlers.digest()).toEqual(digest);
    await third.handlers.stop();
    rmSync(dir, { recursive: true });
    const fromNothing = await open();
    await fromNothing.handlers.waitFor(5);
    expect(fromNothing.handlers.digest()).toEqual(digest);
    expect(fromNothing.ledger.workspace.facts.zones.map(({ seq, version }) => [seq, version])).toEqual([
      [1, 1],
      [3, 2],
    ]);
    await fromNothing.handlers.stop();

    // The past stays as it was: before the fact in the days of then, from it on in the new ones.
    const refold = createRefold(store, 'EUR');
    const past = async (seq: number) =>
      (await everybodyAt(store, seq, { ledger: {}, snapshotDir: null, log: { info() {}, warn() {} } }))
        .entries(sidOf('ann'))!
        .orders.map(({ day }) => day);
    expect([await past(3), await past(4)]).toEqual([
      [0, 0, 1],
      [0, 1, 1],
    ]);
    const seen: [number, number][] = [];
    await refold.walk([2, 3, 4, 5], (ledger, seq) => seen.push([seq, ledger.entries(sidOf('ann'))!.orders.at(1)!.day]));
    expect(seen).toEqual([
      [2, 0],
      [3, 0],
      [4, 1],
      [5, 1],
    ]);
  });
});
