// What it costs to understand what comes in: µs an event for the parsers, and rows a second from a file to events.
// Values are parsed JSON made beforehand. Figures, never assertions: `axiom47 bench input`.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseNative } from '#domain/adapters/native.ts';
import { parseSegment } from '#domain/adapters/segment.ts';
import { guessMapping } from '#domain/columns-guess.ts';
import { createImporter } from '#domain/import.ts';
import { createOccurrences } from '#domain/orders.ts';
import { parsePrepared } from '#domain/prepared.ts';
import { openTable } from '#ops/import/read-file.ts';
import { parseContext } from '../support/input.ts';
import type { Benchmark, Measurement } from './benchmark.ts';

const EVENTS = 100_000;
const ROUNDS = 3;

const at = '2026-11-19T10:00:00Z';
const order = (i: number) => ({
  id: `e-${i}`,
  type: 'order.placed',
  customer_id: `c-${i % 5000}`,
  at,
  data: { order_id: `o-${i}`, amount: `42.${10 + (i % 90)}`, currency: 'EUR', channel: 'web' },
});
const bare = (i: number) => ({
  type: 'order.placed',
  customer_id: `c-${i % 5000}`,
  at: '2026-11-19',
  data: { amount: `4.${10 + (i % 90)}` },
});
const activity = (i: number) => ({
  ...order(i),
  type: 'activity.recorded',
  data: { name: 'page viewed', props: { page: 'x', n: i } },
});
const track = (i: number) => ({
  type: 'track',
  messageId: `m-${i}`,
  userId: `c-${i % 5000}`,
  event: 'Order Completed',
  timestamp: at,
  sentAt: at,
  properties: { order_id: `o-${i}`, revenue: 19.99, currency: 'EUR' },
});

/** µs an event, the best of three rounds: the first ones warm up. */
function microseconds<T>(make: (i: number) => T, parse: (value: T, i: number) => { ok: boolean }): number {
  const values = Array.from({ length: EVENTS }, (_, i) => make(i));
  let best = Number.POSITIVE_INFINITY;
  for (let n = 0; n < ROUNDS; n++) {
    const begun = performance.now();
    for (let i = 0; i < EVENTS; i++) if (!parse(values[i]!, i).ok) throw new Error('a benchmark event was refused');
    best = Math.min(best, ((performance.now() - begun) * 1000) / EVENTS);
  }
  return best;
}

/** Order lines like Online Retail's, 541,909 of them, 23 an order: seconds from the file to grouped events. */
async function linesOfAFile(): Promise<Measurement[]> {
  const folder = await mkdtemp(join(tmpdir(), 'axiom47-bench-'));
  try {
    const path = join(folder, 'lines.csv');
    const rows = 541_909;
    const line = (i: number) => {
      const number = 536_365 + Math.floor(i / 23);
      return `${number},85123A,"WHITE HANGING HEART, T-LIGHT HOLDER",${1 + (i % 12)},2010-12-01 08:26:00,${(i % 900) / 100},${12_000 + (number % 4_339)},United Kingdom`;
    };
    const header = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
    await writeFile(path, `${header}\n${Array.from({ length: rows }, (_, i) => line(i)).join('\n')}\n`);
    const begun = performance.now();
    const table = await openTable(path);
    const guess = guessMapping(table.header, table.sample, {}, 'GBP');
    if (!guess.ok) throw new Error(guess.reason.message);
    const importer = createImporter(guess.value.mapping, table.header, parseContext());
    const into = { events: [], refused: [] };
    for await (const batch of table.batches())
      for (let i = 0; i < batch.rows.length; i++) importer.row(batch.rows[i]!, batch.numbers[i]!, into);
    let events = 0;
    for (const piece of importer.finish()) events += piece.events.length;
    const seconds = (performance.now() - begun) / 1000;
    if (events !== Math.ceil(rows / 23)) throw new Error(`${events} orders of ${rows} lines`);
    return [
      { name: 'input: a file of 541,909 order lines to grouped events', value: seconds, unit: 's' },
      { name: 'input: lines of that file', value: rows / seconds, unit: 'rows/s' },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function parsers(): Promise<Measurement[]> {
  const ctx = parseContext();
  const prepared = Array.from({ length: EVENTS }, (_, i) => parseNative(order(i), i, ctx));
  const each: [string, number][] = [
    ['native order with ids', microseconds(order, (value, i) => parseNative(value, i, ctx))],
    [
      'native order without ids',
      microseconds(bare, (value, i) => parseNative(value, i, { ...ctx, occurrences: createOccurrences() })),
    ],
    ['native activity', microseconds(activity, (value, i) => parseNative(value, i, ctx))],
    ['Segment order', microseconds(track, (value, i) => parseSegment(value, i, ctx))],
    [
      'prepared by an import',
      microseconds(
        (i) => prepared[i]!,
        (value, i) => (value.ok ? parsePrepared(value.value, i, ctx) : value),
      ),
    ],
  ];
  return each.map(([what, value]) => ({ name: `input: ${what}, parsed JSON to event`, value, unit: 'µs' }));
}

export const benchmarks: Benchmark[] = [
  { name: 'input-parse', about: 'µs from parsed JSON to an event, by what it is', run: parsers },
  { name: 'input-file', about: 'a file of 541,909 order lines to grouped events', run: linesOfAFile },
];
