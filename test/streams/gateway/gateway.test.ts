import { pack } from 'msgpackr';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { InputEvent } from '#domain/events.ts';
import { type Gateway, openGateway } from '#streams/gateway/gateway.ts';
import type { GatewayConfig, GatewayDoors, GatewayHandlers } from '#streams/gateway/protocol.ts';
import { openIdIndex } from '#streams/id-index.ts';
import { openKeyring } from '#streams/keyring/keyring.ts';
import { createQuarantine } from '#streams/quarantine.ts';
import { startTestEngines, type TestEngines } from '#test/support/engines.ts';
import { configOf, doorsOf, type Log, openLog, order, request, silent, source } from './harness.ts';

let engines: TestEngines;
let log: Log;
let gateway: Gateway;
let calls: GatewayHandlers;
let since = 0;

const open = async (more: Partial<GatewayConfig & GatewayDoors> = {}) => {
  const { sources = [source('shop'), source('app')], zone, ...config } = more;
  gateway = await openGateway(configOf(engines, config), doorsOf({ sources, ...(zone && { zone }) }), silent);
  calls = gateway.handlers;
};
const quarantined = async (after = 0) => {
  const quarantine = createQuarantine({ store: log.store, remove: async () => undefined });
  const { rows } = await quarantine.list({ limit: 1_000 });
  return rows.filter((row) => Number(row.id.split('-')[0]) > after);
};

beforeAll(async () => {
  engines = await startTestEngines();
  log = await openLog(engines);
});
afterAll(async () => {
  await log?.[Symbol.asyncDispose]();
  await engines?.stop();
});
beforeEach(async () => {
  await open();
  since = await log.last();
});
afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
});

