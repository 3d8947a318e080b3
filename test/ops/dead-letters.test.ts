// The stream of dead letters: what is parked and released, once each whoever restarts, and tries that another version does not inherit.
import { expect, test } from 'vitest';
import { openDeadLetters } from '#ops/dead-letters.ts';
import type { ParkedCustomer } from '#projections/memory/parked-lists.ts';
import { type Letters, readLetters } from '#streams/dead-letters.ts';
import { createMemoryStore } from '#streams/memory/store.ts';

const silent = { warn: () => undefined };
const parkedAt = (seq: number, firstByte: number | null): ParkedCustomer => ({
  sid: firstByte === null ? null : new Uint8Array(16).fill(firstByte),
  ...{ seq, index: firstByte === null ? -1 : 0, reason: 'failed', detail: 'TypeError', tries: 3 },
  ...{ events: 1, lastSeq: seq, orders: 1 },
});
async function all(store: ReturnType<typeof createMemoryStore>): Promise<Letters[]> {
  const found: Letters[] = [];
  for await (const letters of readLetters(store, 'ledger')) found.push(letters);
  return found;
}

test('each is parked once and released once, by partition, whoever follows; no subject names anybody', async () => {
  const store = createMemoryStore();
  let customers = [parkedAt(5, 3), parkedAt(7, 3), parkedAt(6, null)];
  const open = () => openDeadLetters({ store, version: '1', now: () => 47, log: silent });
  let listed = 0;
  let version = 1;
  const parked = {
    parkedVersion: async () => String(version),
    async parkedCustomers(limit: number, after: number) {
      listed++;
      return { customers: customers.slice(after, after + limit) };
    },
  };
  for (let start = 0; start < 2; start++) {
    const letters = await open();
    await using following = letters.follow(parked);
    await following.settle();
    await following.settle();
    expect(letters.parked()).toBe(3);
    expect(listed, 'once, as nothing has changed').toBe(start + 1);
  }
  const places = (list: Letters[]) =>
    list.flatMap(({ letters }) => letters.map(({ kind, seq, index }) => `${kind} ${seq}/${index}`));
  expect(places(await all(store)).sort()).toEqual(['parked 5/0', 'parked 6/-1', 'parked 7/0']);
  const subjects = [];
  for await (const { subject } of store.read('DLQ')) subjects.push(subject);
  expect(subjects.sort()).toEqual(['dlq.ledger.3', 'dlq.ledger.all']);

  customers = [parkedAt(7, 3)];
  const letters = await open();
  await using following = letters.follow(parked);
  await following.settle();
  expect(letters.parked()).toBe(1);
  customers = [];
  version++;
  await following.settle();
  expect(letters.parked(), 'listed again when it has').toBe(0);
  expect(places((await all(store)).slice(2)).sort()).toEqual(['released 5/0', 'released 6/-1', 'released 7/0']);
});

test('three tries of one version are enough for it, also after a restart; another version has its own', async () => {
  const store = createMemoryStore();
  await store.append('evt.0.main', Uint8Array.of(1));
  const open = (version: string) => openDeadLetters({ store, version, now: () => 47, log: silent });
  const first = await open('1');
  const place = { seq: 9, index: 4 };
  expect([await first.tried(place), await first.tried(place)]).toEqual([1, 2]);
  expect([...first.stuck()]).toEqual([]);
  const again = await open('1');
  expect(await again.tried(place)).toBe(3);
  expect([...again.stuck()]).toEqual([['9/4', 1]]);
  expect([...(await open('1')).stuck()]).toEqual([['9/4', 1]]);
  expect([...(await open('2')).stuck()]).toEqual([]);

  // Parked, then applied after all: the next hang at the same place is the first again.
  let customers: ParkedCustomer[] = [{ ...parkedAt(9, 1), index: 4, reason: 'stuck' }];
  await using following = again.follow({
    parkedVersion: async () => String(customers.length),
    parkedCustomers: async () => ({ customers }),
  });
  await following.settle();
  customers = [];
  await following.settle();
  expect([...again.stuck()]).toEqual([]);
  expect([...(await open('1')).stuck()]).toEqual([]);
});
