import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createIds } from '#streams/gateway/ids.ts';
import { type Keyring, openKeyring } from '#streams/keyring/keyring.ts';
import { seal } from '#streams/keyring/seal.ts';
import { sidText } from '#streams/keyring/sid.ts';
import { startTestEngines, type TestEngines } from '#test/support/engines.ts';

let engines: TestEngines;
let keyring: Keyring;
const kek = randomBytes(32);
let clock = Date.UTC(2026, 10, 20);
const known = (id: string, at = 1) => ({ id, anonymous: false, at });
const anonymous = (id: string, at = 1) => ({ id, anonymous: true, at });
const sidOf = async (id: string): Promise<Buffer> => (await keyring.resolve([known(id)]))[0]!.sid;

beforeAll(async () => {
  engines = await startTestEngines();
  keyring = await openKeyring({ url: engines.postgres.keyringUrl, kek, mayCreate: true, now: () => clock });
});
afterAll(async () => {
  await keyring?.[Symbol.asyncDispose]();
  await engines?.stop();
});
beforeEach(async () => {
  await keyring.database.query('truncate identities, erased, pending_facts');
});

describe('resolve', () => {
  test('creates each customer once, whoever asks and how often', async () => {
    const ids = Array.from({ length: 500 }, (_, i) => known(`c-${i}`));
    const answers = await Promise.all([keyring.resolve(ids), keyring.resolve(ids.toReversed()), keyring.resolve(ids)]);
    const first = answers[0]!.map((one) => one!.sid.toString('hex'));
    expect(answers[1]!.toReversed().map((one) => one!.sid.toString('hex'))).toEqual(first);
    expect(answers[2]!.map((one) => one!.sid.toString('hex'))).toEqual(first);
    expect(new Set(first).size).toBe(500);
    expect(await keyring.count()).toEqual({ known: 500, anonymous: 0, erased: 0 });
  });

  test('the same text named twice in one call is one customer; the same anonymous text is another', async () => {
    const [a, b, c] = await keyring.resolve([known('x'), known('x'), anonymous('x')]);
    expect(a!.sid).toEqual(b!.sid);
    expect(a!.sid).not.toEqual(c!.sid);
  });

  test('a sid is a random UUIDv4', async () => {
    const sid = await sidOf('c');
    expect(sid[6]! >> 4).toBe(4);
    expect(sid[8]! >> 6).toBe(2);
  });

  test('ids with quotes, backslashes, braces and other scripts come back as they went in', async () => {
    const ids = ['"', "o'b", '\\', '{a,b}', 'NULL', 'null', 'Ж💶', ' inner space ', '%', '_', ''];
    const sids = (await keyring.resolve(ids.map((id) => known(id)))).map((one) => one!.sid);
    expect(await keyring.idsOf(sids)).toEqual(ids);
    expect(await keyring.lookup(ids.map((id) => known(id)))).toEqual(sids);
  });

  test('lookup creates nothing', async () => {
    expect(await keyring.lookup([known('nobody')])).toEqual([null]);
    expect((await keyring.count()).known).toBe(0);
  });

  test('search takes the prefix literally', async () => {
    await keyring.resolve(['a%b', 'a%c', 'ab', 'b', 'a_'].map((id) => known(id)));
    await keyring.resolve([anonymous('a%z')]);
    expect((await keyring.search('a%', 10)).map((row) => row.customerId)).toEqual(['a%b', 'a%c']);
    expect((await keyring.search('', 2)).map((row) => row.customerId)).toEqual(['a%b', 'a%c']);
  });

  test('the tail lists what was created after a number, in order', async () => {
    await keyring.resolve([known('one')]);
    const [one] = await keyring.tail(0, 10);
    await keyring.resolve([known('two'), anonymous('three')]);
    const later = await keyring.tail(one!.createdNo, 10);
    expect(later.map((row) => [row.id, row.anonymous])).toEqual([
      ['two', false],
      ['three', true],
    ]);
  });
});

