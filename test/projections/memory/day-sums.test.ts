// Which customers' days are kept, and that what is kept does not grow without end.
import { expect, test } from 'vitest';
import { createDocuments, growDocuments, LAST_DAY } from '#domain/documents.ts';
import { countPurchases, createPurchases } from '#domain/purchases.ts';
import { ratesOf } from '#domain/rates.ts';
import { DaySums } from '#projections/memory/day-sums.ts';

const money = { rates: ratesOf('EUR', []), currencies: ['', 'EUR'], reporting: 1 };
const none = createDocuments(1);
function customer(orders: number) {
  const documents = createDocuments(16);
  for (let n = 0; n < orders; n++) {
    if (n === documents.day.length) growDocuments(documents);
    documents.day[n] = 100 + n;
    documents.keyLow[n] = n;
    documents.minor[n] = 10 + n;
    documents.currency[n] = 1;
    documents.count = n + 1;
  }
  const purchases = createPurchases();
  countPurchases(documents, none, LAST_DAY, money, purchases);
  return { documents, purchases };
}

test('few documents are read faster than kept', () => {
  const days = new DaySums();
  for (const orders of [1, 31, 32, 500]) {
    const { documents, purchases } = customer(orders);
    days.keep(orders, documents, none, purchases);
    expect(days.has(orders), `${orders}`).toBe(orders >= 32);
  }
  days.forget(500);
  expect(days.has(500)).toBe(false);
});

test('over its bound the longest kept go', () => {
  const days = new DaySums({ mostBytes: 20_000 });
  const { documents, purchases } = customer(100);
  for (let row = 0; row < 50; row++) days.keep(row, documents, none, purchases);
  const kept = Array.from({ length: 50 }, (_, row) => row).filter((row) => days.has(row));
  expect(kept.length).toBeGreaterThan(2);
  expect(kept.length).toBeLessThan(20);
  expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => 50 - kept.length + i));
});

test('a filter that is full has everything read again, so that it stays right seldom enough', () => {
  const days = new DaySums();
  const { documents, purchases } = customer(40);
  days.keep(1, documents, none, purchases);
  let added = 0;
  while (days.addOrder(1, 1_000 + added, 5, 0, 1_000 + added, purchases)) added++;
  expect(added).toBe(40);
});
