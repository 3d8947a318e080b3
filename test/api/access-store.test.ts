// The access store on real PostgreSQL: the contract, what lies in the tables, and a start that is not the first.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAccessStore } from '#streams/keyring/access-store.ts';
import { type Database, openDatabase } from '#streams/keyring/database.ts';
import { startTestEngines, type TestEngines } from '#test/support/engines.ts';
import { accessStoreContract } from './access-store-contract.ts';
import { createFakeAccessStore } from './support/fake-access.ts';

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

test('an unknown address and a wrong password take about as long', async () => {
  const store = await createAccessStore(database);
  const time = async (email: string) => {
    const times: number[] = [];
    for (let i = 0; i < 7; i++) {
      const begin = performance.now();
      await store.verifyPassword(email, 'the wrong phrase here');
      times.push(performance.now() - begin);
    }
    return times.sort((a, b) => a - b)[3]!;
  };
  const [unknown, wrong] = [await time('nobody@example.org'), await time('ada@example.org')];
  // Both hash once; without the decoy the unknown one would be 20 times faster. Shared machines are noisy, so only that is asked.
  expect(unknown).toBeGreaterThan(wrong / 4);
});

test('when the database is gone the error says keyring-unavailable', async () => {
  const gone = openDatabase({ url: 'postgres://nobody@127.0.0.1:1/none' });
  await expect(createAccessStore(gone)).rejects.toMatchObject({ code: 'keyring-unavailable' });
  await gone[Symbol.asyncDispose]();
});