describe('link', () => {
  const sids = async () => {
    const [a, k1, k2] = await keyring.resolve([anonymous('a'), known('k1'), known('k2')]);
    return { a: a!.sid, k1: k1!.sid, k2: k2!.sid };
  };

  test('an anonymous id to its known id gives one fact, and a repetition none', async () => {
    const { a, k1 } = await sids();
    const first = await keyring.link(anonymous('a'), known('k1'), false);
    expect(first).toEqual({
      ok: true,
      value: { no: expect.any(Number), fact: { type: 'customer.linked', anonymous: a, known: k1 } },
    });
    expect(await keyring.link(anonymous('a'), known('k1'), false)).toEqual({ ok: true, value: null });
    expect((await keyring.pendingFacts()).map((pending) => pending.fact)).toEqual([
      { type: 'customer.linked', anonymous: a, known: k1 },
    ]);
    if (first.ok) await keyring.factStored(first.value!.no);
    expect(await keyring.pendingFacts()).toEqual([]);
  });

  test('a second known id for an anonymous one is refused, also by an administrator', async () => {
    await sids();
    await keyring.link(anonymous('a'), known('k1'), false);
    for (const administrator of [false, true])
      expect(await keyring.link(anonymous('a'), known('k2'), administrator)).toEqual({
        ok: false,
        reason: 'link-conflict',
      });
  });

  test('of rivals at the same moment exactly one wins', async () => {
    await sids();
    const answers = await Promise.all(
      ['k1', 'k2', 'k1', 'k2'].map((id) => keyring.link(anonymous('a'), known(id), false)),
    );
    expect(answers.filter((answer) => answer.ok && answer.value !== null)).toHaveLength(1);
    expect(answers.filter((answer) => !answer.ok)).toHaveLength(2);
    expect(await keyring.pendingFacts()).toHaveLength(1);
  });

  test('two known ids are joined by an administrator only', async () => {
    await sids();
    expect(await keyring.link(known('k1'), known('k2'), false)).toEqual({ ok: false, reason: 'link-conflict' });
    const joined = await keyring.link(known('k1'), known('k2'), true);
    const fact = joined.ok ? joined.value?.fact : undefined;
    if (fact?.type !== 'customer.linked') throw new Error('no link was decided');
    // The smaller sid stays, whichever was named first (facts §7).
    expect(Buffer.compare(fact.known, fact.anonymous)).toBe(-1);
    expect(await keyring.link(known('k2'), known('k1'), true)).toEqual({ ok: true, value: null });
  });

  test('a known id to an anonymous one, or an unknown one, is refused', async () => {
    await sids();
    expect(await keyring.link(known('k1'), anonymous('a'), true)).toEqual({ ok: false, reason: 'link-conflict' });
    expect(await keyring.link(anonymous('nobody'), known('k1'), false)).toEqual({
      ok: false,
      reason: 'unknown-customer',
    });
  });
});

describe('sealing and erasure', () => {
  const context = (sid: Uint8Array) => ({ sid, eventHash: randomBytes(16), type: 'order.placed', schemaVersion: 1 });
  const sealFor = async (sid: Uint8Array, value: Record<string, unknown>) => {
    const c = context(sid);
    const key = (await keyring.keysOf([sidText(sid)])).get(sidText(sid))!;
    return { c, bytes: seal(value, key, c) };
  };

  test('what was sealed opens, for its own event and customer only', async () => {
    const sid = await sidOf('c');
    const other = await sidOf('d');
    const value = { orderId: 'A-1', traits: { email: 'x@example.org', n: 3 } };
    const { c, bytes } = await sealFor(sid, value);
    expect(await keyring.unseal(bytes, c)).toEqual(value);
    await expect(keyring.unseal(bytes, { ...c, sid: other })).rejects.toMatchObject({ code: 'keyring-damaged' });
    await expect(keyring.unseal(bytes, { ...c, eventHash: randomBytes(16) })).rejects.toThrow('does not open');
    await expect(keyring.unseal(bytes, { ...c, type: 'order.refunded' })).rejects.toThrow('does not open');
    await expect(keyring.unseal(bytes, { ...c, schemaVersion: 2 })).rejects.toThrow('does not open');
    bytes[bytes.length - 1]! ^= 1;
    await expect(keyring.unseal(bytes, c)).rejects.toThrow('does not open');
    expect(Buffer.from(bytes).includes('example.org')).toBe(false);
  });

  test('erasing destroys key and mapping of every linked id and leaves one fact', async () => {
    const [a, b, k] = await keyring.resolve([anonymous('a'), anonymous('b'), known('k'), known('other')]);
    await keyring.link(anonymous('a'), known('k'), false);
    await keyring.link(anonymous('b'), known('k'), false);
    for (const pending of await keyring.pendingFacts()) await keyring.factStored(pending.no);
    const { c, bytes } = await sealFor(k!.sid, { email: 'x' });

    const erased = await keyring.erase(anonymous('a'), clock);
    expect(erased!.customers.map((one) => one.sid.toString('hex')).sort()).toEqual(
      [a, b, k].map((one) => one!.sid.toString('hex')).sort(),
    );
    expect(await keyring.pendingFacts()).toEqual([erased!.pending]);
    expect(erased!.pending.fact).toMatchObject({ type: 'customer.erased', at: clock });
    expect(await keyring.unseal(bytes, c)).toBeNull();
    expect(await keyring.idsOf([a!.sid, b!.sid, k!.sid])).toEqual([null, null, null]);
    expect(await keyring.count()).toEqual({ known: 1, anonymous: 0, erased: 3 });
    expect(await keyring.erase(known('k'), clock)).toBeNull();
    await keyring.scrub();
  });

  test('what is kept of an erased id is its HMAC, not the id', async () => {
    await sidOf('jane@example.org');
    await keyring.erase(known('jane@example.org'), clock);
    const rows = await keyring.database.query<{ mac: Buffer }>('select mac from erased');
    expect(rows).toHaveLength(1);
    const hash = createIds(keyring.idKey).eventHash('c\0jane@example.org');
    expect(rows[0]!.mac.subarray(0, 16)).toEqual(Buffer.from(hash));
    const everything = await keyring.database.query<{ all: string }>(
      `select coalesce(string_agg(t::text, ''), '') as all from (select erased::text t from erased union all select pending_facts::text from pending_facts) x`,
    );
    expect(everything[0]!.all).not.toContain('jane');
    expect(everything[0]!.all).not.toContain(Buffer.from('jane').toString('hex'));
  });

  test('older input stays refused for ever, later input opens a new sid', async () => {
    const before = await sidOf('c');
    await keyring.erase(known('c'), 1_000);
    expect(await keyring.resolve([known('c', 1_000)])).toEqual([null]);
    expect((await keyring.count()).known).toBe(0);
    const [later] = await keyring.resolve([known('c', 1_001)]);
    expect(later!.sid).not.toEqual(before);
    expect(later!.refuseUntil).toBe(1_000);
    expect(await keyring.resolve([known('c', 5)])).toEqual([later]);
    expect((await keyring.tail(0, 10)).map((row) => row.refuseUntil)).toEqual([1_000]);
  });

  test('another process forgets the key within a minute', async () => {
    await using second = await openKeyring({
      url: engines.postgres.keyringUrl,
      kek,
      mayCreate: false,
      now: () => clock,
    });
    const sid = await sidOf('c');
    const { c, bytes } = await sealFor(sid, { email: 'x' });
    expect(await second.unseal(bytes, c)).toEqual({ email: 'x' });
    await keyring.erase(known('c'), clock);
    clock += 60_001;
    expect(await second.unseal(bytes, c)).toBeNull();
  });
});