describe('given nothing, when events come by HTTP', () => {
  test('then they are in the log before the answer, whole', async () => {
    const trace = 'a'.repeat(32);
    const answer = await calls.ingest(
      request([order('e1', 'c1', { order_id: 'o-1', channel: 'web' }), order('e2', 'c2')], { traceId: trace }),
    );
    expect(answer).toEqual({
      accepted: 2,
      duplicates: 0,
      rejected: [],
      lastSeq: await log.last(),
      money: [{ currency: 'EUR', events: 2, firstDay: 20_758 }],
    });
    const events = await log.events(since);
    expect(events.map((event) => event.minor)).toEqual([4200, 4200]);
    const [first] = events.filter((event) => event.channel === 'web');
    expect(first).toMatchObject({
      type: 'order.placed',
      currency: 'EUR',
      day: 20_758,
      source: 'shop',
      run: null,
      policyVersion: 1,
      zoneVersion: 1,
      traceId: trace,
    });
    expect(first!.orderHash).toHaveLength(8);
    expect(first!.sid).toHaveLength(16);
  });

  test('then the same customer keeps one sid, and the same order under another event id one order hash', async () => {
    await calls.ingest(request([order('e1', 'same', { order_id: 'x' })]));
    await calls.ingest(request([order('e9', 'same', { order_id: 'x' })]));
    const [a, b] = await log.events(since);
    expect(a!.sid).toEqual(b!.sid);
    expect(a!.orderHash).toEqual(b!.orderHash);
    expect(a!.eventHash).not.toEqual(b!.eventHash);
  });

  test('then a refund names its order by that order’s own hash', async () => {
    const refund = {
      id: 'r1',
      type: 'order.refunded',
      customer_id: 'c1',
      at: '2026-11-02T10:00:00Z',
      data: { order_id: 'o-7', refund_id: 'o-7', amount: '1.00' },
    };
    await calls.ingest(request([order('e7', 'c1', { order_id: 'o-7' })]));
    await calls.ingest(request([refund]));
    const [placed, refunded] = await log.events(since);
    expect(refunded!.refundedOrderHash).toEqual(placed!.orderHash);
    expect(refunded!.orderHash).not.toEqual(placed!.orderHash);
  });

  test('then a repetition is a duplicate, but a changed amount is left to the fold', async () => {
    const batch = [order('d1', 'c1', { order_id: 'd' }), order('d2', 'c1')];
    await calls.ingest(request(batch));
    expect(await calls.ingest(request(batch))).toMatchObject({ accepted: 0, duplicates: 2 });
    expect(await calls.ingest(request([order('d2', 'c1', { amount: '43.00' })]))).toMatchObject({ accepted: 1 });
    expect(await log.events(since)).toHaveLength(3);
  });

  test('then twins without ids in one batch are two, and the batch again is none', async () => {
    const twins = [order(null, 'twin'), order(null, 'twin')];
    expect(await calls.ingest(request(twins))).toMatchObject({ accepted: 2, duplicates: 0 });
    expect(await calls.ingest(request(twins))).toMatchObject({ accepted: 0, duplicates: 2 });
  });

  test('then the same event at the same moment on two connections is stored once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => calls.ingest(request([order('once', 'racer')]))));
    expect(answers.reduce((sum, answer) => sum + answer.accepted, 0)).toBe(1);
    expect(answers.reduce((sum, answer) => sum + answer.duplicates, 0)).toBe(7);
    expect(await log.events(since)).toHaveLength(1);
  });

  test('then what is bad is quarantined as it came, with its reason, and the rest is stored', async () => {
    const before = (await log.messages('QUA')).at(-1)?.seq ?? 0;
    const bad = { id: 'b', type: 'order.placed', customer_id: 'c1', at: '2036-01-01T00:00:00Z', data: { amount: 'x' } };
    const answer = await calls.ingest(request([order('g1', 'c1'), bad, { type: 'nope' }]));
    expect(answer.accepted).toBe(1);
    expect(answer.rejected.map(({ index, id, reason }) => ({ index, id, reason }))).toEqual([
      { index: 1, id: 'b', reason: 'future' },
      { index: 2, id: null, reason: 'unknown-type' },
    ]);
    const rows = await quarantined(before);
    expect(rows.map((row) => [row.reason, row.source, JSON.parse(row.raw)]).sort()).toEqual(
      [
        ['future', 'shop', bad],
        ['unknown-type', 'shop', { type: 'nope' }],
      ].sort(),
    );
  });

  test('then in strict mode one bad event keeps all of them out', async () => {
    const before = (await log.messages('QUA')).length;
    const answer = await calls.ingest(request([order('s1', 'strict-customer'), { type: 'nope' }], { strict: true }));
    expect(answer).toMatchObject({ accepted: 0, duplicates: 0, lastSeq: 0, rejected: [{ index: 1 }] });
    expect(await log.events(since)).toEqual([]);
    expect(await log.messages('QUA')).toHaveLength(before);
  });

  test('then broken JSON is told with its position and without its text', async () => {
    const failure = await calls.ingest(request('[{"id": "jane@example.org",\n "type" 1}]')).catch((error) => error);
    expect(failure).toMatchObject({ code: 'bad-json' });
    expect(failure.message).toBe(
      'the body is not JSON: position 36 (line 2, column 9), this is where it stops being JSON',
    );
  });

  test('then too many events, too many bytes, an unknown source are refused as a whole', async () => {
    const many = Array.from({ length: 2_501 }, () => 1);
    await expect(calls.ingest(request(many))).rejects.toMatchObject({ code: 'too-large' });
    await expect(calls.ingest(request(`"${'x'.repeat(600_000)}"`))).rejects.toMatchObject({ code: 'too-large' });
    await expect(calls.ingest(request([], { source: 'none' }))).rejects.toMatchObject({ code: 'unknown-source' });
  });

  test('then msgpack says the same as JSON', async () => {
    await calls.ingest(request([order('m1', 'm')]));
    const body = pack([order('m1', 'm')]);
    expect(await calls.ingest(request('', { body, contentType: 'msgpack' }))).toMatchObject({ duplicates: 1 });
    const broken = request('', { body: body.subarray(0, 20), contentType: 'msgpack' });
    await expect(calls.ingest(broken)).rejects.toMatchObject({ code: 'bad-json' });
  });

  test('then a date without time is that date in every zone, and a time is the day of the workspace’s zone', async () => {
    await gateway[Symbol.asyncDispose]();
    await open({ zone: { version: 7, offsets: [[0, 600]] } });
    await calls.ingest(
      request([
        { ...order('z1', 'z'), at: '2026-11-01' },
        { ...order('z2', 'z'), at: '2026-11-01T20:00:00Z' },
      ]),
    );
    const days = (await log.events(since)).map((event) => [event.dateOnly, event.day, event.zoneVersion]);
    expect(days).toEqual([
      [true, 20_758, 7],
      [false, 20_759, 7],
    ]);
  });
});

