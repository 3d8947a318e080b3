// What is wrong gets a clear word, and nothing is lost: files, requests, engines, data directories, snapshots, the keyring.

import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { jetstream } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ImportSummary } from '#ops/import/run-import.ts';
import { connectNats } from '#streams/jetstream/connection.ts';
import type { ClvGolden } from '../domain/models/golden-suites.ts';
import { fixture, golden } from '../support/histories.ts';
import { type Program, processesBelow, removeFolders, run, serve, temporaryFolder, until } from '../support/program.ts';
import { deploy } from './model-suites.ts';

const folder = temporaryFolder('bad-input');
const dataDir = join(folder, 'main');
let program: Program;
beforeAll(async () => {
  program = await serve(['--empty', '--data-dir', dataDir]);
});
afterAll(removeFolders);

const write = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const importing = (file: string, ...options: string[]) => run(['import', file, ...options, '--data-dir', dataDir]);
const order = (customer_id: string, day: string, order_id?: string) => ({
  type: 'order.placed',
  customer_id,
  at: `${day}T10:00:00Z`,
  data: { amount: '20.00', currency: 'EUR', ...(order_id && { order_id }) },
});
interface Log {
  seq: number;
  events: number;
  orders: number;
  customers: number;
  digests: { state: string; portable: string };
}
const logOf = () => program.call<Log>('GET', '/api/log?portable=1');

describe('a file', () => {
  test('with columns nobody knows: what is missing, what there is, and the nearest name to one that was misspelt', async () => {
    const file = write('unknown.csv', 'alpha,beta,gamma\nx,y,z\n');
    const unknown = await importing(file);
    expect(unknown).toMatchObject({ code: 2, stdout: '' });
    expect(unknown.stderr).toContain(
      `${file}: No column looks like a customer; name it with --customer COL. Columns there are: alpha, beta, gamma.`,
    );
    const orders = write('misspelt.csv', 'customer_id,date,amount\nc-1,2026-01-01,1.00\n');
    const misspelt = await importing(orders, '--customer', 'custmer_id');
    expect(misspelt.code).toBe(2);
    expect(misspelt.stderr).toContain("no column 'custmer_id' (--customer). Did you mean 'customer_id'?".slice(3));
    // The guess is shown before anything is stored.
    const dry = await importing(orders, '--dry-run');
    expect(dry.code).toBe(0);
    expect(dry.stderr).toMatch(/customer {2}customer_id\n {2}time {6}date\n {2}amount {4}amount\n/);
  });

  test('with odd rows: each is kept with row, column and reason, the rest is read, and the rows add up', async () => {
    const file = write(
      'odd.csv',
      [
        'customer_id,date,amount,currency',
        'o-1,2026-01-01,10.00,EUR',
        'o-2,2026-02-30,10.00,EUR',
        'o-3,yesterday,10.00,EUR',
        'o-4,2106-01-01,10.00,EUR',
        'o-5,2026-01-01,ten,EUR',
        'o-6,2026-01-01,-5.00,EUR',
        'o-7,2026-01-01,1e400,EUR',
        'o-8,2026-01-01,10.00,XXL',
        ',2026-01-01,10.00,EUR',
        'o-10,2026-01-01,NaN,EUR',
        'o-11,2026-01-01,10.00',
        'o-12,2026-01-02,"1,234.50",EUR',
        'o-13,2026-01-03,0,EUR',
        'o-14,2026-01-03,,EUR',
        'o-15,,10.00,EUR',
        '',
      ].join('\n'),
    );
    const done = await importing(file, '--source', 'odd', '--no-fit', '--json');
    expect(done.code).toBe(0);
    const summary = done.json<ImportSummary>();
    expect(summary).toMatchObject({ rows: 15, accepted: 2, quarantined: 13, gross: { EUR: '10.00' } });
    const refused = async () =>
      (
        await program.json<{ items: { row: number; column: string | null; reason: string }[] }>([
          'quarantine',
          'list',
          '--source',
          'odd',
        ])
      ).items;
    expect(
      (await refused())
        .map(({ row, column, reason }) => [row, column, reason])
        .sort((a, b) => Number(a[0]) - Number(b[0])),
    ).toEqual([
      [2, 'date', 'bad-time'],
      [3, 'date', 'bad-time'],
      [4, 'date', 'future'],
      [5, 'amount', 'bad-amount'],
      [6, 'amount', 'bad-amount'],
      [7, 'amount', 'bad-amount'],
      [8, 'currency', 'bad-currency'],
      [9, 'customer_id', 'missing-customer'],
      [10, 'amount', 'bad-amount'],
      [11, null, 'unparsable-row'],
      [12, 'amount', 'bad-amount'],
      [14, 'amount', 'missing-amount'],
      [15, 'date', 'missing-time'],
    ]);
    // Tried again with a row cured: what the first attempt left is settled, what is still refused stands there once.
    const better = await importing(file, '--source', 'odd', '--decimal', 'point', '--no-fit', '--json');
    expect(better.json<ImportSummary>()).toMatchObject({ accepted: 1, duplicates: 2, quarantined: 12, settled: 13 });
    expect((await refused()).map(({ row }) => row).sort((a, b) => a - b)).toEqual([
      2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15,
    ]);
  });

  test.each([
    ['absent.csv', null, /absent\.csv: there is no such file/],
    ['empty.csv', '', /empty\.csv: is empty/],
    ['array.json', '[{"customer_id": "c"}]', /one JSON array; write one object a line/],
    ['sheet.xlsx', 'PK\u0003\u0004rest', /save it as CSV/],
    ['utf16.csv', Buffer.from('\ufeffcustomer_id,date', 'utf16le'), /UTF-16; save it as UTF-8/],
    ['cut.csv.gz', gzipSync('customer_id,date\n'.repeat(9999)).subarray(0, 60), /gzip data is broken or cut off/],
  ])('%s: refused by name, with the way out', async (name, content, message) => {
    const ended = await importing(content === null ? join(folder, name) : write(name, content));
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
  });

  test('a header alone: exit 2, and no workspace is made for it', async () => {
    const nowhere = join(folder, 'nowhere');
    const ended = await run(['import', write('head.csv', 'customer_id,date,amount\n'), '--data-dir', nowhere]);
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('no rows below the header') });
    expect(existsSync(nowhere)).toBe(false);
  });

  test('commands and options nobody knows: exit 2 and the list of what there is', async () => {
    expect(await run(['improt'])).toMatchObject({ code: 2, stderr: expect.stringContaining("no command 'improt'") });
    expect(await run(['import', 'x.csv', '--colour'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--colour'),
    });
    const model = await run(['model', 'deploy', 'clv_model@99', '--data-dir', dataDir]);
    expect(model).toMatchObject({ code: 2, stderr: expect.stringContaining('`axiom47 model list` shows') });
    const fit = await run(['fit', 'bg-nbd', '--from-log', '--as-of', '9999999', '--data-dir', dataDir]);
    expect(fit).toMatchObject({ code: 2, stderr: expect.stringMatching(/--as-of 9999999: the log ends at sequence/) });
    expect(await run(['serve'], { env: { AXIOM47_PORT: 'eighty' } })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('AXIOM47_PORT must be a port number'),
    });
  });
});

