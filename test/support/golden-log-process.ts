// Makes events.zst: a log of a shop of 6,000 customers that never was, with every type of event and fact there is. Run once, by
// `node test/support/golden-log-process.ts`; its bytes are what every later version must fold to the same state. A new type gets a log
// of its own beside this one: this one is never made again.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { constants, zstdCompressSync } from 'node:zlib';
import { type Fact, partitionOf, type StoredEvent } from '#domain/envelope.ts';
import { dayOf, type Offsets, offsetsOf } from '#domain/time.ts';
import { encodeFact, type PackHeader, PackWriter } from '#streams/pack.ts';

const SEED = 47;
const ROUNDS = 120;
const EVENTS_A_ROUND = 1_800;
const LANES = 4;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2024, 0, 1);
/** One round a little more than four days. */
const ROUND_MS = 101 * HOUR;
const KNOWN = 6_000;
const ANONYMOUS = 1_500;
const zones: Record<number, Offsets> = Object.fromEntries(
  ['America/New_York', 'Europe/Berlin'].map((zone, i) => [
    i + 1,
    offsetsOf(zone, START - 400 * DAY, START + 800 * DAY),
  ]),
);

/** Numerical Recipes' 32-bit generator: good enough to scatter, the same everywhere. */
let state = SEED;
const random = (below: number): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};
const chance = (percent: number): boolean => random(10_000) < percent * 100;
const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
const hashed = (text: string): Uint8Array => createHash('sha256').update(text).digest().subarray(0, 16);

const known = Array.from({ length: KNOWN }, (_, i) => hashed(`golden customer ${i}`));
const anonymous = Array.from({ length: ANONYMOUS }, (_, i) => hashed(`golden device ${i}`));
/** Small numbers in wide fields: the file stays small. */
const key = (length: number, number: number): Uint8Array => {
  const bytes = new Uint8Array(length).fill(0x47);
  new DataView(bytes.buffer).setUint32(0, number, true);
  return bytes;
};

const messages: { subject: string; bytes: Uint8Array }[] = [];
let writer = { gateway: 'g1', epoch: 1 };
let counters = new Uint32Array(64);
let now = START;
const header = (): PackHeader => ({ tenant: 'main', ...writer, ingestedAt: now });
const say = (fact: Fact) => messages.push({ subject: 'evt.all.main', bytes: encodeFact(fact, header()) });

let zoneVersion = 1;
let events = 0;
let orders = 0;
const recent: StoredEvent[] = [];

const eventAt = (sid: Uint8Array, changes: Partial<StoredEvent>): StoredEvent => {
  const late = chance(2) ? (1 + random(30)) * DAY : random(ROUND_MS);
  const dateOnly = chance(10);
  const instant = now - late;
  const at = dateOnly ? Math.floor(instant / DAY) * DAY : Math.floor(instant / 60_000) * 60_000;
  const number = ++events;
  return {
    sid,
    anonymous: false,
    counter: 0,
    eventHash: key(16, number),
    type: 'order.placed',
    schemaVersion: 1,
    at,
    dateOnly,
    day: dateOnly ? at / DAY : dayOf(at, zones[zoneVersion]!),
    zoneVersion,
    source: pick(['shop', 'shop', 'app', 'till']),
    policyVersion: 1,
    run: null,
    producerNumber: 0,
    lines: 1,
    orderHash: null,
    refundedOrderHash: null,
    revision: 0,
    minor: null,
    currency: null,
    channel: pick(['web', 'shop', null]),
    name: null,
    props: null,
    traceId: null,
    correlationId: null,
    causationId: null,
    sealed: null,
    ...changes,
  };
};

const money = () => {
  if (chance(2)) return { minor: null, currency: null };
  return { minor: chance(1) ? 0 : 100 * (1 + random(120)), currency: pick(['EUR', 'EUR', 'EUR', 'GBP', 'JPY', 'KWD']) };
};

