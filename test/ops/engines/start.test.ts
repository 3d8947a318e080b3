import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, describe, expect, test } from 'vitest';
import { openDataDir } from '#ops/data-dir.ts';
import { startEngines } from '#ops/engines/supervisor.ts';
import { connectNats } from '#streams/jetstream/connection.ts';
import { publish, query, stored } from '../../support/engine-probes.ts';

const folder = mkdtempSync(join(tmpdir(), 'axiom47-start-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const log = pino({ level: 'silent' });
const embedded = { nats: { searchPath: '' }, postgres: {} };

const filesBelow = (path: string): string[] =>
  readdirSync(path, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  );

describe('starting the engines', () => {
  const path = join(folder, 'main');
  let natsUrl: string;
  let postgresPort: number;

  test('a first start makes both engines, each database and every secret, readable by this user alone', async () => {
    await using dataDir = await openDataDir(path, { create: true, name: 'main' });
    await using engines = await startEngines(embedded, dataDir, log);
    natsUrl = engines.nats.url;
    postgresPort = engines.postgres.port;

    const connection = await engines.nats.connect();
    expect(await publish(connection, 'kept')).toBe(1);
    await connection.close();
    await query(engines.postgres.url, 'create table kept as select 47 as n');

    // Neither a failing statement nor the value it failed at may be written down: both can name a customer.
    await query(
      engines.postgres.url,
      `create table named (id text unique, n int); insert into named values ('ann-4711')`,
    );
    await expect(query(engines.postgres.url, `insert into named values ('ann-4711')`)).rejects.toThrow('duplicate key');
    await expect(query(engines.postgres.url, `select 'ann-4711'::int`)).rejects.toThrow('ann-4711');
    const said = readFileSync(join(dataDir.folders.logs, 'postgres.log'), 'utf8');
    expect(said).not.toContain('ann-4711');
    await query(engines.postgres.url, 'drop table named');

    for (const url of [engines.postgres.url, engines.postgres.keyringUrl]) {
      const [row] = await query<Record<string, string>>(
        url,
        `select current_database() as name, current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
                current_setting('data_checksums') as checksums, current_setting('server_encoding') as encoding`,
      );
      expect(row).toEqual({
        name: url === engines.postgres.url ? 'axiom47' : 'axiom47_keyring',
        fsync: 'on',
        commit: 'on',
        checksums: 'on',
        encoding: 'UTF8',
      });
    }
    const secrets = readdirSync(dataDir.folders.secrets).sort();
    expect(secrets).toEqual(['instance.key', 'jetstream.key', 'kek.key', 'nats-system.nk', 'postgres.password']);
    for (const name of secrets) expect(statSync(join(dataDir.folders.secrets, name)).mode & 0o777).toBe(0o600);
    expect(statSync(dataDir.folders.secrets).mode & 0o777).toBe(0o700);
    const configuration = readFileSync(join(dataDir.folders.nats, 'server.conf'), 'utf8');
    expect(configuration).toContain('sync_interval: always');
    expect(configuration).not.toContain(dataDir.secret('jetstream.key'));
  });

  test('a second start finds the same data at the same addresses', async () => {
    await using dataDir = await openDataDir(path);
    await using engines = await startEngines(embedded, dataDir, log);
    expect(engines.nats.url).toBe(natsUrl);
    expect(engines.postgres.port).toBe(postgresPort);
    const connection = await engines.nats.connect();
    expect(await stored(connection, 1)).toBe('kept');
    await connection.close();
    expect(await query(engines.postgres.url, 'select n from kept')).toEqual([{ n: 47 }]);
  });

  test('ports taken by somebody else meanwhile are given up for free ones', async () => {
    const thieves = await Promise.all(
      [Number(new URL(natsUrl).port), postgresPort].map(
        (port) =>
          new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
            const server = createServer().once('error', reject);
            server.listen(port, '127.0.0.1', () => resolve(server));
          }),
      ),
    );
    try {
      await using dataDir = await openDataDir(path);
      await using engines = await startEngines(embedded, dataDir, log);
      expect(engines.nats.url).not.toBe(natsUrl);
      expect(engines.postgres.port).not.toBe(postgresPort);
      expect(await query(engines.postgres.url, 'select n from kept')).toEqual([{ n: 47 }]);
    } finally {
      for (const thief of thieves) thief.close();
    }
  });

  test('what the log holds cannot be read from its files', async () => {
    await using dataDir = await openDataDir(join(folder, 'sealed'), { create: true });
    const text = 'a sentence that must not lie on the disk as it is';
    await using engines = await startEngines(embedded, dataDir, log);
    const connection = await engines.nats.connect();
    const seq = await publish(connection, text);
    expect(await stored(connection, seq)).toBe(text);
    await connection.close();
    await engines.stop();
    const files = filesBelow(join(dataDir.folders.nats, 'jetstream'));
    expect(files.some((file) => file.endsWith('.blk'))).toBe(true);
    for (const file of files) expect(readFileSync(file).includes(text)).toBe(false);
  });
});

describe('who may speak to the embedded NATS server', () => {
  test('nobody without a key; a source publishes its own two subjects and nothing else; a replaced key is refused', async () => {
    await using dataDir = await openDataDir(join(folder, 'users'), { create: true });
    await using engines = await startEngines(embedded, dataDir, log);
    const servers = [engines.nats.url];
    await expect(connectNats({ servers }, { reconnect: false })).rejects.toThrow(/authorization/i);

    const system = await engines.nats.connect();
    const web = await engines.nats.addSourceUser('web');
    expect(web.url).toBe(engines.nats.url);
    const source = await connectNats({ servers, seed: web.seed }, { reconnect: false });
    const received: string[] = [];
    system.subscribe('>', { callback: (_, message) => void received.push(message.subject) });
    await system.flush();
    // A refusal arrives as a status of the connection, not at the publish.
    const refusals: string[] = [];
    void (async () => {
      for await (const status of source.status()) if (status.type === 'error') refusals.push(status.error.message);
    })();
    for (const subject of ['in.web', 'ask.web', 'in.shop', 'ask.shop', 'evt.0.main', '$JS.API.STREAM.LIST'])
      source.publish(subject, 'x');
    const replies = source.subscribe('_AXIOM47.>');
    void replies.closed.catch(() => undefined); // its refusal is counted below
    await source.flush();
    await system.flush();
    expect(received).toEqual(['in.web', 'ask.web']);
    expect(refusals).toHaveLength(5);

    const again = await engines.nats.addSourceUser('web');
    await expect(connectNats({ servers, seed: web.seed }, { reconnect: false })).rejects.toThrow(/authorization/i);
    await (await connectNats({ servers, seed: again.seed }, { reconnect: false })).close();
    await engines.nats.removeSourceUser('web');
    await expect(connectNats({ servers, seed: again.seed }, { reconnect: false })).rejects.toThrow(/authorization/i);
    await expect(engines.nats.addSourceUser('a.>')).rejects.toThrow(/source name/);
    expect(system.isClosed()).toBe(false);
    await system.close();
  });
});
