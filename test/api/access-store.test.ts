// The access store on real PostgreSQL: the contract, what lies in the tables, and a start that is not the first.
import { verify } from '@node-rs/argon2';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createAccessStore } from '#streams/keyring/access-store.ts';
import { type Database, openDatabase } from '#streams/keyring/database.ts';
import { startTestEngines, type TestEngines } from '#test/support/engines.ts';
import { accessStoreContract } from './access-store-contract.ts';
import { createFakeAccessStore } from './support/fake-access.ts';

// The real one, counted.
vi.mock('@node-rs/argon2', async (original) => {
  const real = await original<typeof import('@node-rs/argon2')>();
  return { ...real, verify: vi.fn(real.verify) };
});

let engines: TestEngines;
let database: Database;
beforeAll(async () => {
  engines = await startTestEngines();
  database = openDatabase({ url: engines.postgres.keyringUrl });
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await engines.stop();
});

accessStoreContract('in memory', async () => createFakeAccessStore());
accessStoreContract('PostgreSQL', () => createAccessStore(database));

test('a second start finds everything, and two at once do not disturb each other', async () => {
  const [one, two] = await Promise.all([createAccessStore(database), createAccessStore(database)]);
  expect(await one.hasAdmin()).toBe(true);
  expect(await two.keys()).toHaveLength(2);
});

test('no secret, token or password lies in a table', async () => {
  const store = await createAccessStore(database);
  const { key } = await store.createKey({ role: 'analyst', name: null, expiresAt: null, now: 1 });
  const writeKey = await store.createWriteKey('shop', 1);
  const user = (await store.verifyPassword('ada@example.org', 'a long enough phrase 7'))!;
  const { token } = await store.createSession(user.id, 1e9, Date.now());
  let dump = '';
  for (const table of ['users', 'api_keys', 'sessions', 'setup_tokens', 'write_keys'])
    dump += JSON.stringify(await database.query(`select * from access.${table}`));
  for (const secret of [key.slice(16), writeKey.slice(3), token, 'a long enough phrase 7'])
    expect(dump).not.toContain(secret);
  expect(dump).toContain('$argon2id$v=19$m=19456,t=2,p=1$');
});

test('an unknown address costs the same hash as a wrong password, so that time does not tell them apart', async () => {
  const store = await createAccessStore(database);
  const hashesOf = async (email: string) => {
    vi.mocked(verify).mockClear();
    expect(await store.verifyPassword(email, 'the wrong phrase here')).toBeNull();
    // Parameters decide what a verification costs; salt and digest do not.
    return vi.mocked(verify).mock.calls.map(([hash]) => String(hash).split('$').slice(0, 4).join('$'));
  };
  const unknown = await hashesOf('nobody@example.org');
  expect(unknown).toEqual(['$argon2id$v=19$m=19456,t=2,p=1']);
  expect(await hashesOf('ada@example.org')).toEqual(unknown);
});

test('when the database is gone the error says keyring-unavailable', async () => {
  const gone = openDatabase({ url: 'postgres://nobody@127.0.0.1:1/none' });
  await expect(createAccessStore(gone)).rejects.toMatchObject({ code: 'keyring-unavailable' });
  await gone[Symbol.asyncDispose]();
});
