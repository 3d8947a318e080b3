import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { StoredEvent } from '#domain/envelope.ts';
import { createLedger } from '#projections/memory/ledger.ts';
import { createIds } from '#streams/gateway/ids.ts';
import { openKeyring } from '#streams/keyring/keyring.ts';
import { decodeMessage } from '#streams/pack.ts';
import { startTestEngines, type TestEngines } from '#test/support/engines.ts';
import { configOf, type Log, openLog, order } from './harness.ts';

let engines: TestEngines;
let log: Log;
let children: ChildProcess[] = [];

beforeAll(async () => {
  engines = await startTestEngines();
  log = await openLog(engines);
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await log?.[Symbol.asyncDispose]();
  await engines?.stop();
});

function start(options: { from?: number; count?: number; inDoor?: boolean }): {
  child: ChildProcess;
  lines: string[];
  closed: Promise<unknown>;
} {
  const config = configOf(engines, { inDoor: options.inDoor ?? false });
  const argument = {
    config: { ...config, kek: Buffer.from(config.kek).toString('base64') },
    from: options.from ?? 0,
    count: options.count ?? 0,
    size: 20,
  };
  const program = new URL('./ingesting-process.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [program, JSON.stringify(argument)], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const lines: string[] = [];
  createInterface({ input: child.stdout! }).on('line', (line) => lines.push(line));
  const closed = once(child, 'close').then(() => {
    children = children.filter((one) => one !== child);
  });
  return { child, lines, closed };
}
const until = async (condition: () => boolean | Promise<boolean>) => {
  while (!(await condition())) await sleep(5);
};

/** Per gateway, epoch and partition the counters are 0, 1, 2 …: nothing missing, nothing doubled. */
async function expectDenseCounters(): Promise<void> {
  const counters = new Map<string, number[]>();
  for (const { bytes } of await log.messages('EVT')) {
    const message = decodeMessage(bytes);
    if (message.kind !== 'pack') continue;
    const { gateway, epoch } = message.pack.header;
    for (let row = 0; row < message.pack.count; row++) {
      const key = `${gateway} ${epoch} ${message.pack.sid(row)[0]! & 63}`;
      const list = counters.get(key) ?? [];
      counters.set(key, list);
      list.push(message.pack.counter(row));
    }
  }
  expect(counters.size).toBeGreaterThan(64);
  for (const list of counters.values()) expect(list).toEqual(list.map((_, i) => i));
}
const headerOf = (bytes: Uint8Array) => {
  const message = decodeMessage(bytes);
  return message.kind === 'pack' ? message.pack.header : message.header;
};
const hashes = (events: StoredEvent[]): Map<string, number> => {
  const found = new Map<string, number>();
  for (const event of events) {
    const hash = Buffer.from(event.eventHash).toString('hex');
    found.set(hash, (found.get(hash) ?? 0) + 1);
  }
  return found;
};
async function hashOf(): Promise<(id: string) => string> {
  const config = configOf(engines);
  await using keyring = await openKeyring({ url: config.keyringUrl, kek: config.kek, mayCreate: false });
  const ids = createIds(keyring.idKey);
  return (id) => Buffer.from(ids.eventHash(`i\0shop\0${id}`)).toString('hex');
}

test('kill -9 while events come by HTTP: what was acknowledged is in the log once, also when all is sent again', async () => {
  let from = 0;
  const acknowledged = new Set<number>();
  for (const batches of [60, 90]) {
    const { child, lines, closed } = start({ from, count: 100_000 });
    await until(() => lines.length > batches);
    child.kill('SIGKILL');
    await closed;
    for (const line of lines.slice(1)) acknowledged.add(Number(line));
    // A publisher sends again what it was not told is stored: from the first batch without an answer.
    while (acknowledged.has(from)) from++;
  }
  const { lines, closed } = start({ from, count: 40 });
  await closed;
  for (const line of lines.slice(1)) acknowledged.add(Number(line));

  await expectDenseCounters();
  const found = hashes(await log.events());
  const hash = await hashOf();
  expect(acknowledged.size).toBeGreaterThan(100);
  for (const batch of acknowledged)
    for (let i = 0; i < 20; i++) expect(found.get(hash(`kill-${batch}-${i}`)), `batch ${batch}`).toBe(1);
  expect([...found.values()].filter((times) => times > 1)).toEqual([]);
});

test('kill -9 while messages come by NATS: every one of them is in the log, once, and IN is empty', async () => {
  const since = await log.last();
  const nc = await engines.nats.connect('publisher');
  const js = jetstream(nc);
  const messages = Array.from({ length: 1_500 }, (_, m) =>
    JSON.stringify(Array.from({ length: 20 }, (_, i) => order(`in-${m}-${i}`, `in-${(m * 20 + i) % 500}`))),
  );
  await Promise.all(messages.map((message) => js.publish('in.shop', message)));

  const first = start({ inDoor: true });
  await until(async () => (await log.last()) > since);
  first.child.kill('SIGKILL');
  await first.closed;
  const between = (await log.events(since)).length;

  const second = start({ inDoor: true });
  await until(async () => (await log.messages('IN')).length === 0);
  second.child.kill('SIGKILL');
  await second.closed;
  await nc.close();

  await expectDenseCounters();
  const found = hashes(await log.events(since));
  const hash = await hashOf();
  expect(between).toBeLessThan(30_000);
  expect(found.size).toBe(30_000);
  for (let m = 0; m < 1_500; m++) for (let i = 0; i < 20; i++) expect(found.get(hash(`in-${m}-${i}`))).toBe(1);
});

test('SIGSTOP, another gateway takes over, SIGCONT: the first takes nothing in any more, and every acknowledged event is in the log once', async () => {
  const since = await log.last();
  const first = start({ from: 200_000, count: 100_000 });
  await until(() => first.lines.length > 30);
  first.child.kill('SIGSTOP');
  const told = new Set(first.lines.slice(1).map(Number));
  // Publishers send to the other what they were not told is stored.
  let from = 200_000;
  while (told.has(from)) from++;
  const second = start({ from, count: 60 });
  await until(() => second.lines.length > 20);
  // It has been away for longer than its lease is good for without a look.
  await sleep(6_000);
  const before = await log.last();
  first.child.kill('SIGCONT');
  await first.closed;
  expect(first.lines.filter((line) => line === 'lost')).toHaveLength(1);
  expect(first.lines.filter((line) => line === 'refused')).toHaveLength(8);
  await second.closed;

  // What it had numbered when it stopped may still arrive; it was given nothing after.
  const stored = await log.messages('EVT', since);
  const epochs = [...new Set(stored.map(({ bytes }) => headerOf(bytes).epoch))].sort((a, b) => a - b);
  expect(epochs).toHaveLength(2);
  const late = stored.filter(({ seq, bytes }) => seq > before && headerOf(bytes).epoch === epochs[0]);
  expect(late.length).toBeLessThanOrEqual(8);

  await expectDenseCounters();
  const found = hashes(await log.events(since));
  const hash = await hashOf();
  const batches = [...first.lines, ...second.lines].filter((line) => /^\d+$/.test(line));
  for (const line of batches)
    for (let i = 0; i < 20; i++) expect(found.get(hash(`kill-${line}-${i}`)), `batch ${line}`).toBeGreaterThan(0);
  // What both were sent stands in the log twice; the fold counts it once.
  const ledger = createLedger({ maxCustomers: 1 << 12 });
  for (const [i, { bytes }] of stored.entries()) ledger.applyMessage(i + 1, decodeMessage(bytes));
  expect(ledger.store.orders.live).toBe(found.size);
  expect(ledger.conflicts.total).toBe(0);
}, 120_000);
