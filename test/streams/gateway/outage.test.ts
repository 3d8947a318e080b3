import { once } from 'node:events';
import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { pack } from 'msgpackr';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_POLICY } from '#domain/policy.ts';
import { source as sourceDecider } from '#domain/source.ts';
import { isAcknowledgement } from '#streams/acknowledgement.ts';
import { handle, load, loadAll } from '#streams/control.ts';
import { MAX_BODY_BYTES } from '#streams/gateway/body.ts';
import { type GatewayThread, startGatewayThread } from '#streams/gateway/thread.ts';
import { connectNats } from '#streams/jetstream/connection.ts';
import { createQuarantine } from '#streams/quarantine.ts';
import { startTestEngines, type TestEngines } from '#test/support/engines.ts';
import { configOf, doorsOf, type Log, openLog, order, request, silent, source } from './harness.ts';

/** A line to the keyring's server that can be cut and mended. */
async function createLine(target: URL): Promise<{ url: string; cut(): void; mend(): Promise<void>; close(): void }> {
  const open = new Set<Socket>();
  let server: Server;
  let port = 0;
  const mend = async () => {
    server = createServer((near) => {
      const far = tcpConnect(Number(target.port), target.hostname);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        open.add(one);
        one.on('error', () => other.destroy()).on('close', () => other.destroy());
        one.pipe(other);
      }
    }).listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as { port: number }).port;
  };
  const cut = () => {
    server.close();
    for (const socket of open) socket.destroy();
    open.clear();
  };
  await mend();
  const through = new URL(target);
  through.hostname = '127.0.0.1';
  through.port = String(port);
  return { url: through.href, cut, mend, close: cut };
}

let engines: TestEngines;
let log: Log;
let line: Awaited<ReturnType<typeof createLine>>;
let gateway: GatewayThread;
let nc: NatsConnection;
const plain = { ...DEFAULT_POLICY, orderIds: 'drop' } as const;

beforeAll(async () => {
  engines = await startTestEngines();
  log = await openLog(engines);
  line = await createLine(new URL(engines.postgres.keyringUrl));
  const sources = [source('shop'), source('plain', { policy: plain })];
  const config = configOf(engines, { keyringUrl: line.url, inDoor: true });
  gateway = await startGatewayThread(config, doorsOf({ sources }), silent);
  // With the inboxes of a publisher, which are not the system's.
  nc = await connectNats({ ...engines.nats.options, inboxPrefix: '_INBOX' });
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  line?.close();
  await nc?.close();
  await log?.[Symbol.asyncDispose]();
  await engines?.stop();
});
const until = async (condition: () => Promise<boolean>) => {
  while (!(await condition())) await sleep(20);
};
const inEmpty = () => until(async () => (await log.messages('IN')).length === 0);
const rows = async () => {
  const quarantine = createQuarantine({ store: log.store, remove: async () => undefined });
  return (await quarantine.list({ limit: 1_000 })).rows;
};

