// Earlier schema versions read as today's, later ones not guessed at: by golden bytes of every version there was, and by a synthetic one.
import { describe, expect, test } from 'vitest';
import { EVENT_TYPES, type StoredEvent } from '#domain/envelope.ts';
import { SCHEMA_VERSION } from '#domain/events.ts';
import { createLedger } from '#projections/memory/ledger.ts';
import { StateDigest } from '#projections/memory/state-digest.ts';
import { decodeMessage, type PackView, PackWriter, UNKNOWN_TYPE } from '#streams/pack.ts';
import { PRESENT, type Shapes } from '#streams/upcasters.ts';
import { golden } from '../support/histories.ts';
import { storedEvent } from '../support/stored-event.ts';

const header = { tenant: 'main', gateway: 'g1', epoch: 1, ingestedAt: 1_800_000_000_000 };
function encode(events: StoredEvent[]): Uint8Array {
  const writer = new PackWriter();
  const counters = new Map<number, number>();
  for (const event of events) {
    const partition = event.sid[0]! & 63;
    const counter = counters.get(partition) ?? 0;
    counters.set(partition, counter + 1);
    writer.add({ ...event, counter });
  }
  return writer.encode(header);
}
function packOf(bytes: Uint8Array, shapes?: Shapes): PackView {
  const message = decodeMessage(bytes, shapes);
  if (message.kind !== 'pack') throw new Error('a pack was expected');
  return message.pack;
}

test('version 1 of every type, from its golden bytes', () => {
  const pack = packOf(Uint8Array.from(Buffer.from(golden<{ base64: string }>('events_v1.json').base64, 'base64')));
  expect(pack.header).toEqual(header);
  const expected = EVENT_TYPES.map((type, i) =>
    storedEvent(i + 1, {
      type,
      counter: i,
      name: 'n',
      props: { a: 1, b: 'x', c: true },
      revision: 3,
      traceId: 't',
      correlationId: 'c',
      causationId: 'k',
      sealed: Uint8Array.of(1, 2, 3),
      refundedOrderHash: type === 'order.refunded' ? new Uint8Array(8).fill(9) : null,
      anonymous: i % 2 === 1,
      dateOnly: i % 3 === 0,
      run: 'run-1',
      schemaVersion: 1,
    }),
  );
  const plain = (event: StoredEvent) =>
    Object.fromEntries(
      Object.entries(event).map(([name, value]) => [name, value instanceof Uint8Array ? [...value] : value]),
    );
  expect(Array.from({ length: pack.count }, (_, row) => plain(pack.event(row)))).toEqual(
    expected.map((event) => plain({ ...event, schemaVersion: SCHEMA_VERSION[event.type] })),
  );
});

describe('a synthetic second and third version: money in cents, then a channel that is never missing', () => {
  const later: Shapes = {
    versions: { ...SCHEMA_VERSION, 'order.placed': 3 },
    upcasters: {
      'order.placed': {
        1: (event) => ({ ...event, minor: event.minor === null ? null : event.minor * 100 }),
        2: (event) => ({ ...event, channel: event.channel ?? 'web' }),
      },
    },
  };
  const old = [
    storedEvent(1, { schemaVersion: 1, minor: 12, channel: null }),
    storedEvent(2, { schemaVersion: 2, minor: 1_300, channel: null, sealed: Uint8Array.of(7, 7) }),
    storedEvent(3, { schemaVersion: 3, minor: 1_400, channel: 'till' }),
    storedEvent(4, { type: 'activity.recorded', name: 'search' }),
  ];
  const now = [
    { ...old[0]!, schemaVersion: 3, minor: 1_200, channel: 'web' },
    { ...old[1]!, schemaVersion: 3, channel: 'web' },
    old[2]!,
    old[3]!,
  ];
  const digestOf = (bytes: Uint8Array) => {
    const ledger = createLedger({ maxCustomers: 1 << 10 });
    ledger.applyMessage(1, decodeMessage(bytes, later));
    return new StateDigest(ledger).value();
  };

  test('is read from packs of mixed versions, and folds to what it would have been', () => {
    const pack = packOf(encode(old), later);
    const wanted = packOf(encode(now), later);
    expect(Array.from({ length: 4 }, (_, row) => pack.event(row))).toEqual(
      Array.from({ length: 4 }, (_, row) => wanted.event(row)),
    );
    expect(pack.header).toEqual(header);
    expect(digestOf(encode(old))).toBe(digestOf(encode(now)));
  });

  test('is unknown to the program before it, which still reads what it knows', () => {
    const bytes = encode(old);
    const before = [...bytes];
    const pack = packOf(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    expect([...bytes], 'what was stored stays as it is').toEqual(before);
    expect(Array.from({ length: 4 }, (_, row) => pack.typeCode(row) === UNKNOWN_TYPE)).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(pack.event(0).minor).toBe(12);
    expect(pack.event(3).name).toBe('search');
    expect(() => pack.event(1)).toThrow(/unknown to this version/);
  });

  test('an unknown one beside an old one stays unknown', () => {
    const middle: Shapes = { ...later, versions: { ...later.versions, 'order.placed': 2 } };
    const pack = packOf(encode(old), middle);
    expect([pack.event(0).minor, pack.event(1).minor, pack.typeCode(2)]).toEqual([1_200, 1_300, UNKNOWN_TYPE]);
    expect(pack.sid(2)).toEqual(old[2]!.sid);
    expect(pack.counter(3)).toBe(packOf(encode(old)).counter(3));
  });

  test('a step that is missing is said', () => {
    const gap: Shapes = { ...later, upcasters: { 'order.placed': { 2: later.upcasters['order.placed']![2]! } } };
    expect(() => packOf(encode(old), gap)).toThrow(/order.placed: nothing reads schema version 1/);
  });
});

test('every version before the present one of a type has its step', () => {
  for (const type of EVENT_TYPES)
    for (let version = 1; version < SCHEMA_VERSION[type]; version++)
      expect(PRESENT.upcasters[type]?.[version], `${type} ${version}`).toBeTypeOf('function');
});