describe('personal data', () => {
  test('no raw id is in the log’s bytes, subjects or message ids; the customer’s key opens the sealed part', async () => {
    const secrets = [
      'jane.doe@example.org',
      'ORDER-4711-XYZ',
      'evt-geheim-1',
      'Jane',
      '+49 170 5550100',
      'anon-device-9',
    ];
    await calls.ingest(
      request([
        order('evt-geheim-1', 'jane.doe@example.org', { order_id: 'ORDER-4711-XYZ', note: 'Jane' }),
        {
          id: 'evt-geheim-2',
          type: 'customer.identified',
          customer_id: 'jane.doe@example.org',
          anonymous_id: 'anon-device-9',
          at: '2026-11-01T10:00:00Z',
          data: { traits: { name: 'Jane', phone: '+49 170 5550100' } },
        },
      ]),
    );
    const messages = await log.messages('EVT', since);
    expect(messages.length).toBeGreaterThan(1);
    const nc = await engines.nats.connect('grep');
    const raw: string[] = [];
    const subscription = nc.subscribe('evt.>', { callback: (_, m) => void raw.push(String(m.headers)) });
    await nc.flush();
    await calls.ingest(request([order('evt-geheim-1b', 'jane.doe@example.org', { order_id: 'ORDER-4711-XYZ' })]));
    expect(raw.length).toBeGreaterThan(0);
    subscription.unsubscribe();
    await nc.close();
    for (const secret of secrets) {
      for (const message of messages) {
        expect(Buffer.from(message.bytes).includes(secret)).toBe(false);
        expect(message.subject).not.toContain(secret);
      }
      expect(raw.join()).not.toContain(secret);
    }
    const config = configOf(engines);
    await using keyring = await openKeyring({ url: config.keyringUrl, kek: config.kek, mayCreate: false });
    const events = await log.events(since);
    const opened = await Promise.all(events.map((event) => keyring.unseal(event.sealed!, event)));
    expect(opened).toContainEqual({ order_id: 'ORDER-4711-XYZ' });
    expect(opened).toContainEqual({ traits: { name: 'Jane', phone: '+49 170 5550100' } });
  });
});

