// One customer's ledger, every list in its canonical order: in readable form for the timeline, past days, and the digests; with documents as columns
// for training, which reads everybody at every cut-off.
import { createDocuments } from '#domain/documents.ts';
import {
  type ActivityEntry,
  type AttributeEntry,
  type CustomerEntries,
  compareText,
  SUBSCRIPTION_STEPS,
  type SubscriptionEntry,
} from '#domain/ledger.ts';
import type { CustomerColumns } from '#domain/ledger-columns.ts';
import type { EntryStore } from './entry-store.ts';
import { ACTIVITY, DOCUMENT, keyText, orderKeyText, PROPERTY, SUBSCRIPTION } from './record-layout.ts';
import type { RecordPool } from './record-pool.ts';
import { MARK, WORD } from './row-layout.ts';

export function entriesOfRow(store: EntryStore, row: number): CustomerEntries {
  const { rows } = store;
  const names = store.names.list;
  const document = (pool: RecordPool) => (record: number) => {
    const dayAndCurrency = pool.word(record, DOCUMENT.dayAndCurrency);
    return {
      key: keyText(pool.word(record, 1), pool.word(record, 2)),
      day: dayAndCurrency >> 8,
      minor: amount(pool.double(record, DOCUMENT.minor)),
      currency: currencyOf(store, dayAndCurrency),
      revision: pool.word(record, DOCUMENT.revision) >>> 0,
    };
  };
  const { orders, refunds, properties } = store;
  return {
    sid: hex(rows.sid(row)),
    linked: members(store, row)
      .map((member) => hex(rows.sid(member)))
      .sort(compareText),
    ...markedOf(store, row),
    seq: rows.getDouble(row, WORD.changeSeq),
    orders: recordsOf(store, orders, WORD.orderHead, row, (record) => ({
      ...document(orders)(record),
      channel: store.channels.list[orders.side(record)] || null,
    })).sort(byDay),
    refunds: recordsOf(store, refunds, WORD.refundHead, row, (record) => ({
      ...document(refunds)(record),
      orderKey: orderKeyText(refunds.word(record, DOCUMENT.orderKey), refunds.word(record, DOCUMENT.orderKey + 1)),
    })).sort(byDay),
    activities: activitiesOf(store, row),
    subscriptions: subscriptionsOf(store, row),
    consents: recordsOf(store, properties, WORD.propertyHead, row, (record) => record)
      .filter((record) => properties.word(record, 2) === 0)
      .map((record) => ({
        purpose: names[properties.word(record, 1)]!,
        granted: properties.double(record, PROPERTY.value) === 1,
        at: properties.double(record, PROPERTY.at),
      }))
      .sort((a, b) => compareText(a.purpose, b.purpose)),
    attributes: attributesOf(store, row),
  };
}

/** Reads one customer after the other into the same columns: each is overwritten by the next. */
export function columnsReader(store: EntryStore): (row: number) => CustomerColumns {
  const [orders, refunds] = [createDocuments(64), createDocuments(16)];
  const sid = Buffer.alloc(16);
  const words = new Int32Array(sid.buffer, sid.byteOffset, 4);
  const { rows } = store;
  return (row) => {
    for (let i = 0; i < 4; i++) words[i] = rows.get(row, WORD.sid + i);
    store.readDocuments(store.orders, WORD.orderHead, row, orders, 0);
    store.readDocuments(store.refunds, WORD.refundHead, row, refunds, 0);
    return {
      sid: sid.toString('hex'),
      ...markedOf(store, row),
      orders,
      refunds,
      currencies: store.currencies.list,
      channels: store.channels.list,
      activities: activitiesOf(store, row),
      subscriptions: subscriptionsOf(store, row),
      attributes: attributesOf(store, row),
    };
  };
}

function markedOf({ rows }: EntryStore, row: number): { erased: boolean; anonymous: boolean } {
  const marks = rows.get(row, WORD.marks);
  return {
    erased: (marks & MARK.erased) !== 0,
    anonymous: (marks & (MARK.anonymous | MARK.known)) === MARK.anonymous,
  };
}

function recordsOf<T>(
  { rows }: EntryStore,
  pool: RecordPool,
  head: number,
  row: number,
  read: (record: number) => T,
): T[] {
  const list: T[] = [];
  for (let next = rows.get(row, head); next !== 0; next = pool.next(next - 1)) list.push(read(next - 1));
  return list;
}

const currencyOf = ({ currencies }: EntryStore, dayAndCurrency: number): string | null =>
  currencies.list[dayAndCurrency & 255] || null;
const amount = (minor: number): number | null => (Number.isNaN(minor) ? null : minor);
const byDay = (a: { day: number; key: string }, b: { day: number; key: string }): number =>
  a.day - b.day || compareText(a.key, b.key);

function activitiesOf(store: EntryStore, row: number): ActivityEntry[] {
  const { activities, names } = store;
  return recordsOf(store, activities, WORD.activityHead, row, (record) => ({
    day: activities.word(record, 1),
    kind: names.list[activities.word(record, 2)]!,
    count: activities.word(record, ACTIVITY.count),
  })).sort((a, b) => a.day - b.day || compareText(a.kind, b.kind));
}

function subscriptionsOf(store: EntryStore, row: number): SubscriptionEntry[] {
  const { subscriptions, names } = store;
  return recordsOf(store, subscriptions, WORD.subscriptionHead, row, (record) => {
    const dayAndCurrency = subscriptions.word(record, SUBSCRIPTION.dayAndCurrency);
    const stepAndPlan = subscriptions.word(record, SUBSCRIPTION.stepAndPlan);
    return {
      day: dayAndCurrency >> 8,
      step: SUBSCRIPTION_STEPS[(stepAndPlan & 3) as 0 | 1 | 2],
      key: keyText(subscriptions.word(record, SUBSCRIPTION.key), subscriptions.word(record, SUBSCRIPTION.key + 1)),
      plan: names.list[stepAndPlan >>> 2] || null,
      minor: amount(subscriptions.double(record, SUBSCRIPTION.minor)),
      currency: currencyOf(store, dayAndCurrency),
      revision: subscriptions.word(record, SUBSCRIPTION.revision) >>> 0,
    };
  }).sort((a, b) => byDay(a, b) || SUBSCRIPTION_STEPS.indexOf(a.step) - SUBSCRIPTION_STEPS.indexOf(b.step));
}

function attributesOf(store: EntryStore, row: number): AttributeEntry[] {
  const { properties, names } = store;
  return recordsOf(store, properties, WORD.propertyHead, row, (record) => record)
    .filter((record) => properties.word(record, 2) !== 0)
    .map((record) => ({
      name: names.list[properties.word(record, 1)]!,
      day: (properties.word(record, 2) - 1) / 2,
      ...store.attribute(record),
    }))
    .sort((a, b) => compareText(a.name, b.name) || a.day - b.day);
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
