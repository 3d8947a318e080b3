// Events while the program runs: every door changes the answer, and nothing acknowledged is lost or doubled when processes are killed.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { pack } from 'msgpackr';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectNats } from '#streams/jetstream/connection.ts';
import type { ClvGolden } from '../domain/models/golden-suites.ts';
import { csvRows, fixture, golden } from '../support/histories.ts';
import { type Program, removeFolders, serve, temporaryFolder, until } from '../support/program.ts';
import { deploy } from './model-suites.ts';

interface Ingested {
  accepted: number;
  duplicates: number;
  rejected: { index: number; id: string | null; reason: string; detail: string }[];
  seq: number;
}
interface Churn {
  p_churn: number;
  p_alive: number;
  basis: string;
  features: { frequency: number; recency_days: number; T_days: number };
  as_of: { seq: number; at: string };
}
interface Detail {
  orders: number;
  frequency: number;
  net: number;
  timeline: { day: string; type: string; amount: string | null }[];
}

const order = (customer_id: string, day: string, data: Record<string, unknown> = {}) => ({
  type: 'order.placed',
  customer_id,
  at: `${day}T10:00:00Z`,
  data: { amount: '20.00', currency: 'EUR', ...data },
});

const folder = temporaryFolder('live');
const dataDir = join(folder, 'main');
let program: Program;
let shop: { writeKey: string; nats: { url: string; creds: string } };
let publisher: NatsConnection;

const post = (body: unknown, query = '') =>
  program.request<Ingested>('POST', `/api/events${query}`, { body, headers: { 'content-type': 'application/json' } });
const churn = (customer_id: string) => program.call<Churn>('POST', '/api/predict/churn', { customer_id });
const frequencyOf = async (id: string, wanted: number) =>
  until(`${id} has ${wanted} repeat purchases`, async () => {
    const answer = await churn(id);
    return answer.basis === 'history' && answer.features.frequency === wanted && answer;
  });
const detail = (id: string) => program.customer<Detail>(id);

beforeAll(async () => {
  program = await serve(['--empty', '--data-dir', dataDir]);
  const { bgnbd_params: bgNbd, gammagamma_params: gammaGamma } = golden<ClvGolden>('clv.json');
  await deploy(program, folder, { bgNbd, gammaGamma });
  shop = await program.json(['source', 'add', 'shop']);
  publisher = await connectNats({ servers: [shop.nats.url], seed: shop.nats.creds });
});
afterAll(async () => {
  await publisher.close();
  await removeFolders();
});

describe('an event sent now changes the answer', () => {
  test('by HTTP: the first order makes a customer, the second a repeat purchase', async () => {
    expect((await churn('c-http')).basis).toBe('prior');
    const first = await post([order('c-http', '2026-01-10')]);
    expect([first.status, first.body.accepted]).toEqual([202, 1]);
    await frequencyOf('c-http', 0);
    await post(order('c-http', '2026-02-10'));
    const after = await frequencyOf('c-http', 1);
    expect(after.features).toEqual({ frequency: 1, recency_days: 31, T_days: 31 });
    expect(after.as_of.seq).toBeGreaterThanOrEqual(first.body.seq);
  });

  test('by NATS, as JSON and as msgpack, with the credentials of the source', async () => {
    const js = jetstream(publisher);
    await js.publish('in.shop', JSON.stringify(order('c-nats', '2026-01-10')));
    await frequencyOf('c-nats', 0);
    await js.publish('in.shop', pack([order('c-nats', '2026-01-20'), order('c-nats', '2026-02-05')]));
    expect((await frequencyOf('c-nats', 2)).features.recency_days).toBe(26);
    // Asked, it is answered with the verdict; the queue's acknowledgement says only that a message waits.
    const asked = async (body: object) =>
      (await publisher.request('ask.shop', JSON.stringify(body), { timeout: 10_000 })).json<Ingested>();
    expect(await asked(order('c-nats', '2026-02-06'))).toMatchObject({ accepted: 1, rejected: [] });
    const refused = { accepted: 0, rejected: [{ reason: 'missing-customer' }] };
    expect(await asked({ ...order('c-nats', '2026-02-07'), customer_id: undefined })).toMatchObject(refused);
  });

  test('the credentials of a source publish to its own subject and to no other', async () => {
    const js = jetstream(publisher, { timeout: 1_000 });
    await expect(js.publish('in.api', JSON.stringify(order('c-foreign', '2026-01-10')))).rejects.toThrow(/permission/i);
    await expect(js.publish('evt.0.main', 'x')).rejects.toThrow(/permission/i);
    expect((await churn('c-foreign')).basis).toBe('prior');
    // JetStream acknowledges to where the publisher says, with its own rights: whatever lies there stops nobody, the starts below neither.
    const replies = ['ctl.main.job.x', 'ctl.main.source.shop', 'evt.all.main', 'evt.0.main', 'qua.main.x'];
    for (const reply of [...replies, 'dlq.ledger.all', '$KV.lease.gateway.g1'])
      publisher.publish('in.shop', JSON.stringify(order('c-replies', '2026-02-06', { order_id: reply })), { reply });
    const arrived = async () => (await detail('c-replies')).orders === replies.length + 2;
    await until('the messages that were acknowledged elsewhere', arrived);
  });

  test('by Segment’s track with the write key', async () => {
    const authorization = `Basic ${Buffer.from(`${shop.writeKey}:`).toString('base64')}`;
    const track = (day: string, id: string) =>
      program.request<Ingested & { success: boolean }>('POST', '/v1/track', {
        token: null,
        headers: { authorization },
        body: {
          userId: 'c-segment',
          event: 'Order Completed',
          messageId: `m-${id}`,
          timestamp: `${day}T09:00:00Z`,
          properties: { order_id: id, revenue: 12.5, currency: 'EUR' },
        },
      });
    expect(await track('2026-01-05', 's-1')).toMatchObject({ status: 200, body: { success: true, accepted: 1 } });
    await track('2026-01-25', 's-2');
    expect((await frequencyOf('c-segment', 1)).features.recency_days).toBe(20);
    expect((await detail('c-segment')).net).toBe(25);
    expect((await track('2026-01-25', 's-2')).body).toMatchObject({ accepted: 0, duplicates: 1 });
    const wrong = await program.request('POST', '/v1/track', {
      token: null,
      headers: { authorization: `Basic ${Buffer.from('wrong:').toString('base64')}` },
      body: {},
    });
    expect(wrong.status).toBe(401);
  });
});