describe('identity', () => {
  const identify = (id: string, customer: string, anonymous: string) => ({
    type: 'identify',
    messageId: id,
    userId: customer,
    anonymousId: anonymous,
    timestamp: '2026-11-01T10:00:00Z',
  });
  const segment = (value: unknown, strict = false) => request(value, { door: 'segment', source: 'app', strict });

  test('an identification links once; rivals go to the quarantine and never to the log', async () => {
    const first = await calls.ingest(segment(identify('i1', 'link-1', 'device-1')));
    expect(first).toMatchObject({ accepted: 1, rejected: [] });
    await calls.ingest(segment(identify('i2', 'link-1', 'device-1')));
    const rival = await calls.ingest(segment({ batch: [identify('i3', 'link-2', 'device-1')] }));
    expect(rival.rejected).toMatchObject([{ index: 0, reason: 'link-conflict' }]);
    const facts = await log.facts(since);
    expect(facts).toHaveLength(1);
    const index = openIdIndex(calls.idIndex());
    expect(facts[0]).toMatchObject({ type: 'customer.linked' });
    expect(facts[0]).toHaveProperty('known', Buffer.from(index.lookup('link-1')!));
    expect(facts[0]).toHaveProperty('anonymous', Buffer.from(index.lookup('device-1', true)!));
    expect(await log.events(since)).toHaveLength(2);
  });

  test('in strict mode a rival link stores nothing and links nothing', async () => {
    await calls.ingest(segment(identify('i4', 'k4', 'device-4')));
    const after = await log.last();
    const batch = { batch: [identify('i5', 'k5', 'device-5'), identify('i6', 'k6', 'device-4')] };
    const answer = await calls.ingest(segment(batch, true));
    expect(answer).toMatchObject({ accepted: 0, rejected: [{ index: 1, reason: 'link-conflict' }] });
    expect(await log.last()).toBe(after);
    expect(await calls.ingest(segment(identify('i7', 'k7', 'device-5')))).toMatchObject({ rejected: [] });
  });

  test('two known ids are joined by an administrator only', async () => {
    await calls.ingest(request([order('a1', 'known-a'), order('a2', 'known-b')]));
    const wanted = { anonymousId: 'known-a', customerId: 'known-b', source: 'shop' };
    expect(await calls.link({ ...wanted, administrator: true })).toEqual({ ok: true, value: await log.last() });
    expect((await log.facts(since)).map((fact) => fact.type)).toEqual(['customer.linked']);
  });

  test('a link decided before a crash is said at the next start', async () => {
    await calls.ingest(request([order('p1', 'pending-known')]));
    const config = configOf(engines);
    const keyring = await openKeyring({ url: config.keyringUrl, kek: config.kek, mayCreate: false });
    await keyring.resolve([{ id: 'pending-device', anonymous: true, at: 1 }]);
    const from = { id: 'pending-device', anonymous: true };
    await keyring.link(from, { id: 'pending-known', anonymous: false }, false);
    await gateway[Symbol.asyncDispose]();
    expect(await log.facts(since)).toEqual([]);
    await open();
    expect((await log.facts(since)).map((fact) => fact.type)).toEqual(['customer.linked']);
    expect(await keyring.pendingFacts()).toEqual([]);
    await keyring[Symbol.asyncDispose]();
  });

  test('200 names of a source are kept apart for good; further ones are `other`, with the name sealed', async () => {
    const activity = (n: number) => ({
      id: `act-${n}`,
      type: 'activity.recorded',
      customer_id: 'clicker',
      at: '2026-11-01T10:00:00Z',
      data: { name: `button ${n}` },
    });
    await calls.ingest(request(Array.from({ length: 150 }, (_, n) => activity(n))));
    await gateway[Symbol.asyncDispose]();
    await open();
    await calls.ingest(request(Array.from({ length: 100 }, (_, n) => activity(150 + n))));
    const events = await log.events(since);
    expect(new Set(events.map((event) => event.name)).size).toBe(201);
    expect(events.filter((event) => event.name === 'other' && event.sealed !== null)).toHaveLength(50);
  });
});

describe('erasure', () => {
  test('ends in the log, forgets the id everywhere, refuses older input, lets later input begin anew', async () => {
    const customer = 'erase.me@example.org';
    await calls.ingest(request([order('x1', customer, { order_id: 'X' }), { type: 'bad', customer_id: customer }]));
    const [event] = await log.events(since);
    expect((await quarantined()).some((row) => row.raw.includes(customer))).toBe(true);

    const erased = await calls.erase({ customerId: customer });
    expect(erased).toEqual({ sids: 1, seq: await log.last() });
    expect((await log.facts(since)).at(-1)).toMatchObject({ type: 'customer.erased', sids: [event!.sid] });
    expect(openIdIndex(calls.idIndex()).lookup(customer)).toBeNull();
    expect((await quarantined()).some((row) => row.raw.includes(customer))).toBe(false);

    const after = await log.last();
    const again = await calls.ingest(request([order('x1', customer, { order_id: 'X' })]));
    expect(again).toMatchObject({ accepted: 0, rejected: [{ reason: 'erased' }] });
    expect(await log.last()).toBe(after);
    expect((await quarantined()).some((row) => row.raw.includes(customer))).toBe(false);

    const later = { ...order('x2', customer), at: new Date(Date.now() + 60_000).toISOString() };
    expect(await calls.ingest(request([later]))).toMatchObject({ accepted: 1 });
    const [reborn] = await log.events(after);
    expect(reborn!.sid).not.toEqual(event!.sid);
    // Also when the id is in the index again, and after a restart.
    expect(await calls.ingest(request([order('x3', customer)]))).toMatchObject({ rejected: [{ reason: 'erased' }] });
    await gateway[Symbol.asyncDispose]();
    await open();
    expect(await calls.ingest(request([order('x4', customer)]))).toMatchObject({ rejected: [{ reason: 'erased' }] });
    expect(await calls.erase({ customerId: 'never seen' })).toBeNull();
  });
});