describe('the NATS door', () => {
  test('takes JSON and msgpack, one event or many, and acknowledges what is stored', async () => {
    const since = await log.last();
    const js = jetstream(nc);
    await js.publish('in.shop', JSON.stringify(order('n1', 'nats-1')));
    await js.publish('in.shop', ` \n${JSON.stringify([order('n2', 'nats-1'), order('n3', 'nats-2')])}`);
    await js.publish('in.shop', pack(order('n4', 'nats-3')));
    await js.publish('in.plain', pack([order('n5', 'nats-1'), order('n6', 'nats-2')]));
    await inEmpty();
    const events = await log.events(since);
    expect(events).toHaveLength(6);
    expect(events.map((event) => event.source).sort()).toEqual(['plain', 'plain', 'shop', 'shop', 'shop', 'shop']);
  });

  test('poison goes to the quarantine with its reason and does not come again', async () => {
    const js = jetstream(nc);
    await js.publish('in.shop', '{"id": ');
    await js.publish('in.nobody', JSON.stringify(order('x', 'y')));
    await js.publish('in.shop', JSON.stringify([order('ok-1', 'nats-1'), { type: 'order.placed' }]));
    await js.publish('in.shop', new Uint8Array([0xc1, 0xff]));
    await inEmpty();
    const reasons = (await rows()).map((row) => [row.source, row.reason]);
    expect(reasons).toContainEqual(['shop', 'not-json']);
    expect(reasons).toContainEqual(['nobody', 'unknown-source']);
    expect(reasons).toContainEqual(['shop', 'missing-customer']);
    expect(reasons.filter(([, reason]) => reason === 'not-json')).toHaveLength(2);
    expect((await rows()).find((row) => row.reason === 'unknown-source')!.raw).toBe(JSON.stringify(order('x', 'y')));
  });

  test('a request is answered: what was stored, what was refused and why, and what nobody waits for is kept', async () => {
    const since = await log.last();
    const ask = async (source: string, body: unknown) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const answer = await nc.request(`ask.${source}`, text, { timeout: 10_000 });
      return {
        ...answer.json<Record<string, unknown>>(),
        code: answer.headers?.get('Nats-Service-Error-Code') || null,
      };
    };
    const good = await ask('shop', order('ask-1', 'asking-1'));
    expect(good).toMatchObject({ accepted: 1, duplicates: 0, rejected: [], seq: await log.last(), code: null });
    // As over HTTP: what is good is stored, what is not is told and kept.
    expect(
      await ask('shop', [order('ask-2', 'asking-1'), { ...order('ask-3', 'asking-1'), at: 'soon' }]),
    ).toMatchObject({
      accepted: 1,
      rejected: [{ index: 1, id: 'ask-3', reason: 'bad-time' }],
      code: '422',
    });
    expect((await rows()).filter(({ reason }) => reason === 'bad-time')).toHaveLength(1);
    expect((await log.events(since)).map(({ source }) => source)).toEqual(['shop', 'shop']);

    const before = (await rows()).length;
    expect(await ask('shop', '{"id": ')).toMatchObject({ accepted: 0, error: { reason: 'bad-json' }, code: '400' });
    const unknown = { accepted: 0, error: { reason: 'unknown-source', detail: expect.stringContaining('source add') } };
    expect(await ask('stranger', order('ask-4', 'asking-1'))).toMatchObject({ ...unknown, code: '404' });
    expect(await rows()).toHaveLength(before);

    nc.publish('ask.shop', JSON.stringify(order('ask-5', 'asking-1')));
    nc.publish('ask.stranger', JSON.stringify(order('ask-6', 'asking-1')));
    await until(async () => (await rows()).length === before + 1);
    await until(async () => (await log.events(since)).length === 3);
    expect((await rows())[0]).toMatchObject({ source: 'stranger', reason: 'unknown-source' });
  });

  test('what a publisher names as reply is an inbox, or it is not answered', async () => {
    const jsm = await jetstreamManager(nc);
    const lastOf = async (stream: string) => (await jsm.streams.info(stream)).state.last_seq;
    const streams = ['CTL', 'EVT', 'IN', 'KV_lease'];
    const before = await Promise.all(streams.map(lastOf));
    const replies = [
      'ctl.main.job.x',
      'evt.0.main',
      'in.plain',
      '$KV.lease.gateway.g',
      '_INBOX',
      '_INBOX.a.*',
      'x._INBOX.a',
    ];
    for (const reply of replies) nc.publish('ask.shop', JSON.stringify(order(`r-${reply}`, 'replying-1')), { reply });
    // Answered one after the other: what came before it has been refused.
    const tooLong = await nc.request('ask.shop', ' '.repeat(MAX_BODY_BYTES + 1), { timeout: 10_000 });
    expect(tooLong.json()).toMatchObject({ accepted: 0, error: { reason: 'too-large' } });
    expect(tooLong.headers?.get('Nats-Service-Error-Code')).toBe('413');
    expect(await Promise.all(streams.map(lastOf))).toEqual(before);
  });

  test('an acknowledgement that a publisher had written into our streams stops no reader and no start', async () => {
    const meta = { actor: 'test', now: 0 };
    const settings = {
      ...{ ordersAs: 'web', zone: 'UTC', currency: null, coverage: 'complete' as const, burnInDays: 180 },
      ...{ policy: DEFAULT_POLICY, writeKeyHash: null },
    };
    await handle(log.store, sourceDecider, 'web', { type: 'AddSource', settings }, meta);
    const known = await load(log.store, sourceDecider, 'web');
    const since = await log.last();
    const lease = '$KV.lease.gateway.second';
    const replies = ['ctl.main.source.web', 'ctl.main.source.x', 'evt.all.main', 'evt.0.main', 'qua.main.x', lease];
    for (const reply of replies) nc.publish('in.shop', JSON.stringify(order(`i-${reply}`, 'injecting-1')), { reply });
    await until(async () => (await log.events(since)).length === replies.length);
    // JetStream does write them: no permission of the server's forbids it.
    expect((await log.messages('EVT', since)).filter(({ bytes }) => isAcknowledgement(bytes))).toHaveLength(2);
    expect(await log.store.lastSequence('CTL')).toBe(known.seq + 2);

    expect([...(await loadAll(log.store, sourceDecider))].map(([id]) => id)).toEqual(['web']);
    const set = await handle(log.store, sourceDecider, 'web', { type: 'SetZone', zone: 'Europe/Oslo' }, meta, known);
    expect(set).toMatchObject({ ok: true, value: { state: { zone: 'Europe/Oslo' } } });
    expect(await rows()).toBeInstanceOf(Array);
    const config = configOf(engines, { gateway: 'second', idIndexPath: `${engines.dataDir.path}/second.index` });
    await using second = await startGatewayThread(config, doorsOf({ sources: [source('shop')] }), silent);
    expect(await second.calls.ingest(request(order('i-after', 'injecting-2')))).toMatchObject({ accepted: 1 });
  });

  test('sources can be added while it runs', async () => {
    const since = await log.last();
    await gateway.calls.setSources([source('shop'), source('plain', { policy: plain }), source('late')]);
    await jetstream(nc).publish('in.late', JSON.stringify(order('l1', 'late-1')));
    await inEmpty();
    expect((await log.events(since)).map((event) => event.source)).toEqual(['late']);
  });
});

