import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startNats } from '#ops/engines/nats.ts';
import { startPostgres } from '#ops/engines/postgres.ts';
import { publish, query, stored } from '../../support/engine-probes.ts';
import { startTestEngines, type TestEngines } from '../../support/engines.ts';

// The embedded engines stand in for an operator's servers.
let engines: TestEngines;
beforeAll(async () => {
  engines = await startTestEngines();
});
afterAll(() => engines.stop());
const log = pino({ level: 'silent' });
const ignore = () => undefined;

const postgres = (url: string, keyringUrl?: string) => startPostgres({ url, keyringUrl }, engines.dataDir, log, ignore);
const nats = (url: string, credentialsFile?: string) =>
  startNats({ url, credentialsFile, searchPath: '' }, engines.dataDir, log, ignore);

describe('an operator’s PostgreSQL', () => {
  const at = (database: string, user?: string, password?: string) => {
    const url = new URL(engines.postgres.url);
    url.pathname = `/${database}`;
    if (user !== undefined) url.username = user;
    if (password !== undefined) url.password = password;
    return url.href;
  };

  test('is used, and gets the keyring’s database', async () => {
    await query(at('postgres'), 'drop database axiom47_keyring');
    const external = await postgres(at('axiom47'));
    expect(external).toMatchObject({ managed: false, version: '18.4', port: engines.postgres.port });
    expect(external.pid()).toBeUndefined();
    expect(await query(external.keyringUrl, 'select current_database() as name')).toEqual([
      { name: 'axiom47_keyring' },
    ]);
    await external.stop();
    expect(await query(external.url, 'select 1 as n')).toEqual([{ n: 1 }]); // ours to use, not to stop
  });

  test('without the right to create it: what to do; with AXIOM47_KEYRING_URL no need to', async () => {
    await query(at('postgres'), 'drop database if exists axiom47_keyring');
    await query(at('postgres'), `create role plain login password 'plain'`);
    await query(at('postgres'), 'create database ring owner plain');
    await expect(postgres(at('axiom47', 'plain', 'plain'))).rejects.toMatchObject({
      code: 'unsuitable',
      message: expect.stringMatching(/keyring.*AXIOM47_KEYRING_URL/),
    });
    const external = await postgres(at('axiom47', 'plain', 'plain'), at('ring', 'plain', 'plain'));
    expect(await query(external.keyringUrl, 'select current_database() as name')).toEqual([{ name: 'ring' }]);
  });

  test('that does not take us is named by place and variable, without its password', async () => {
    await expect(postgres('postgres://u:hunter2@127.0.0.1:1/axiom47')).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(
        /^PostgreSQL at 127\.0\.0\.1:1\/axiom47 \(DATABASE_URL\) does not take our connection: .*ECONNREFUSED/,
      ),
    });
    await expect(postgres(at('axiom47', 'axiom47', 'hunter2'))).rejects.toThrow(/password authentication failed/);
    await expect(postgres(at('axiom47'), at('nothing'))).rejects.toThrow(
      /\/nothing \(AXIOM47_KEYRING_URL\).*does not exist/,
    );
  });
});

describe('an operator’s NATS server', () => {
  const seedFile = () => join(engines.dataDir.folders.secrets, 'nats-system.nk');

  test('is used with the identity in a file, and its users stay its own', async () => {
    const external = await nats(engines.nats.url, seedFile());
    expect(external).toMatchObject({ managed: false, version: '2.14.0', url: engines.nats.url });
    const connection = await external.connect('test');
    expect(await stored(connection, await publish(connection, 'x'))).toBe('x');
    await connection.close();
    await expect(external.addSourceUser('web')).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('in.<source>'),
    });
    await external.stop();
    await (await engines.nats.connect()).close();
  });

  test('that does not take us, or credentials that are none, are named by variable', async () => {
    await expect(nats('nats://127.0.0.1:1')).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('AXIOM47_NATS_URL'),
    });
    await expect(nats(engines.nats.url)).rejects.toThrow(/does not take our connection \(.*authorization/i);
    await expect(nats(engines.nats.url, '/nonexistent')).rejects.toThrow(/AXIOM47_NATS_CREDS names \/nonexistent/);
    const file = join(engines.dataDir.path, 'not-a-key');
    writeFileSync(file, 'password');
    await expect(nats(engines.nats.url, file)).rejects.toThrow(/neither a \.creds file nor an nkey seed/);
  });

  /** Speaks just enough of the protocol to be connected to. */
  async function serverSaying(info: object): Promise<{ url: string; close(): void }> {
    const server = createServer((socket) => {
      socket.write(
        `INFO ${JSON.stringify({ server_id: 'N', max_payload: 1_048_576, proto: 1, headers: true, ...info })}\r\n`,
      );
      socket.on('data', (data) => {
        if (data.includes('PING')) socket.write('PONG\r\n');
      });
      socket.on('error', ignore); // the client hangs up as it likes
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return { url: `nats://127.0.0.1:${address.port}`, close: () => server.close() };
  }

  test('that is too old, or has no JetStream, is refused', async () => {
    const old = await serverSaying({ version: '2.9.0', jetstream: true });
    await expect(nats(old.url)).rejects.toMatchObject({
      code: 'too-old',
      message: expect.stringMatching(/2\.9\.0.*2\.14\.0/),
    });
    old.close();
    const plain = await serverSaying({ version: '2.14.5' });
    await expect(nats(plain.url)).rejects.toMatchObject({
      code: 'unsuitable',
      message: expect.stringContaining('without JetStream'),
    });
    plain.close();
  });
});
