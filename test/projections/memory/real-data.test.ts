// Published totals of two public data sets, through packs and the ledger; the files are read by a small parser of their own.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { StoredEvent } from '#domain/envelope.ts';
import { features } from '#domain/features.ts';
import { createRates } from '#domain/rates.ts';
import { createCustomerColumns, openColumns } from '#projections/memory/columns.ts';
import { entriesOfRow } from '#projections/memory/entries.ts';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import { portableDigest, StateDigest } from '#projections/memory/state-digest.ts';
import { independentFold, type PlainEvent } from '../../support/independent-fold.ts';
import { describeShared, sharedPath } from '../../support/shared.ts';
import { apply, createWriter, hex, order, refund, sidOf } from './scenario.ts';

const dayOfDate = (text: string) => Date.parse(`${text.slice(0, 10)}T00:00:00Z`) / 86_400_000;

function fold(
  events: StoredEvent[],
  ledger = createLedger({ maxCustomers: 1 << 16, reportingCurrency: 'GBP' }),
  epoch = 1,
) {
  const writer = createWriter('g', epoch);
  const packs: Uint8Array[] = [];
  for (let i = 0; i < events.length; i += 500) packs.push(writer.pack(events.slice(i, i + 500)));
  return apply(ledger, packs, 20);
}
const resolverOf = (ids: Iterable<string>) => {
  const byHex = new Map([...ids].map((id) => [hex(sidOf(id)), id]));
  return (sid: Uint8Array) => byHex.get(hex(sid)) ?? null;
};
function sumOfColumns(ledger: Ledger) {
  const columns = openColumns(ledger.rows.handle);
  const out = createCustomerColumns();
  const sum = { customers: 0, buyers: 0, orders: 0, frequency: 0 };
  for (let row = 0; columns.read(row, out); row++) {
    sum.customers++;
    if (out.orders > 0) sum.buyers++;
    sum.orders += out.orders;
    sum.frequency += out.frequency;
  }
  return sum;
}
const shuffled = <T>(list: T[]): T[] =>
  list
    .map((value, i) => ({ value, at: Math.imul(i + 17, 0x9e3779b1) >>> 0 }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);

describeShared('CDNOW, all 69,659 transactions', ['data/cdnow_master_transactions.csv'], () => {
  const rows = readFileSync(sharedPath('data', 'cdnow_master_transactions.csv'), 'utf8').trim().split('\n').slice(1);
  const toPlain = (lines: string[]): PlainEvent[] => {
    const seen = new Map<string, number>();
    return lines.map((line) => {
      const k = (seen.get(line) ?? 0) + 1;
      seen.set(line, k);
      const [customer, date, , amount] = line.split(',') as [string, string, string, string];
      const minor = Number(amount.replace('.', ''));
      const day = dayOfDate(date);
      return { kind: 'order', customer, key: `${line}#${k}`, day, minor, currency: 'USD', revision: 0 };
    });
  };
  const toStored = (events: PlainEvent[], run: string) =>
    events.map((e) => order(e.customer, e.key, e.day, e.minor, { currency: e.currency, run }));
  const plain = toPlain(rows);
  const resolve = resolverOf(plain.map((e) => e.customer));

  test('first import all accepted, second all duplicates, state unchanged; shuffled elsewhere the same portable digest', () => {
    const ledger = fold(toStored(plain, 'first'));
    expect(ledger.runs.stats('first')).toMatchObject({
      acceptedEvents: 69_659,
      duplicateEvents: 0,
      conflictEvents: 0,
      customers: 23_570,
      gross: { USD: 250_031_563 },
    });
    const oracle = independentFold(plain);
    expect(oracle).toMatchObject({ customers: 23_570, orders: 69_659, gross: 250_031_563 });
    expect(sumOfColumns(ledger)).toMatchObject({ customers: 23_570, orders: 69_659, frequency: oracle.frequency });
    const digest = portableDigest(ledger, resolve);
    expect(digest).toBe(oracle.digest);
    const state = new StateDigest(ledger).value();

    fold(toStored(plain, 'second'), ledger, 2);
    expect(ledger.runs.stats('second')).toMatchObject({ acceptedEvents: 0, duplicateEvents: 69_659, gross: {} });
    expect(new StateDigest(ledger).value()).toBe(state);

    const elsewhere = fold(toStored(toPlain(shuffled(rows)), 'shuffled'));
    expect(portableDigest(elsewhere, resolve)).toBe(digest);
  });
});

/** Fields of a CSV line with quotes. */
const fieldsOf = (line: string): string[] =>
  [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map((m) => m[1]!.replace(/^"|"$/g, '')).slice(0, 8);

describeShared('Online Retail, 541,909 lines', ['data/online_retail.csv.gz'], () => {
  interface Document {
    customer: string;
    /** In 10⁻⁴ pounds, exact. */
    units: number;
    day: number;
  }
  const read = () => {
    const lines = gunzipSync(readFileSync(sharedPath('data', 'online_retail.csv.gz')))
      .toString('utf8')
      .split(/\r?\n/);
    const documents = new Map<string, Document>();
    let anonymous = 0;
    for (const line of lines.slice(1)) {
      if (line === '') continue;
      const [invoice, , , quantity, date, price, customer] = fieldsOf(line) as [string, ...string[]];
      if (!customer) {
        anonymous++;
        continue;
      }
      const [whole, fraction = ''] = price!.split('.') as [string, string?];
      expect(fraction.length).toBeLessThanOrEqual(4);
      const units = Number(quantity) * (Number(whole) * 10_000 + Number(fraction.padEnd(4, '0')));
      const day = dayOfDate(date!);
      const known = documents.get(invoice);
      if (known) {
        known.units += units;
        known.day = Math.min(known.day, day);
      } else documents.set(invoice, { customer, units, day });
    }
    return { documents, anonymous };
  };
  const halfEven = (units: number) => {
    const rest = ((units % 100) + 100) % 100;
    const down = (units - rest) / 100;
    return rest > 50 || (rest === 50 && down % 2 !== 0) ? down + 1 : down;
  };

  test('gross, buyers, Σ frequency, cancellations and the 197 that match an order', () => {
    const { documents, anonymous } = read();
    expect(anonymous).toBe(135_080);
    const plain: PlainEvent[] = [];
    const stored: StoredEvent[] = [];
    for (const [invoice, { customer, units, day }] of documents) {
      const cancelled = invoice.startsWith('C');
      const minor = Math.abs(halfEven(units));
      const [kind, build] = cancelled ? (['refund', refund] as const) : (['order', order] as const);
      plain.push({ kind, customer, key: invoice, day, minor, currency: 'GBP', revision: 0 });
      stored.push({ ...build(customer, invoice, day, minor), currency: 'GBP', run: 'retail' });
    }
    const ledger = fold(shuffled(stored));
    const { gross, refunds, acceptedEvents } = ledger.runs.stats('retail')!;
    expect({ gross, refunds, acceptedEvents }).toEqual({
      gross: { GBP: 891_140_790 },
      refunds: { GBP: 61_134_209 },
      acceptedEvents: 18_536 + 3_654,
    });
    expect(sumOfColumns(ledger)).toMatchObject({ buyers: 4_339, orders: 18_536, frequency: 12_427 });

    let matched = 0;
    let matchedMinor = 0;
    for (const row of ledger.canonicalRows()) {
      const f = features(entriesOfRow(ledger.store, row), 20_000, { rates: createRates('GBP') });
      matched += f.matchedRefunds;
      for (const total of f.totals) matchedMinor += total.matched;
    }
    expect({ matched, matchedMinor }).toEqual({ matched: 197, matchedMinor: 39_423_881 });

    const oracle = independentFold(plain);
    expect(oracle).toMatchObject({ gross: 891_140_790, refunds: 61_134_209, frequency: 12_427, orders: 18_536 });
    expect(portableDigest(ledger, resolverOf(plain.map((e) => e.customer)))).toBe(oracle.digest);
  });
});

describe('the readers of real data', () => {
  test('a comma or a quote inside a quoted field does not end it', () => {
    const text = fieldsOf('1,a,"x, ""y""",2,2010-12-01 08:26:00,2.55,17850,UK');
    expect(text).toHaveLength(8);
    expect(text[6]).toBe('17850');
  });
});
