// The real files through reader, guess and importer, held to their published totals (facts §2, §6).
import { expect, test } from 'vitest';
import { guessMapping, type Wish } from '#domain/columns-guess.ts';
import type { InputEvent } from '#domain/events.ts';
import { createImporter } from '#domain/import.ts';
import type { Imported } from '#domain/import-cells.ts';
import { formatMinor } from '#domain/money.ts';
import { eventKeyMaterial, orderKeyMaterial } from '#domain/orders.ts';
import { openTable, rawRows } from '#ops/import/read-file.ts';
import { parseContext } from '#test/support/input.ts';
import { describeShared, sharedPath } from '#test/support/shared.ts';

async function imported(file: string, wish: Wish = {}, arrange: (rows: string[][]) => string[][] = (rows) => rows) {
  const table = await openTable(sharedPath(file));
  const guess = guessMapping(table.header, table.sample, wish, 'EUR');
  if (!guess.ok) throw new Error(guess.reason.message);
  const rows: string[][] = [];
  const into: Imported = { events: [], refused: [] };
  for await (const batch of table.batches()) {
    for (const row of batch.rows) rows.push(row);
    into.refused.push(...batch.refused);
  }
  const importer = createImporter(guess.value.mapping, table.header, parseContext());
  arrange(rows).forEach((cells, i) => void importer.row(cells, i + 1, into));
  for (const piece of importer.finish()) {
    for (const event of piece.events) into.events.push(event);
    for (const row of piece.refused) into.refused.push(row);
  }
  return { table, rows, guess: guess.value, ...into };
}

const sum = (events: InputEvent[]): number => events.reduce((total, event) => total + (event.minor ?? 0), 0);
const customers = (events: InputEvent[]): number => new Set(events.map((event) => event.customerId)).size;

/** The same shuffle every time: a linear congruential generator (Numerical Recipes) drives Fisher and Yates. */
function shuffled<T>(list: T[]): T[] {
  const out = [...list];
  let state = 47;
  for (let i = out.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const j = state % (i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

describeShared('Online Retail, 541,909 lines', ['data/online_retail.csv.gz'], () => {
  test('all columns guessed: the published totals, to the line and to the penny', async () => {
    const { rows, guess, events, refused, table } = await imported('data/online_retail.csv.gz', { currency: 'GBP' });
    expect(guess.mapping).toMatchObject({
      customer: 'CustomerID',
      order: 'InvoiceNo',
      quantity: 'Quantity',
      price: 'UnitPrice',
      refundPrefix: 'C',
    });
    const orders = events.filter((event) => event.type === 'order.placed');
    const refunds = events.filter((event) => event.type === 'order.refunded');

    expect(orders).toHaveLength(18_536);
    expect(formatMinor(sum(orders), 'GBP')).toBe('8911407.90');
    expect(customers(orders)).toBe(4_339);
    expect(orders.filter((event) => event.minor === 0)).toHaveLength(4);
    expect(refunds).toHaveLength(3_654);
    expect(formatMinor(sum(refunds), 'GBP')).toBe('611342.09');

    const lines = (list: InputEvent[]) => list.reduce((total, event) => total + event.lines, 0);
    expect([lines(orders), lines(refunds), refused.length, rows.length]).toEqual([397_924, 8_905, 135_080, 541_909]);
    expect(lines(orders) + lines(refunds) + refused.length).toBe(rows.length);
    expect(new Set(refused.map((row) => row.reason))).toEqual(new Set(['missing-customer']));

    // The arithmetic behind "odd negatives": lines below 0 outside cancellations, all without a customer, so no known order nets below 0.
    const [invoice, quantity, customer] = ['InvoiceNo', 'Quantity', 'CustomerID'].map((name) =>
      table.header.indexOf(name),
    );
    const odd = rows.filter((row) => row[quantity!]!.startsWith('-') && !row[invoice!]!.startsWith('C'));
    expect(odd).toHaveLength(1_336);
    expect(odd.every((row) => row[customer!] === '')).toBe(true);
    // And no cancellation has a positive line, so netting never mixes signs in a known document.
    expect(rows.some((row) => row[invoice!]!.startsWith('C') && !row[quantity!]!.startsWith('-'))).toBe(false);

    const raw = await rawRows(table, new Set([refused[0]!.rowNumber]));
    expect(raw.get(refused[0]!.rowNumber)).toBe(refused[0]!.raw);
  });
});

describeShared('CDNOW, 69,659 rows without ids', ['data/cdnow_master_transactions.csv'], () => {
  test('every row is an order; twins have keys of their own; a second reading and a shuffled one give the same keys', async () => {
    const file = 'data/cdnow_master_transactions.csv';
    const first = await imported(file, { currency: 'USD' });
    expect(first.refused).toEqual([]);
    expect(first.events).toHaveLength(69_659);
    expect(customers(first.events)).toBe(23_570);
    expect(formatMinor(sum(first.events), 'USD')).toBe('2500315.63');
    const keys = (events: InputEvent[]) => events.map((event) => orderKeyMaterial(event, 'cdnow')).sort();
    const firstKeys = keys(first.events);
    expect(new Set(firstKeys).size).toBe(69_659);
    expect(new Set(first.events.map((event) => eventKeyMaterial(event, 'cdnow'))).size).toBe(69_659);

    // Genuine twins: the second and further occurrences of an identical row.
    const twins = first.events.filter((event) => !event.rowKey!.endsWith('#1'));
    expect([twins.length, formatMinor(sum(twins), 'USD')]).toEqual([255, '4332.88']);

    const again = await imported(file, { currency: 'USD' }, shuffled);
    expect(again.events[0]!.rowKey).not.toBe(first.events[0]!.rowKey);
    expect(keys(again.events)).toEqual(firstKeys);
  });
});

describeShared(
  'other real files',
  ['data/cdnow_sample_transactions.csv', 'data/grocery_transactions.csv', 'data/sim_transactions.csv'],
  () => {
    test.each([
      ['data/cdnow_sample_transactions.csv', 6_919, 2_357, 'customer_id'],
      ['data/grocery_transactions.csv', 10_483, 1_525, 'cust'],
      ['data/sim_transactions.csv', 15_273, 5_000, 'id'],
    ])('%s', async (file, rows, buyers, column) => {
      const { events, refused, guess } = await imported(file);
      expect([events.length, refused.length, customers(events), guess.mapping.customer]).toEqual([
        rows,
        0,
        buyers,
        column,
      ]);
    });
  },
);
