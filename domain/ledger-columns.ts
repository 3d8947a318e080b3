// A customer's ledger with its documents as columns: orders are many, and training reads them again at every cut-off. The readable form is
// `CustomerEntries`; whatever takes one takes the other and answers the same.
import { createDocuments, type Documents, growDocuments } from './documents.ts';
import type {
  ActivityEntry,
  AttributeEntry,
  CustomerEntries,
  OrderEntry,
  RefundEntry,
  SubscriptionEntry,
} from './ledger.ts';

export interface CustomerColumns {
  sid: string;
  erased: boolean;
  anonymous: boolean;
  /** In any order. */
  orders: Documents;
  refunds: Documents;
  /** Code → currency; position 0 stands for none. */
  currencies: readonly string[];
  /** Code → channel of an order; position 0 stands for none. */
  channels: readonly string[];
  /** These in their canonical order. */
  activities: readonly ActivityEntry[];
  subscriptions: readonly SubscriptionEntry[];
  attributes: readonly AttributeEntry[];
}
export type CustomerLedger = CustomerEntries | CustomerColumns;

const isReadable = (ledger: CustomerLedger): ledger is CustomerEntries => Array.isArray(ledger.orders);

export function columnsOf(ledger: CustomerLedger): CustomerColumns {
  if (!isReadable(ledger)) return ledger;
  const currencies = [''];
  const channels = [''];
  const { sid, erased, anonymous, activities, subscriptions, attributes } = ledger;
  const orders = documentsOf(ledger.orders, currencies, channels);
  const refunds = documentsOf(ledger.refunds, currencies, channels);
  return { sid, erased, anonymous, orders, refunds, currencies, channels, activities, subscriptions, attributes };
}

/** Is there a purchase on a day from ≤ day ≤ to? */
export function boughtWithin(ledger: CustomerLedger, from: number, to: number): boolean {
  if (isReadable(ledger)) return ledger.orders.some(({ day }) => day >= from && day <= to);
  const { count, day } = ledger.orders;
  for (let i = 0; i < count; i++) if (day[i]! >= from && day[i]! <= to) return true;
  return false;
}

/** Distinct purchase days up to `until`, ascending. */
export function purchaseDaysOf({ orders: { count, day } }: CustomerColumns, until: number): number[] {
  const days: number[] = [];
  let ascending = true;
  // From the end: a ledger's list holds the newest entry first.
  for (let i = count - 1; i >= 0; i--) {
    const each = day[i]!;
    const last = days.at(-1);
    if (each > until || each === last) continue;
    if (last !== undefined && each < last) ascending = false;
    days.push(each);
  }
  if (ascending) return days;
  return days.sort((a, b) => a - b).filter((each, i) => i === 0 || each !== days[i - 1]);
}

type Entry = OrderEntry | RefundEntry;
function documentsOf(entries: readonly Entry[], currencies: string[], channels: string[]): Documents {
  const documents = createDocuments(Math.max(1, entries.length));
  for (const entry of entries) addDocument(documents, entry, currencies, channels);
  return documents;
}

/** A new name gets the next code. */
function codeIn(list: string[], name: string | null): number {
  const code = list.indexOf(name ?? '');
  return code < 0 ? list.push(name ?? '') - 1 : code;
}

/** Appends one entry. */
function addDocument(documents: Documents, entry: Entry, currencies: string[], channels: string[]): void {
  if (documents.count === documents.day.length) growDocuments(documents);
  const at = documents.count++;
  documents.day[at] = entry.day;
  documents.minor[at] = entry.minor ?? Number.NaN;
  documents.keyHigh[at] = Number.parseInt(entry.key.slice(0, 8), 16);
  documents.keyLow[at] = Number.parseInt(entry.key.slice(8), 16);
  documents.currency[at] = codeIn(currencies, entry.currency);
  documents.channel[at] = 'channel' in entry ? codeIn(channels, entry.channel) : 0;
  const orderKey = 'orderKey' in entry ? entry.orderKey : null;
  documents.named[at] = orderKey === null ? 0 : 1;
  documents.orderHigh[at] = orderKey === null ? 0 : Number.parseInt(orderKey.slice(0, 8), 16);
  documents.orderLow[at] = orderKey === null ? 0 : Number.parseInt(orderKey.slice(8), 16);
}
