// Columns are a cache of `features(ledger, all days)`, written for every row that a batch has changed: computed anew from all entries, or, when
// nothing but later orders came (or, to customers with many, orders and refunds of any day: day-sums.ts), from the columns and those documents: sums of
// integers, so to the bit the same.
import { createDocuments, LAST_DAY, NO_DAY } from '#domain/documents.ts';
import { countPurchases, createPurchases, type Money } from '#domain/purchases.ts';
import type { FoldState } from './columns.ts';
import type { SourceCoverage } from './coverage.ts';
import { DaySums } from './day-sums.ts';
import type { EntryStore } from './entry-store.ts';
import { DOCUMENT, SUBSCRIPTION, swap } from './record-layout.ts';
import { COLUMN_FLAG, CONTROL, MARK, packCurrency, ROW_SHIFT, WORD } from './row-layout.ts';
import type { Stale, Workspace } from './workspace.ts';

/** In place of a chain: the row is computed from all its entries. */
const ALL = -1;
/** More orders at once than this are read with all the others. */
const MOST_ADDED = 64;

export class ColumnWriter {
  readonly #store: EntryStore;
  readonly #workspace: Workspace;
  readonly #coverage: SourceCoverage;
  readonly #orders = createDocuments(64);
  readonly #refunds = createDocuments(16);
  readonly #purchases = createPurchases();
  #dirty = new Int32Array(1024);
  /** By place in `#dirty`: the chains that the row's columns are of, when only orders and refunds were added to them since; else ALL. */
  #knownOrders = new Int32Array(1024);
  #knownRefunds = new Int32Array(1024);
  #count = 0;
  readonly #added = new Int32Array(MOST_ADDED);
  readonly #held: (row: number) => boolean;
  readonly #daySums: DaySums;

  /** @param held is the customer of this row parked? */
  constructor(
    store: EntryStore,
    workspace: Workspace,
    coverage: SourceCoverage,
    held: (row: number) => boolean = () => false,
    daySums: DaySums = new DaySums(),
  ) {
    this.#daySums = daySums;
    this.#held = held;
    this.#store = store;
    this.#workspace = workspace;
    this.#coverage = coverage;
  }

  /** The row's ledger changed at position `seq`. */
  mark(row: number, seq: number): void {
    this.#knownOrders[this.#touch(row, seq, ALL, ALL)] = ALL;
  }

  /** An order, or a refund, was put at the head of the row's chain, which was `before`; nothing else changed. */
  added(row: number, seq: number, refund: boolean, before: number): void {
    const { rows } = this.#store;
    if (refund) this.#touch(row, seq, rows.get(row, WORD.orderHead), before);
    else this.#touch(row, seq, before, rows.get(row, WORD.refundHead));
  }