describe('what an event means', () => {
  test('twins in one batch are two orders; the batch again is none', async () => {
    const batch = [order('c-twins', '2026-01-10'), order('c-twins', '2026-01-10')];
    expect((await post(batch)).body).toMatchObject({ accepted: 2 });
    await until('both are counted', async () => (await detail('c-twins')).orders === 2);
    await post(batch);
    await post(order('c-twins', '2026-03-01'));
    await frequencyOf('c-twins', 1);
    expect(await detail('c-twins')).toMatchObject({ orders: 3, frequency: 1, net: 60 });
  });

  test('an order id again is a duplicate whatever door it comes through; a higher revision corrects it', async () => {
    const data = { order_id: 'o-again', amount: '30.00' };
    await post(order('c-again', '2026-01-10', data), '?source=shop');
    await jetstream(publisher).publish('in.shop', JSON.stringify(order('c-again', '2026-01-10', data)));
    await post(order('c-again', '2026-02-10', { order_id: 'o-next' }), '?source=shop');
    await frequencyOf('c-again', 1);
    expect(await detail('c-again')).toMatchObject({ orders: 2, net: 50 });
    await post(order('c-again', '2026-01-10', { ...data, amount: '35.00', revision: 1 }), '?source=shop');
    await until('the correction holds', async () => (await detail('c-again')).net === 55);
    expect(await detail('c-again')).toMatchObject({ orders: 2, frequency: 1 });
  });

  test('one order told in two ways at one revision is a conflict: one content stays, the other is in the quarantine', async () => {
    await post(order('c-conflict', '2026-01-10', { order_id: 'o-conflict', amount: '12.00' }));
    await post(order('c-conflict', '2026-01-10', { order_id: 'o-conflict', amount: '10.00' }));
    const { items } = await until('the conflict is listed', async () => {
      const page = await program.call<{ items: { detail: string }[] }>('GET', '/api/quarantine?reason=conflict');
      return page.items.length > 0 && page;
    });
    expect(items).toHaveLength(1);
    expect(items[0]!.detail).toContain('10.00 EUR');
    expect(await detail('c-conflict')).toMatchObject({ orders: 1, net: 12 });
  });

  test('what comes later changes no old answer: the same as_of gives the same text', async () => {
    await post([order('c-past', '2026-01-10'), order('c-past', '2026-02-10')]);
    await frequencyOf('c-past', 1);
    const { seq } = await program.call<{ seq: number }>('GET', '/api/log');
    const ask = (as_of: object) =>
      program.request<Churn>('POST', '/api/predict/churn', { body: { customer_id: 'c-past', as_of } });
    const before = await ask({ seq, at: '2026-03-01' });
    // Late, and older than everything known.
    await post(order('c-past', '2025-12-01'));
    await frequencyOf('c-past', 2);
    expect((await ask({ seq, at: '2026-03-01' })).text).toBe(before.text);
    const now = await ask({ at: '2026-03-01' });
    expect([before.body.features.T_days, now.body.features.T_days]).toEqual([50, 90]);
  });

  test('a refund lowers money from its own day on and never a purchase day', async () => {
    await post([
      order('c-refund', '2026-01-10', { order_id: 'r-1' }),
      order('c-refund', '2026-02-10', { order_id: 'r-2', amount: '40.00' }),
      {
        type: 'order.refunded',
        customer_id: 'c-refund',
        at: '2026-02-20T10:00:00Z',
        data: { refund_id: 'rf-1', order_id: 'r-2', amount: '40.00', currency: 'EUR' },
      },
    ]);
    await until('the refund is counted', async () => (await detail('c-refund')).net === 20);
    const clv = (at: string) =>
      program.call<{ features: { frequency: number; monetary_value: number | null } }>('POST', '/api/predict/clv', {
        customer_id: 'c-refund',
        as_of: { at },
      });
    expect((await clv('2026-02-19')).features).toMatchObject({ frequency: 1, monetary_value: 40 });
    expect((await clv('2026-02-20')).features).toMatchObject({ frequency: 1, monetary_value: null });
  });

  test('strict mode stores all or nothing; otherwise the bad ones are named and kept, by API and command line', async () => {
    const batch = [order('c-strict', '2026-01-10'), order('c-strict', '2026-01-11', { amount: 'twelve' })];
    const strict = await program.request<{ reason: string; rejected: Ingested['rejected'] }>(
      'POST',
      '/api/events?strict=1&source=shop',
      { body: batch },
    );
    expect(strict).toMatchObject({
      status: 400,
      body: { reason: 'strict-rejected', rejected: [{ index: 1, reason: 'bad-amount' }] },
    });
    expect((await churn('c-strict')).basis).toBe('prior');

    const lenient = await post(batch, '?source=shop');
    expect(lenient).toMatchObject({
      status: 202,
      body: { accepted: 1, rejected: [{ index: 1, reason: 'bad-amount' }] },
    });
    await frequencyOf('c-strict', 0);
    const listed = await program.call<{ items: { id: string; row: number; reason: string }[] }>(
      'GET',
      '/api/quarantine?reason=bad-amount&source=shop',
    );
    expect(listed.items).toMatchObject([{ row: 1, reason: 'bad-amount' }]);
    const told = await program.json<typeof listed>(['quarantine', 'list', '--reason', 'bad-amount']);
    expect(told.items.map((item) => item.id)).toEqual(listed.items.map((item) => item.id));
    const shown = await program.json<{ raw: string }>(['quarantine', 'show', told.items[0]!.id]);
    expect(JSON.parse(shown.raw)).toEqual(batch[1]);
  });
});