describe('a request', () => {
  test('that is too large: 413, and nothing of it is stored', async () => {
    const before = await logOf();
    const many = Array.from({ length: 2_501 }, (_, i) => order(`large-${i}`, '2026-01-01'));
    expect(await program.request('POST', '/api/events', { body: many })).toMatchObject({
      status: 413,
      body: { reason: 'too-many-items' },
    });
    const long = { ...order('large', '2026-01-01'), data: { note: 'x'.repeat(600_000) } };
    expect(await program.request('POST', '/api/events', { body: long })).toMatchObject({
      status: 413,
      body: { reason: 'too-large' },
    });
    expect(await logOf()).toEqual(before);
  });

  test('of broken JSON: 400 with the position', async () => {
    const text = '{"type": "order.placed",\n "customer_id": }';
    for (const path of ['/api/events', '/v1/track', '/api/predict/churn', '/api/predict/clv']) {
      const answer = await program.request<{ position: number; detail: string; reason: string }>('POST', path, {
        raw: text,
        headers: { 'content-type': 'application/json' },
      });
      expect(answer, path).toMatchObject({ status: 400, body: { reason: 'not-json', position: text.indexOf('}') } });
      expect(answer.body.detail).toContain('line 2, column 17');
    }
  });

  test('by nobody, or for what is not there: 401, 404 and 405 as problems, never a stack', async () => {
    for (const [method, path, token, status] of [
      ['POST', '/api/events', null, 401],
      ['POST', '/api/predict/churn', null, 401],
      ['GET', '/api/customers', 'ax_no_such', 401],
      ['GET', '/api/nothing', undefined, 404],
      ['GET', '/api/customers/nobody-of-this-name', undefined, 400],
      ['GET', `/api/customers/sid:${'00'.repeat(16)}`, undefined, 404],
      ['PUT', '/api/events', undefined, 405],
    ] as const) {
      const answer = await program.request<{ status: number; detail: string }>(method, path, {
        ...(method === 'POST' ? { body: {} } : {}),
        ...(token === undefined ? {} : { token }),
      });
      expect(answer, `${method} ${path}`).toMatchObject({ status, body: { status } });
      expect(answer.text).not.toMatch(/\bat .*\.ts:\d+/);
    }
  });

  test('with wrong fields: 400 naming each by pointer', async () => {
    const answer = await program.request<{ errors: { pointer: string }[] }>('POST', '/api/predict/clv', {
      body: { summary: { frequency: -1, recency: 5, T: 2 }, months: 'twelve' },
    });
    expect(answer.status).toBe(400);
    expect(answer.body.errors.map((error) => error.pointer)).toEqual(
      expect.arrayContaining(['/summary/frequency', '/months']),
    );
  });
});