describe('keyring down', () => {
  test('known customers flow, unknown ones wait at the door, nothing is half-written, all arrives in the end', async () => {
    const send = (value: unknown, from = 'plain') => gateway.calls.ingest(request(value, { source: from }));
    await send([order('k1', 'known-1')]);
    const since = await log.last();
    const quarantinedBefore = (await rows()).length;
    line.cut();

    expect(await send([order('k2', 'known-1')])).toMatchObject({ accepted: 1 });
    const mixed = [order('k3', 'known-1'), order('k4', 'stranger'), { type: 'nope' }];
    await expect(send(mixed)).rejects.toMatchObject({ code: 'keyring-unavailable' });
    // Sealing asks for the customer's key, and a minute has not passed since nobody asked for it.
    await expect(send([order('k5', 'known-1', { order_id: 'o' })], 'shop')).rejects.toMatchObject({
      code: 'keyring-unavailable',
    });
    expect(await gateway.calls.status()).toMatchObject({ keyringAvailable: false, storeAvailable: true });
    await jetstream(nc).publish('in.plain', JSON.stringify([order('k6', 'stranger-2'), order('k7', 'known-1')]));
    await sleep(1_500);
    expect(await log.messages('IN')).toHaveLength(1);
    expect(await log.events(since)).toHaveLength(1);
    expect(await rows()).toHaveLength(quarantinedBefore);

    await line.mend();
    expect(await send(mixed)).toMatchObject({ accepted: 2, rejected: [{ index: 2 }] });
    await inEmpty();
    expect(await log.events(since)).toHaveLength(5);
    expect(await gateway.calls.status()).toMatchObject({ keyringAvailable: true });
  });

  test('cut in the middle of new customers: each request is stored whole or refused whole, and a retry completes it', async () => {
    const since = await log.last();
    const batches = Array.from({ length: 40 }, (_, b) =>
      Array.from({ length: 50 }, (_, i) => order(`cut-${b}-${i}`, `cut-${b}-${i}`)),
    );
    const send = (batch: unknown) => gateway.calls.ingest(request(batch, { source: 'plain' }));
    const under = batches.map((batch, b) =>
      sleep(b).then(() =>
        send(batch).then(
          (answer) => answer.accepted,
          (error: { code: string }) => error.code,
        ),
      ),
    );
    await sleep(15);
    line.cut();
    const outcomes = await Promise.all(under);
    expect(new Set(outcomes)).toContain('keyring-unavailable');
    for (const outcome of outcomes) expect([50, 'keyring-unavailable']).toContain(outcome);
    const stored = outcomes.filter((outcome) => outcome === 50).length;
    expect(await log.events(since)).toHaveLength(stored * 50);
    await line.mend();
    for (const batch of batches) await send(batch);
    expect(await log.events(since)).toHaveLength(2_000);
  });
});

describe('store down', () => {
  test('requests fail with store-unavailable, nothing is lost, and a retry is a duplicate', async () => {
    await gateway.calls.ingest(request([order('st0', 'stall')], { source: 'plain' }));
    const since = await log.last();
    process.kill(engines.nats.pid()!, 'SIGSTOP');
    try {
      const answer = await gateway.calls.ingest(request([order('st1', 'stall')], { source: 'plain' })).catch((e) => e);
      expect(answer).toMatchObject({ code: 'store-unavailable' });
      const next = await gateway.calls.ingest(request([order('st2', 'stall')], { source: 'plain' })).catch((e) => e);
      expect(next).toMatchObject({ code: 'store-unavailable' });
    } finally {
      process.kill(engines.nats.pid()!, 'SIGCONT');
    }
    await until(async () => (await gateway.calls.status()).storeAvailable);
    expect(await gateway.calls.ingest(request([order('st1', 'stall')], { source: 'plain' }))).toMatchObject({
      accepted: 0,
      duplicates: 1,
    });
    expect(await gateway.calls.ingest(request([order('st2', 'stall')], { source: 'plain' }))).toMatchObject({
      accepted: 1,
    });
    expect(await log.events(since)).toHaveLength(2);
  });
});