describe('imports', () => {
  const input = (n: number, customerId: string): InputEvent => ({
    type: 'order.placed',
    customerId,
    anonymous: false,
    linkAnonymousId: null,
    id: null,
    at: Date.UTC(2026, 0, 1),
    dateOnly: true,
    orderId: `import-${n}`,
    refundedOrderId: null,
    rowKey: null,
    revision: 0,
    minor: n,
    currency: 'EUR',
    channel: null,
    name: null,
    props: null,
    sealed: null,
    dropped: 0,
    roundedFloats: 0,
    producerNumber: n,
    lines: 3,
    traceId: null,
    correlationId: null,
    causationId: null,
  });

  test('are stored with their run and rows, repetitions too: the fold counts those', async () => {
    const events = pack(Array.from({ length: 500 }, (_, i) => input(i + 1, `imported-${i % 50}`)));
    for (const run of ['run-1', 'run-2'])
      expect(await calls.importEvents({ run, source: 'shop', events })).toMatchObject({ appended: 500, rejected: [] });
    const stored = await log.events(since);
    expect(stored).toHaveLength(1_000);
    expect(stored.filter((event) => event.run === 'run-2' && event.lines === 3)).toHaveLength(500);
    expect(new Set(stored.map((event) => event.producerNumber)).size).toBe(500);
  });

  test('what a prepared batch may not hold is refused with its place in the batch, and the rest is stored', async () => {
    const good = input(1, 'prepared-good');
    const events = pack([
      { ...good, minor: 1.5 },
      good,
      'no event',
      { ...good, at: (Math.floor(Date.now() / 86_400_000) + 3) * 86_400_000 },
    ]);
    const answer = await calls.importEvents({ run: 'run-p', source: 'shop', events });
    expect(answer.appended).toBe(1);
    expect(answer.rejected.map(({ index, reason }) => [index, reason]).sort()).toEqual([
      [0, 'bad-amount'],
      [2, 'not-an-object'],
      [3, 'future'],
    ]);
    await expect(calls.importEvents({ run: 'run-p', source: 'shop', events: pack({ a: 1 }) })).rejects.toThrow('array');
  });

  test('rows refused by the importer are listed by run', async () => {
    const row = { rowNumber: 7, reason: 'bad-time', column: 'date', detail: 'is not a time', raw: '1,x,2', rows: 2 };
    await calls.quarantineRows({ run: 'run-q', source: 'shop', rows: [row] });
    expect((await quarantined()).filter((found) => found.run === 'run-q')).toMatchObject([row]);
  });
});

describe('a restart', () => {
  test('finds its customers in the saved index, and without the file in the keyring', async () => {
    await calls.ingest(request([order('re1', 'returning')]));
    const sid = openIdIndex(calls.idIndex()).lookup('returning');
    const { customers } = await calls.status();
    for (const path of [`${engines.dataDir.path}/ids.index`, `${engines.dataDir.path}/elsewhere.index`]) {
      await gateway[Symbol.asyncDispose]();
      await open({ idIndexPath: path });
      expect(openIdIndex(calls.idIndex()).lookup('returning')).toEqual(sid);
      expect((await calls.status()).customers).toBe(customers);
    }
  });

  test('has a higher epoch, counters from 0, and still knows what was stored last', async () => {
    await calls.ingest(request([order('ep1', 'epoch')]));
    const { epoch } = await calls.status();
    await gateway[Symbol.asyncDispose]();
    await open();
    expect((await calls.status()).epoch).toBeGreaterThan(epoch);
    expect(await calls.ingest(request([order('ep1', 'epoch')]))).toMatchObject({ duplicates: 1 });
    await calls.ingest(request([order('ep2', 'epoch')]));
    expect((await log.events(since)).map((event) => event.counter)).toEqual([0, 0]);
  });
});