describe('kill -9', () => {
  const people = Array.from({ length: 60 }, (_, i) => `k-${i}`);
  /** Sends until it is acknowledged, as a publisher does. Answers how often it had to. */
  async function insist(body: unknown): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      try {
        if ((await post(body, '?source=shop')).status === 202) return attempt;
      } catch {
        // The connection was lost: was it stored? The same orders again are duplicates.
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  const batchOf = (n: number) =>
    people.map((id, i) => ({
      ...order(id, `2026-0${1 + (n % 9)}-${String(1 + (i % 28)).padStart(2, '0')}`, { order_id: `${id}-${n}` }),
      id: `e-${id}-${n}`,
    }));

  test.each(['nats', 'postgres'] as const)('of %s while events are posted: none lost, none doubled', async (engine) => {
    const before = await program.sql<{ n: number }>('select count(*)::int as n from rm.transactions');
    const first = engine === 'nats' ? 0 : 100;
    const pid = program.enginePid(engine);
    let sent = 0;
    let attempts = 0;
    const posting = (async () => {
      for (let n = first; n < first + 40; n++) {
        attempts += await insist(batchOf(n));
        sent += people.length;
      }
    })();
    const published = (async () => {
      const js = jetstream(publisher, { timeout: 2_000 });
      for (let n = first; n < first + 10; n++)
        await until('IN takes it', () =>
          js.publish('in.shop', JSON.stringify(order('k-nats', '2026-03-03', { order_id: `n-${n}` })), {
            msgID: `n-${n}`,
          }),
        );
    })();
    await until('some are acknowledged', async () => sent > 0);
    process.kill(pid, 'SIGKILL');
    await Promise.all([posting, published]);
    expect(attempts).toBeGreaterThanOrEqual(40);
    expect(program.enginePid(engine)).not.toBe(pid);

    const wanted = before[0]!.n + 40 * people.length + 10;
    await until(`the tables hold ${wanted} orders`, async () => {
      const [row] = await program.sql<{ n: number }>('select count(*)::int as n from rm.transactions');
      if (row!.n > wanted) throw new Error(`${row!.n} orders, ${wanted} were sent`);
      return row!.n === wanted;
    });
    for (const id of ['k-0', 'k-59', 'k-nats']) {
      const own = first === 0 ? 1 : 2;
      expect((await detail(id)).orders, id).toBe(own * (id === 'k-nats' ? 10 : 40));
    }
    const log = await program.call<{ orders: number }>('GET', '/api/log');
    expect(log.orders).toBe(wanted - 1); // one row is a refund
  });

  test('of the whole server: started again it gives the same answers to the last bit', async () => {
    // A population with histories of every length, besides the customers of the tests above.
    await program.json(['import', fixture('clv_transactions.csv'), '--source', 'shop-file', '--no-fit']);
    const ids = [
      ...new Set(csvRows(fixture('clv_transactions.csv')).map((row) => row.customer_id!)),
      ...people,
      'c-http',
      'c-nats',
      'c-segment',
      'c-twins',
      'c-again',
      'c-refund',
    ];
    const { seq } = await program.call<{ seq: number }>('GET', '/api/log');
    const answers = async () => {
      const items = ids.map((customer_id) => ({ customer_id }));
      const as_of = { seq, at: '2026-10-01' };
      const [churnText, clvText, log] = await Promise.all([
        program.request('POST', '/api/predict/churn', { body: { items, as_of } }),
        program.request('POST', '/api/predict/clv', { body: { items, as_of } }),
        program.call<{ digests: { state: string; portable: string } }>('GET', '/api/log?portable=1'),
      ]);
      expect([churnText.status, clvText.status]).toEqual([200, 200]);
      return { churn: churnText.text, clv: clvText.text, state: log.digests.state, portable: log.digests.portable };
    };
    const before = await answers();
    expect(before.churn).toContain('"p_churn":0.');
    // Acknowledged at the last moment: must be there afterwards.
    await insist(order('c-last', '2026-01-10'));
    await program.kill();

    program = await serve(['--data-dir', dataDir]);
    await frequencyOf('c-last', 0);
    const after = await answers();
    expect(after.churn).toBe(before.churn);
    expect(after.clv).toBe(before.clv);

    await program.kill();
    const { state, portable } = after;
    program = await serve(['--data-dir', dataDir]);
    expect(await answers()).toMatchObject({ state, portable });
    expect(await program.stop()).toBe(0);
    program = await serve(['--data-dir', dataDir]);
    expect(await answers()).toEqual({ ...before, state, portable });
  });
});

describe('what is left behind', () => {
  test('no customer id and no order id in logs, metrics, snapshots, artefacts or the log’s own files', async () => {
    const names = ['k-59-139', 'o-again', 'c-segment', 'C0402', 'c-refund'];
    const { metricsUrl } = JSON.parse(readFileSync(join(dataDir, 'run.json'), 'utf8')) as { metricsUrl: string };
    const metrics = await (await fetch(metricsUrl)).text();
    expect(metrics).toMatch(/^# TYPE /m);
    const texts: [string, Buffer][] = [
      ['metrics', Buffer.from(metrics)],
      ['stderr', Buffer.from(program.stderr)],
    ];
    for (const kept of ['logs', 'nats', 'snapshots', 'artefacts'])
      for (const entry of readdirSync(join(dataDir, kept), { recursive: true, withFileTypes: true }))
        if (entry.isFile()) texts.push([join(kept, entry.name), readFileSync(join(entry.parentPath, entry.name))]);
    expect(texts.length).toBeGreaterThan(20);
    const found = texts.flatMap(([where, bytes]) =>
      names.filter((name) => bytes.includes(name)).map((name) => `${name} in ${where}`),
    );
    expect(found).toEqual([]);
    // The keyring is where ids are, and only there.
    const [known] = await program.sql<{ n: number }>(
      `select count(*)::int as n from information_schema.columns where table_schema = 'rm' and column_name in ('customer_id', 'order_id')`,
    );
    expect(known!.n).toBe(0);
  });
});
