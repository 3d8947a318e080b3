// One customer's ledger in readable form, every list in its canonical order: for the timeline, past days, and the digests.
import { type CustomerEntries, compareText, SUBSCRIPTION_STEPS } from '#domain/ledger.ts';
import type { EntryStore } from './entry-store.ts';
import { ACTIVITY, DOCUMENT, keyText, orderKeyText, PROPERTY, SUBSCRIPTION } from './record-layout.ts';
import type { RecordPool } from './record-pool.ts';
import { MARK, WORD } from './row-layout.ts';

export function entriesOfRow(store: EntryStore, row: number): CustomerEntries {
  const { rows } = store;
  const names = store.names.list;
  const currencyOf = (dayAndCurrency: number) => store.currencies.list[dayAndCurrency & 255] || null;
  const amount = (minor: number) => (Number.isNaN(minor) ? null : minor);
  const each = <T>(pool: RecordPool, head: number, read: (record: number) => T): T[] => {
    const list: T[] = [];
    for (let next = rows.get(row, head); next !== 0; next = pool.next(next - 1)) list.push(read(next - 1));
    return list;
  };
  const document = (pool: RecordPool) => (record: number) => {
    const dayAndCurrency = pool.word(record, DOCUMENT.dayAndCurrency);
    return {
      key: keyText(pool.word(record, 1), pool.word(record, 2)),
      day: dayAndCurrency >> 8,
      minor: amount(pool.double(record, DOCUMENT.minor)),
      currency: currencyOf(dayAndCurrency),
      revision: pool.word(record, DOCUMENT.revision) >>> 0,
    };
  };
  const { orders, refunds, activities, subscriptions, properties } = store;
  const said = each(properties, WORD.propertyHead, (record) => record);
  const byDay = (a: { day: number; key: string }, b: { day: number; key: string }) =>
    a.day - b.day || compareText(a.key, b.key);
  return {
    sid: hex(rows.sid(row)),
    linked: members(store, row)
      .map((member) => hex(rows.sid(member)))
      .sort(compareText),
    erased: (rows.get(row, WORD.marks) & MARK.erased) !== 0,
    anonymous: (rows.get(row, WORD.marks) & (MARK.anonymous | MARK.known)) === MARK.anonymous,
    seq: rows.getDouble(row, WORD.changeSeq),
    orders: each(orders, WORD.orderHead, document(orders)).sort(byDay),
    refunds: each(refunds, WORD.refundHead, (record) => ({
      ...document(refunds)(record),
      orderKey: orderKeyText(refunds.word(record, DOCUMENT.orderKey), refunds.word(record, DOCUMENT.orderKey + 1)),
    })).sort(byDay),
    activities: each(activities, WORD.activityHead, (record) => ({
      day: activities.word(record, 1),
      kind: names[activities.word(record, 2)]!,
      count: activities.word(record, ACTIVITY.count),
    })).sort((a, b) => a.day - b.day || compareText(a.kind, b.kind)),
    subscriptions: each(subscriptions, WORD.subscriptionHead, (record) => {
      const dayAndCurrency = subscriptions.word(record, SUBSCRIPTION.dayAndCurrency);
      const stepAndPlan = subscriptions.word(record, SUBSCRIPTION.stepAndPlan);
      return {
        day: dayAndCurrency >> 8,
        step: SUBSCRIPTION_STEPS[(stepAndPlan & 3) as 0 | 1 | 2],
        key: keyText(subscriptions.word(record, SUBSCRIPTION.key), subscriptions.word(record, SUBSCRIPTION.key + 1)),
        plan: names[stepAndPlan >>> 2] || null,
        minor: amount(subscriptions.double(record, SUBSCRIPTION.minor)),
        currency: currencyOf(dayAndCurrency),
        revision: subscriptions.word(record, SUBSCRIPTION.revision) >>> 0,
      };
    }).sort((a, b) => byDay(a, b) || SUBSCRIPTION_STEPS.indexOf(a.step) - SUBSCRIPTION_STEPS.indexOf(b.step)),
    consents: said
      .filter((record) => properties.word(record, 2) === 0)
      .map((record) => ({
        purpose: names[properties.word(record, 1)]!,
        granted: properties.double(record, PROPERTY.value) === 1,
        at: properties.double(record, PROPERTY.at),
      }))
      .sort((a, b) => compareText(a.purpose, b.purpose)),
    attributes: said
      .filter((record) => properties.word(record, 2) !== 0)
      .map((record) => ({
        name: names[properties.word(record, 1)]!,
        day: (properties.word(record, 2) - 1) / 2,
        ...store.attribute(record),
      }))
      .sort((a, b) => compareText(a.name, b.name) || a.day - b.day),
  };
}

/** Rows linked into this one. */
export function members({ rows }: EntryStore, row: number): number[] {
  const list: number[] = [];
  for (let next = rows.get(row, WORD.memberHead); next !== 0; next = rows.get(next - 1, WORD.memberNext))
    list.push(next - 1);
  return list;
}

export const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