function anyEvent(): StoredEvent {
  // Few buy often, most seldom.
  const sid = known[Math.floor((random(KNOWN) * random(KNOWN)) / KNOWN)]!;
  const kind = random(1_000);
  if (kind < 560) {
    const orderHash = chance(90) ? key(8, ++orders) : null;
    const lines = chance(20) ? 1 + random(6) : 1;
    return eventAt(sid, { orderHash, lines, ...money(), ...(chance(1) ? { sealed: key(48, events) } : {}) });
  }
  if (kind < 600) {
    const of = recent.findLast((each) => each.type === 'order.placed' && each.orderHash !== null && chance(30));
    const named = of !== undefined && chance(60) ? { refundedOrderHash: of.orderHash } : {};
    const amount = of?.minor ? { minor: of.minor, currency: of.currency } : { minor: 500, currency: 'EUR' };
    return eventAt(of?.sid ?? sid, { type: 'order.refunded', orderHash: key(8, ++orders), ...named, ...amount });
  }
  if (kind < 850) {
    const device = chance(40);
    const name = pick(['page viewed', 'cart filled', 'search', 'mail opened', 'app opened']);
    return eventAt(device ? pick(anonymous) : sid, { type: 'activity.recorded', name, anonymous: device });
  }
  if (kind < 900) {
    const type = pick([
      'subscription.started',
      'subscription.renewed',
      'subscription.renewed',
      'subscription.cancelled',
    ] as const);
    const name = pick(['basic', 'plus']);
    return eventAt(sid, { type, name, orderHash: key(8, 1_000_000 + random(3_000)), minor: 999, currency: 'EUR' });
  }
  if (kind < 940) {
    const props = { country: pick(['DE', 'FR', 'GB']), age: 18 + random(60), vip: chance(10) };
    return eventAt(sid, { type: 'customer.identified', props, traceId: `t-${random(50)}` });
  }
  if (kind < 965)
    return eventAt(sid, { type: 'consent.changed', name: pick(['mail', 'profile']), props: { granted: chance(70) } });
  if (kind < 985) return eventAt(sid, { type: 'experiment.exposed', name: 'banner', props: { arm: pick(['a', 'b']) } });
  return eventAt(sid, {
    type: 'observation.recorded',
    name: 'score',
    props: { value: random(100) },
    correlationId: 'c-1',
    causationId: 'e-1',
  });
}

/** What comes again: the same event, an order corrected, an order in conflict with itself. */
function again(): StoredEvent | null {
  const before = recent[random(recent.length)];
  if (before === undefined) return null;
  if (chance(60) || before.type !== 'order.placed' || before.orderHash === null) return { ...before };
  const minor = 100 * (1 + random(120));
  const content = { minor, currency: before.currency ?? 'EUR', eventHash: key(16, ++events) };
  return { ...before, ...content, revision: before.revision + (chance(60) ? 1 : 0) };
}

function send(batch: StoredEvent[]): void {
  for (let lane = 0; lane < LANES; lane++) {
    const pack = new PackWriter();
    for (const event of batch) {
      const partition = partitionOf(event.sid);
      if (partition % LANES === lane) pack.add({ ...event, counter: counters[partition]!++ });
    }
    if (pack.count > 0) messages.push({ subject: `evt.${lane}.main`, bytes: pack.encode(header()) });
  }
}

const importRun = (run: string, batch: StoredEvent[], options: { digest: string; amend?: boolean }) => {
  const { digest, amend = false } = options;
  say({
    type: 'import.started',
    run,
    source: 'file',
    digest,
    backfill: true,
    amend,
    startedAt: now,
    coverage: 'complete',
  });
  send(batch.map((event, i) => ({ ...event, run, source: 'file', producerNumber: i + 1 })));
  say({ type: 'import.finished', run, rows: batch.length, events: batch.length, quarantinedRows: 3 });
};

say({
  type: 'workspace.created',
  workspaceId: '00000000-0000-4000-8000-000000000047',
  reportingCurrency: 'USD',
  zone: 'America/New_York',
  name: 'golden',
});
say({ type: 'currency.set', reportingCurrency: 'EUR' });
say({ type: 'zone.set', version: 1, zone: 'America/New_York', offsets: zones[1]! });
say({ type: 'fx.rates.set', day: dayOf(START, [[0, 0]]) - 60, rates: { GBP: '1.17', JPY: '0.0062' } });
say({ type: 'source.covered', source: 'till', coverage: START + 20 * DAY, burnInDays: 30, version: 1 });
say({
  type: 'churn.defined',
  ctlSequence: 2,
  kind: 'non-contractual',
  horizonDays: 90,
  graceDays: 0,
  activeWithinDays: 365,
});