describe('the keyring down', () => {
  const reach = (open: boolean) =>
    program.sql(`alter database axiom47_keyring with allow_connections ${open}`, 'postgres');

  test('known customers flow, new ones get 503 and wait on NATS; nothing is half-written, and all of it comes through after', async () => {
    const { bgnbd_params: bgNbd, gammagamma_params: gammaGamma } = golden<ClvGolden>('clv.json');
    await deploy(program, folder, { bgNbd, gammaGamma });
    await program.call('POST', '/api/events', order('known', '2026-01-01', 'kr-1'));
    const source = await program.json<{ nats: { url: string; creds: string } }>(['source', 'add', 'wait']);
    const publisher = await connectNats({ servers: [source.nats.url], seed: source.nats.creds });
    const before = await logOf();
    await reach(false);
    try {
      await program.sql(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = 'axiom47_keyring'`,
        'postgres',
      );
      const known = await program.request('POST', '/api/events', { body: order('known', '2026-02-01', 'kr-2') });
      expect(known).toMatchObject({ status: 202, body: { accepted: 1 } });
      const mixed = [order('known', '2026-03-01', 'kr-3'), order('stranger', '2026-03-01', 'kr-4')];
      const refused = await program.request<{ reason: string }>('POST', '/api/events', { body: mixed });
      expect(refused).toMatchObject({ status: 503, body: { reason: 'keyring-unavailable' } });
      await jetstream(publisher).publish('in.wait', JSON.stringify(order('waiting', '2026-03-01', 'kr-5')));
      const ready = await program.request('GET', '/readyz');
      expect(ready.status).toBe(503);
      expect(ready.text).toContain('"name":"keyring","ok":false');
      expect((await program.request('GET', '/livez', { token: null })).status).toBe(200);
      expect(await program.call('POST', '/api/predict/churn', { customer_id: 'known' })).toMatchObject({
        basis: 'history',
      });
      // The one accepted order and nothing of the refused batch.
      await until(
        'the accepted order is counted',
        async () => (await program.call<Log>('GET', '/api/log')).orders > before.orders,
      );
      expect((await program.call<Log>('GET', '/api/log')).orders).toBe(before.orders + 1);
    } finally {
      await reach(true);
    }
    await until('new customers are taken again', async () => {
      const answer = await program.request('POST', '/api/events', {
        body: [order('known', '2026-03-01', 'kr-3'), order('stranger', '2026-03-01', 'kr-4')],
      });
      return answer.status === 202;
    });
    await until('what waited has arrived, once each', async () => {
      const { orders } = await program.call<Log>('GET', '/api/log');
      if (orders > before.orders + 4) throw new Error(`${orders - before.orders} orders of 4`);
      return orders === before.orders + 4;
    });
    await until('ready again', async () => (await program.request('GET', '/readyz', { token: null })).status === 200);
    await publisher.close();
  });
});

describe('a snapshot that was damaged', () => {
  function flipByte(path: string): void {
    const file = openSync(path, 'r+');
    const byte = Buffer.alloc(1);
    const at = Math.floor(readFileSync(path).length / 2);
    readSync(file, byte, 0, 1, at);
    byte[0]! ^= 0xff;
    writeSync(file, byte, 0, 1, at);
    closeSync(file);
  }

  test.each([/^ledger-.*\.state$/, /^customer-ids\.sealed$/, /^MANIFEST\.json$/])(
    '%s: it is noticed, and the same answers come from the log and the keyring',
    async (pattern) => {
      if (pattern.source.includes('ledger'))
        await program.json(['import', fixture('clv_transactions.csv'), '--source', 'shop', '--no-fit']);
      const ids = ['C0001', 'C0121', 'C0402', 'C0777', 'known', 'stranger'];
      const ask = async () => {
        const body = { items: ids.map((customer_id) => ({ customer_id })) };
        const { items } = await program.call<{ items: Record<string, unknown>[] }>('POST', '/api/predict/clv', body);
        const { digests } = await logOf();
        return { items: items.map(({ clv_mean, clv_p95, p_alive }) => ({ clv_mean, clv_p95, p_alive })), digests };
      };
      const before = await ask();
      expect(await program.stop()).toBe(0);
      const snapshots = join(dataDir, 'snapshots');
      const file = readdirSync(snapshots).filter((name) => pattern.test(name));
      expect(file.length).toBeGreaterThan(0);
      for (const name of file) flipByte(join(snapshots, name));
      program = await serve(['--data-dir', dataDir]);
      expect(program.stderr).toMatch(/snapshot cannot be used|id index is rebuilt|MANIFEST\.json/);
      expect(await ask()).toEqual({
        ...before,
        digests: { ...before.digests, seq: expect.any(Number) },
      });
    },
  );
});

describe('what keeps the program from starting', () => {
  const starting = (args: string[], env: Record<string, string> = {}) =>
    run(['serve', '--empty', '--port', '0', '--json', ...args], { env });
  let number = 0;
  const fresh = () => join(folder, `start-${number++}`);
  /** Of the starts that come as far as making one: what an earlier, failed start left is used on. */
  const unfinished = fresh();

  test.each([
    [
      'a nats-server that is none',
      { AXIOM47_NATS_SERVER: '/bin/false' },
      /does not run as nats-server.*Three ways out/,
    ],
    ['one that is not there', { AXIOM47_NATS_SERVER: '/no/such' }, /which does not exist.*Three ways out/],
    ['PostgreSQL binaries that are none', { AXIOM47_POSTGRES_BIN: '/no/such' }, /does not exist.*Three ways out/],
    [
      'a NATS server nobody runs',
      { AXIOM47_NATS_URL: 'nats://127.0.0.1:1' },
      /AXIOM47_NATS_URL.*unset AXIOM47_NATS_URL/,
    ],
    ['a database nobody runs', { DATABASE_URL: 'postgres://a:secret@127.0.0.1:1/a' }, /DATABASE_URL/],
  ])('%s: the ways out, and no engine is left behind', async (_, env, message) => {
    const ended = await starting(['--data-dir', unfinished], env);
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr.split('\n').find((line) => line.startsWith('axiom47: '))).toMatch(message);
    expect(ended.stderr).not.toContain('secret');
    expect(processesBelow(unfinished)).toEqual([]);
  });

  test('something else that answers in the place of an engine', async () => {
    const http = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { port } = http.address() as { port: number };
    try {
      const nats = await starting(['--data-dir', unfinished], { AXIOM47_NATS_URL: `nats://127.0.0.1:${port}` });
      expect(nats).toMatchObject({ code: 1, stderr: expect.stringMatching(/axiom47: .*AXIOM47_NATS_URL/) });
      const database = await starting(['--data-dir', unfinished], { DATABASE_URL: `postgres://a@127.0.0.1:${port}/a` });
      expect(database).toMatchObject({ code: 1, stderr: expect.stringMatching(/axiom47: .*DATABASE_URL/) });
    } finally {
      http.close();
    }
  });

  test('a port that is taken: the way out, and the engines are stopped again', async () => {
    const { port } = new URL(program.served.url);
    const ended = await run(['serve', '--empty', '--port', port, '--data-dir', unfinished, '--json']);
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toContain(`axiom47: port ${port} is taken: choose another with --port`);
    expect(processesBelow(unfinished)).toEqual([]);
  });

  test('a data directory in use, under a file, read-only, foreign, or of a newer version', async () => {
    const inUse = await starting(['--data-dir', dataDir]);
    expect(inUse).toMatchObject({ code: 1 });
    expect(inUse.stderr).toContain(`is in use by process ${program.child.pid}`);

    const file = write('in-the-way', '');
    const under = await starting(['--data-dir', join(file, 'data')]);
    expect(under).toMatchObject({ code: 1, stderr: expect.stringMatching(/is a file where a directory is needed/) });

    // Not even root may write here.
    const readOnly = await starting(['--data-dir', '/sys/axiom47']);
    expect(readOnly).toMatchObject({ code: 1, stderr: expect.stringMatching(/cannot write to \/sys\/axiom47/) });

    const foreign = fresh();
    mkdirSync(foreign);
    writeFileSync(join(foreign, 'thesis.txt'), 'mine');
    expect(await starting(['--data-dir', foreign])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/is not an Axiom47 workspace .* and not empty/),
    });
    expect(readdirSync(foreign)).toEqual(['thesis.txt']);

    const newer = fresh();
    mkdirSync(newer);
    writeFileSync(join(newer, 'workspace.json'), JSON.stringify({ format: 99, anything: 'else' }));
    expect(await starting(['--data-dir', newer])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/written by a newer Axiom47 \(data format 99, this one knows 1\): update Axiom47/),
    });
    expect(readdirSync(newer)).toEqual(['workspace.json']);

    expect(await run(['quarantine', 'list', '--data-dir', fresh()])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/there is no workspace at .*axiom47 import FILE/),
    });
  });
});