describe('the keyring itself', () => {
  test('has one id key, the same for whoever opens it', async () => {
    const others = await Promise.all(
      [1, 2, 3].map(() => openKeyring({ url: engines.postgres.keyringUrl, kek, mayCreate: false })),
    );
    for (const other of others) {
      expect(other.idKey).toEqual(keyring.idKey);
      await other[Symbol.asyncDispose]();
    }
  });

  test('of an empty database is not made anew beside a log that has a history', async () => {
    await keyring.database.query('alter table secrets rename to secrets_kept');
    await keyring.database.query('create table secrets (like secrets_kept including all)');
    const failure = await openKeyring({ url: engines.postgres.keyringUrl, kek, mayCreate: false }).catch(
      (error) => error,
    );
    await keyring.database.query('drop table secrets');
    await keyring.database.query('alter table secrets_kept rename to secrets');
    expect(failure).toMatchObject({ code: 'keyring-damaged' });
    expect(failure.message).toContain('restore the keyring that belongs to this log');
  });

  test('does not open with another secret', async () => {
    await expect(
      openKeyring({ url: engines.postgres.keyringUrl, kek: randomBytes(32), mayCreate: false }),
    ).rejects.toThrow('use the secret file this keyring was made with');
  });

  test('says which sids stand for somebody: neither an erased one nor a stranger', async () => {
    const sid = await sidOf('c');
    const gone = await sidOf('gone');
    await keyring.erase(known('gone'), clock);
    expect(await keyring.mapped([sid, gone, randomBytes(16), sid])).toEqual([true, false, false, true]);
    expect(await keyring.mapped([])).toEqual([]);
    expect(await keyring.danglingLinks()).toBe(0);
  });

  test('a database of a newer version is refused', async () => {
    await keyring.database.query(`insert into migrations (part, number) values ('keyring', 999)`);
    await expect(openKeyring({ url: engines.postgres.keyringUrl, kek, mayCreate: false })).rejects.toThrow(
      'start the newer version',
    );
    await keyring.database.query('delete from migrations where number = 999');
  });

  test('a server that is not there is keyring-unavailable', async () => {
    await expect(openKeyring({ url: 'postgres://x@127.0.0.1:1/none', kek, mayCreate: false })).rejects.toMatchObject({
      code: 'keyring-unavailable',
    });
  });
});