let imported: StoredEvent[] = [];
for (let round = 0; round < ROUNDS; round++) {
  now = START + (round + 1) * ROUND_MS;
  const batch: StoredEvent[] = [];
  while (batch.length < EVENTS_A_ROUND) {
    const event = (chance(4) ? again() : null) ?? anyEvent();
    batch.push(event);
    // Ids are known for 30 days: what comes again here comes within them.
    if (recent.push(event) > 4_000) recent.shift();
  }
  send(batch);
  if (round % 25 === 7) messages.push({ ...messages.at(-2)! }); // A pack that was sent twice.
  for (let i = 0; i < 12; i++)
    say({ type: 'customer.linked', anonymous: anonymous[round * 12 + i]!, known: pick(known) });
  if (round % 4 === 3) {
    // Two known ids of one person: the smaller one stays. Each is joined once.
    const [a, b] = [known[KNOWN - 1 - round]!, known[KNOWN - 1 - round - ROUNDS]!];
    const [small, large] = Buffer.compare(a, b) < 0 ? [a, b] : [b, a];
    say({ type: 'customer.linked', anonymous: large, known: small });
  }
  // Some of them go on buying; those who were linked are gone with all their ids.
  if (round % 2 === 1) say({ type: 'customer.erased', sids: [known[round * 7]!], at: now });
  if (round === 30) {
    imported = Array.from({ length: 2_000 }, anyEvent);
    importRun('run-1', imported, { digest: 'a1'.repeat(32) });
  }
  if (round === 32) importRun('run-2', imported, { digest: 'a1'.repeat(32) });
  if (round === 34)
    importRun(
      'run-3',
      imported
        .filter(({ type, orderHash }) => type === 'order.placed' && orderHash !== null)
        .slice(0, 300)
        .map((event) => ({ ...event, minor: 4_700, currency: 'EUR', revision: 1_700_000_000 })),
      { digest: 'b2'.repeat(32), amend: true },
    );
  if (round === 40) say({ type: 'clock.set', mode: 'wall' });
  if (round === 41) say({ type: 'clock.set', mode: 'log' });
  if (round === 45)
    say({
      type: 'model.deployed',
      ctlSequence: 9,
      kind: 'purchases',
      model: 'bg-nbd',
      version: 1,
      digest: 'c3'.repeat(32),
      at: now,
    });
  if (round === 50) say({ type: 'fx.rates.set', day: dayOf(now, [[0, 0]]), rates: { GBP: '1.19', KWD: '2.99' } });
  if (round === 55)
    say({ type: 'source.covered', source: 'till', coverage: START + 40 * DAY, burnInDays: 10, version: 12 });
  if (round === 60) {
    writer = { gateway: 'g1', epoch: 2 }; // The gateway was started again.
    counters = new Uint32Array(64);
  }
  if (round === 70) {
    zoneVersion = 2;
    say({ type: 'zone.set', version: 2, zone: 'Europe/Berlin', offsets: zones[2]! });
  }
  if (round === 80)
    say({
      type: 'churn.defined',
      ctlSequence: 20,
      kind: 'contractual',
      horizonDays: 30,
      graceDays: 7,
      activeWithinDays: null,
    });
  if (round === 90) say({ type: 'ledger.rezoned', version: 2, zone: 'Europe/Berlin', offsets: zones[2]! });
  if (round === 100)
    say({
      type: 'model.deployed',
      ctlSequence: 31,
      kind: 'spend',
      model: 'gamma-gamma',
      version: 1,
      digest: 'd4'.repeat(32),
      at: now,
    });
}

// [length of the subject, 1 byte][length of the bytes, 4 bytes little endian][subject][bytes] … of each message, in the log's order.
const parts = messages.flatMap(({ subject, bytes }) => {
  const head = Buffer.alloc(5);
  head.writeUInt8(subject.length);
  head.writeUInt32LE(bytes.length, 1);
  return [head, Buffer.from(subject), bytes];
});
const file = zstdCompressSync(Buffer.concat(parts), {
  params: {
    [constants.ZSTD_c_compressionLevel]: 19,
    [constants.ZSTD_c_windowLog]: 25,
    [constants.ZSTD_c_enableLongDistanceMatching]: 1,
  },
});
writeFileSync(new URL('../golden/log/events.zst', import.meta.url), file);
process.stdout.write(`${messages.length} messages, ${file.length} bytes\n`);