  /** The row's place among the changed ones. */
  #touch(row: number, seq: number, orders: number, refunds: number): number {
    const { rows } = this.#store;
    rows.touch(row);
    const b = row << ROW_SHIFT;
    rows.doubles[(b + WORD.changeSeq) >>> 1] = seq;
    rows.toNewest(row);
    const place = rows.words[b + WORD.dirty]!;
    if (place !== 0) return place - 1;
    if (this.#count === this.#dirty.length) {
      this.#dirty = wider(this.#dirty);
      this.#knownOrders = wider(this.#knownOrders);
      this.#knownRefunds = wider(this.#knownRefunds);
    }
    const i = this.#count++;
    this.#dirty[i] = row;
    this.#knownOrders[i] = orders;
    this.#knownRefunds[i] = refunds;
    rows.words[b + WORD.dirty] = this.#count;
    return i;
  }

  /** A fact has changed how columns are computed: their rows count as changed at its position. */
  stale(which: Stale, seq: number): void {
    if (which === 'none') return;
    const { rows } = this.#store;
    for (let row = 0; row < rows.count; row++)
      if (which === 'all' || (rows.get(row, WORD.marks) & MARK.foreignMoney) !== 0) this.mark(row, seq);
  }

  flush(state: FoldState): number {
    const count = this.#count;
    const money = this.#money();
    for (let i = 0; i < count; i++) this.#write(i, money);
    this.#count = 0;
    const { control, stateDoubles } = this.#store.rows;
    Atomics.add(control, CONTROL.lock, 1);
    stateDoubles[CONTROL.state] = state.seq;
    stateDoubles[CONTROL.state + 1] = state.clockAt;
    stateDoubles[CONTROL.state + 2] = state.clockDay;
    stateDoubles[CONTROL.state + 3] = state.customers;
    stateDoubles[CONTROL.state + 4] = state.orders;
    stateDoubles[CONTROL.state + 5] = state.events;
    Atomics.add(control, CONTROL.lock, 1);
    Atomics.add(control, CONTROL.tick, 1);
    Atomics.notify(control, CONTROL.tick);
    return count;
  }

  #write(i: number, money: Money): void {
    const { rows } = this.#store;
    const row = this.#dirty[i]!;
    const marks = rows.get(row, WORD.marks);
    const linked = rows.get(row, WORD.parent) !== 0;
    const erased = (marks & MARK.erased) !== 0;
    const changeDay =
      this.#continue(row, this.#knownOrders[i]!, this.#knownRefunds[i]!, money) ?? this.#read(row, money);
    const p = this.#purchases;
    let flags = 0;
    if (erased) flags |= COLUMN_FLAG.erased;
    if (linked) flags |= COLUMN_FLAG.linked;
    if ((marks & (MARK.anonymous | MARK.known)) === MARK.anonymous) flags |= COLUMN_FLAG.anonymous;
    if (p.noRate) flags |= COLUMN_FLAG.noRate;
    if (rows.get(row, WORD.subscriptionHead) !== 0) flags |= COLUMN_FLAG.subscriber;
    if (this.#held(row)) flags |= COLUMN_FLAG.parked;
    if (p.firstDay !== NO_DAY && p.firstDay < this.#coverage.newFrom(marks)) flags |= COLUMN_FLAG.leftTruncated;
    const currency =
      p.currency === money.reporting
        ? this.#workspace.facts.reportingCurrency
        : this.#store.currencies.list[p.currency]!;
    rows.touch(row);
    const b = row << ROW_SHIFT;
    const { words, doubles } = rows;
    words[b + WORD.dirty] = 0;
    words[b + WORD.marks] = this.#foreign ? marks | MARK.foreignMoney : marks & ~MARK.foreignMoney;
    Atomics.add(words, b + WORD.lock, 1);
    words[b + WORD.firstDay] = p.firstDay;
    words[b + WORD.lastDay] = p.lastDay;
    words[b + WORD.changeDay] = changeDay;
    words[b + WORD.frequency] = Math.max(0, p.days - 1);
    words[b + WORD.moneyDays] = p.moneyDays;
    words[b + WORD.orders] = p.orders;
    words[b + WORD.currencyAndFlags] = packCurrency(currency) | (flags << 24);
    doubles[(b + WORD.moneyMinor) >>> 1] = p.moneyMinor;
    doubles[(b + WORD.netMinor) >>> 1] = p.netMinor;
    doubles[(b + WORD.seq) >>> 1] = doubles[(b + WORD.changeSeq) >>> 1]!;
    Atomics.add(words, b + WORD.lock, 1);
  }

  #foreign = false;

  #money(): Money {
    const reporting = this.#store.currencies.code(this.#workspace.facts.reportingCurrency);
    return { rates: this.#workspace.rates, currencies: this.#store.currencies.list, reporting };
  }

  /** Purchases of all days into `#purchases` without reading all entries; returns the largest day of any of them. Null when that cannot be. */
  #continue(row: number, knownOrders: number, knownRefunds: number, money: Money): number | null {
    if (!this.#daySums.has(row)) return knownOrders === ALL ? null : this.#extend(row, knownOrders, money);
    const last = knownOrders === ALL ? null : this.#onDays(row, knownOrders, knownRefunds, money);
    if (last === null) this.#daySums.forget(row);
    return last;
  }

  /** From the row's columns, its days, and the documents before the known ones in its chains. */
  #onDays(row: number, knownOrders: number, knownRefunds: number, money: Money): number | null {
    const { rows, orders, refunds } = this.#store;
    const p = this.#purchases;
    p.orders = rows.get(row, WORD.orders);
    p.days = rows.get(row, WORD.firstDay) === NO_DAY ? 0 : rows.get(row, WORD.frequency) + 1;
    p.firstDay = rows.get(row, WORD.firstDay);
    p.lastDay = rows.get(row, WORD.lastDay);
    p.moneyDays = rows.get(row, WORD.moneyDays);
    p.moneyMinor = rows.getDouble(row, WORD.moneyMinor);
    p.netMinor = rows.getDouble(row, WORD.netMinor);
    p.currency = money.reporting;
    p.noRate = false;
    this.#foreign = false;
    let last = rows.get(row, WORD.changeDay);
    for (let next = rows.get(row, WORD.orderHead); next !== knownOrders; next = orders.next(next - 1)) {
      if (next === 0) return null;
      const record = next - 1;
      const dayAndCurrency = orders.word(record, DOCUMENT.dayAndCurrency);
      const minor = orders.double(record, DOCUMENT.minor);
      if (isForeign(minor, dayAndCurrency, money)) return null;
      const day = dayAndCurrency >> 8;
      if (!this.#daySums.addOrder(row, day, minor, swap(orders.word(record, 1)), swap(orders.word(record, 2)), p))
        return null;
      last = Math.max(last, day);
    }
    for (let next = rows.get(row, WORD.refundHead); next !== knownRefunds; next = refunds.next(next - 1)) {
      if (next === 0) return null;
      const record = next - 1;
      const dayAndCurrency = refunds.word(record, DOCUMENT.dayAndCurrency);
      const minor = refunds.double(record, DOCUMENT.minor);
      if (isForeign(minor, dayAndCurrency, money)) return null;
      // Which orders a refund lowers that names one depends on all of them.
      if (refunds.word(record, DOCUMENT.orderKey) !== 0 || refunds.word(record, DOCUMENT.orderKey + 1) !== 0)
        return null;
      if (!this.#daySums.addRefund(row, minor, p)) return null;
      last = Math.max(last, dayAndCurrency >> 8);
    }
    return last;
  }

  /**
   * From the row's columns and the orders before `known` in its chain. Null when that is not all there is to it: refunds, other currencies, an order
   * of an earlier day, or of the last one, whose sum the columns do not have.
   */
  #extend(row: number, known: number, money: Money): number | null {
    const { rows, orders } = this.#store;
    if (rows.get(row, WORD.refundHead) !== 0) return null;
    const flags = rows.get(row, WORD.currencyAndFlags) >>> 24;
    if ((flags & COLUMN_FLAG.noRate) !== 0 || (rows.get(row, WORD.marks) & MARK.foreignMoney) !== 0) return null;
    let n = 0;
    for (let next = rows.get(row, WORD.orderHead); next !== known; next = orders.next(next - 1)) {
      if (next === 0 || n === MOST_ADDED) return null;
      this.#added[n++] = next - 1;
    }
    const p = this.#purchases;
    let firstDay = rows.get(row, WORD.firstDay);
    let lastDay = rows.get(row, WORD.lastDay);
    let days = firstDay === NO_DAY ? 0 : rows.get(row, WORD.frequency) + 1;
    let moneyDays = rows.get(row, WORD.moneyDays);
    let moneyMinor = rows.getDouble(row, WORD.moneyMinor);
    let netMinor = rows.getDouble(row, WORD.netMinor);
    /** Of the last day; of one that was there before nobody knows. */
    let today = Number.NaN;
    // The newest is at the head.
    for (let i = n - 1; i >= 0; i--) {
      const record = this.#added[i]!;
      const dayAndCurrency = orders.word(record, DOCUMENT.dayAndCurrency);
      const day = dayAndCurrency >> 8;
      const minor = orders.double(record, DOCUMENT.minor);
      if (isForeign(minor, dayAndCurrency, money)) return null;
      const amount = Number.isNaN(minor) ? 0 : minor;
      if (days === 0 || day > lastDay) {
        if (days === 0) firstDay = day;
        lastDay = day;
        days++;
        today = 0;
      } else if (day < lastDay) return null;
      if (amount > 0) {
        if (days > 1) {
          if (Number.isNaN(today)) return null;
          if (today === 0) moneyDays++;
          moneyMinor += amount;
        }
        today += amount;
        netMinor += amount;
      }
    }
    if (netMinor > Number.MAX_SAFE_INTEGER) return null;
    p.firstDay = firstDay;
    p.lastDay = lastDay;
    p.days = days;
    p.orders = rows.get(row, WORD.orders) + n;
    p.moneyDays = moneyDays;
    p.moneyMinor = moneyMinor;
    p.netMinor = netMinor;
    p.currency = money.reporting;
    p.noRate = false;
    this.#foreign = false;
    return Math.max(rows.get(row, WORD.changeDay), lastDay);
  }

  /** Purchases of all days into `#purchases`; returns the largest day of any entry. */
  #read(row: number, money: Money): number {
    const store = this.#store;
    const { rows, activities, subscriptions, properties } = store;
    let last = store.readDocuments(store.orders, WORD.orderHead, row, this.#orders, NO_DAY);
    last = store.readDocuments(store.refunds, WORD.refundHead, row, this.#refunds, last);
    for (let next = rows.get(row, WORD.activityHead); next !== 0; next = activities.next(next - 1))
      last = Math.max(last, activities.word(next - 1, 1));
    for (let next = rows.get(row, WORD.subscriptionHead); next !== 0; next = subscriptions.next(next - 1))
      last = Math.max(last, subscriptions.word(next - 1, SUBSCRIPTION.dayAndCurrency) >> 8);
    for (let next = rows.get(row, WORD.propertyHead); next !== 0; next = properties.next(next - 1)) {
      const k1 = properties.word(next - 1, 2);
      if (k1 !== 0) last = Math.max(last, (k1 - 1) / 2);
    }
    this.#foreign = false;
    let negative = false;
    for (const documents of [this.#orders, this.#refunds])
      for (let i = 0; i < documents.count; i++) {
        const minor = documents.minor[i]!;
        if (!Number.isNaN(minor) && documents.currency[i] !== money.reporting) this.#foreign = true;
        if (minor < 0) negative = true;
      }
    countPurchases(this.#orders, this.#refunds, LAST_DAY, money, this.#purchases);
    if (!this.#foreign && !negative && !this.#purchases.noRate)
      this.#daySums.keep(row, this.#orders, this.#refunds, this.#purchases);
    return last;
  }
}

/** Money of another currency than the reporting one, or below 0. */
const isForeign = (minor: number, dayAndCurrency: number, money: Money): boolean =>
  !Number.isNaN(minor) && ((dayAndCurrency & 255) !== money.reporting || minor < 0);

function wider(list: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const wide = new Int32Array(list.length * 2);
  wide.set(list);
  return wide;
}
