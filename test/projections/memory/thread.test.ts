// The fold as it runs: a thread with its own connection, following JetStream, called over ports, its columns read from here.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createCustomerColumns, openColumns } from '#projections/memory/columns.ts';
import { startGuardedFold } from '#projections/memory/guarded-thread.ts';
import type { FoldMessage } from '#projections/memory/protocol.ts';
import { adoptSnapshot } from '#projections/memory/snapshot.ts';
import { foldCalls, startFoldThread } from '#projections/memory/thread.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { startNatsServer } from '../../support/nats-server.ts';
import { createWriter, hex, order, sidOf } from './scenario.ts';

test('events acknowledged by JetStream are in the columns; a second thread goes on from the snapshot of the first', async () => {
  await using server = await startNatsServer();
  const dir = mkdtempSync(join(tmpdir(), 'axiom47-fold-thread-'));
  const nc = await server.connect();
  await ensureTopology(nc);
  const store = createJetStreamStore(nc);
  const writer = createWriter();
  await store.append('evt.0.main', writer.pack([order('ann', '1', 10, 100), order('bob', '2', 11, 300)]));
  const lines: { level: string; message: string }[] = [];
  const keep = (level: string) => (fields: object, message: string) => void lines.push({ level, message, ...fields });
  const log = { info: keep('info'), warn: keep('warn'), error: keep('error') };
  const heard: FoldMessage[] = [];
  const link = { nats: { servers: [server.url] } };
  const config = {
    snapshotDir: dir,
    ledger: { maxCustomers: 1 << 12, reportingCurrency: 'EUR' },
  };
  try {
    let digest: unknown;
    {
      await using fold = await startFoldThread(config, link, log, (message) => heard.push(message));
      const columns = openColumns(fold.columns);
      const out = createCustomerColumns();
      await fold.calls.waitFor(1);
      expect(columns.read(columns.rowOf(sidOf('ann')), out)).toBe(true);
      expect(out).toMatchObject({ firstDay: 10, orders: 1, netMinor: 100, seq: 1 });

      const { seq } = await store.append('evt.1.main', writer.pack([order('ann', '3', 20, 50)]));
      await fold.calls.waitFor(seq);
      columns.read(columns.rowOf(sidOf('ann')), out);
      expect(out).toMatchObject({ frequency: 1, moneyMinor: 50, netMinor: 150, seq: 2 });

      const other = foldCalls(fold.connect());
      const { rows, seq: complete } = await other.dirtyRows(0, 10);
      expect(complete).toBe(2);
      expect(rows.seqs).toHaveLength(2);
      expect((await other.entries(sidOf('ann')))!.orders.map((o) => o.day)).toEqual([10, 20]);
      expect(await other.trainingStatistics()).toMatchObject({
        day: 20,
        firstDay: 10,
        currency: 'EUR',
        evidence: { day: 20, earlier: null },
      });
      const ids = new Map(['ann', 'bob'].map((id) => [hex(sidOf(id)), id]));
      expect((await other.portableDigest(ids)).portable).toMatch(/^[0-9a-f]{32}$/);
      digest = await fold.calls.digest();
    }
    expect(lines.map((line) => line.message)).toContain('snapshot saved');
    expect(heard[0]).toMatchObject({ event: 'ready', position: { seq: 0 } });
    {
      await using fold = await startFoldThread(config, Promise.resolve(link), log);
      expect(await fold.calls.position()).toMatchObject({ seq: 2, snapshotSeq: 2, customers: 2 });
      expect(await fold.calls.digest()).toEqual(digest);
    }
    expect(lines.filter((line) => line.level !== 'info')).toEqual([]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test('a thread that cannot start says why', async () => {
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const snapshotDir = mkdtempSync(join(tmpdir(), 'axiom47-fold-thread-'));
  const config = { snapshotDir, ledger: {} };
  try {
    await expect(startFoldThread(config, { nats: { servers: ['127.0.0.1:9'] } }, log)).rejects.toThrow(
      /ECONNREFUSED|refused/i,
    );
    const never = Promise.reject(new Error('the log was never reached'));
    await expect(startFoldThread(config, never, log)).rejects.toThrow('the log was never reached');
  } finally {
    rmSync(snapshotDir, { recursive: true, force: true });
  }
});

test('a fold goes on from the snapshot put in its place, under traffic: its columns answer all the while, and calls wait', async () => {
  await using server = await startNatsServer();
  const dir = mkdtempSync(join(tmpdir(), 'axiom47-fold-exchange-'));
  const nc = await server.connect();
  await ensureTopology(nc);
  const store = createJetStreamStore(nc);
  const writer = createWriter();
  const lines: { level: string; message: string }[] = [];
  const keep = (level: string) => (fields: object, message: string) => void lines.push({ level, message, ...fields });
  const log = { info: keep('info'), warn: keep('warn'), error: keep('error') };
  const nats = { servers: [server.url] };
  const configOf = (name: string) => ({ snapshotDir: join(dir, name), ledger: { maxCustomers: 1 << 12 } });
  let last = 0;
  const buy = async (n: number) => {
    ({ seq: last } = await store.append('evt.0.main', writer.pack([order('ann', `${n}`, 10 + n, 1)])));
  };
  try {
    await buy(0);
    const guard = { tried: async () => 1, stuck: () => new Map<string, number>() };
    await using live = await startGuardedFold({ nats, ...configOf('live') }, { log, hear: () => undefined, guard });
    await using other = await startFoldThread(configOf('other'), { nats }, log);
    await live.calls.waitFor(1);
    let going = true;
    let n = 1;
    const buying = (async () => {
      for (; going; n++) await buy(n);
    })();
    const out = createCustomerColumns();
    let looked = 0;
    const looking = (async () => {
      for (let orders = 0; going; looked++) {
        live.columns.read(live.columns.rowOf(sidOf('ann')), out);
        // Columns never go back; calls may, until the thread that has just begun is where the one before was.
        expect(out.orders).toBeGreaterThanOrEqual(orders);
        orders = out.orders;
        await sleep(1);
      }
    })();
    const asking = (async () => {
      while (going) expect((await live.calls.entries(sidOf('ann')))!.orders.length).toBeGreaterThan(0);
    })();
    try {
      await other.calls.waitFor(1);
      const saved = (await other.calls.snapshot())!;
      const before = looked;
      await live.exchange(() => adoptSnapshot(join(dir, 'other'), join(dir, 'live')));
      expect(looked).toBeGreaterThan(before);
      expect(JSON.parse(readFileSync(join(dir, 'live', 'MANIFEST.json'), 'utf8'))).toMatchObject({
        current: { seq: saved.seq, ledger: saved.ledger },
        previous: null,
      });
      // What cannot be put in its place leaves what was there.
      const full = () => Promise.reject(new Error('the disk is full'));
      await expect(live.exchange(full)).rejects.toThrow('the disk is full');
    } finally {
      going = false;
      await Promise.all([buying, looking, asking]);
    }
    await Promise.all([live.calls.waitFor(last), other.calls.waitFor(last)]);
    expect(await live.calls.digest()).toEqual(await other.calls.digest());
    expect((await live.calls.entries(sidOf('ann')))!.orders).toHaveLength(n);
    expect(lines.filter(({ message }) => message === 'snapshot restored')).toHaveLength(2);
    expect(
      lines.filter(({ level, message }) => level === 'error' || /snapshot cannot|not saved/.test(message)),
    ).toEqual([]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
