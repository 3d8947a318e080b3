// Columns are a cache of `features(ledger, all days)`: computed anew for every row that a batch has changed, never accumulated.
import { createDocuments, LAST_DAY, NO_DAY } from '#domain/documents.ts';
import { countPurchases, createPurchases } from '#domain/purchases.ts';
import type { FoldState } from './columns.ts';
import type { SourceCoverage } from './coverage.ts';
import type { EntryStore } from './entry-store.ts';
import { SUBSCRIPTION } from './record-layout.ts';
import { COLUMN_FLAG, CONTROL, MARK, packCurrency, ROW_SHIFT, WORD } from './row-layout.ts';
import type { Stale, Workspace } from './workspace.ts';

export class ColumnWriter {
  readonly #store: EntryStore;
  readonly #workspace: Workspace;
  readonly #coverage: SourceCoverage;
  readonly #orders = createDocuments(64);
  readonly #refunds = createDocuments(16);
  readonly #purchases = createPurchases();
  #dirty = new Int32Array(1024);
  #count = 0;
  readonly #held: (row: number) => boolean;

  /** @param held is the customer of this row parked? */
  constructor(
    store: EntryStore,
    workspace: Workspace,
    coverage: SourceCoverage,
    held: (row: number) => boolean = () => false,
  ) {
    this.#held = held;
    this.#store = store;
    this.#workspace = workspace;
    this.#coverage = coverage;
  }

  /** The row's ledger changed at position `seq`. */
  mark(row: number, seq: number): void {
    const { rows } = this.#store;
    rows.touch(row);
    const b = row << ROW_SHIFT;
    rows.doubles[(b + WORD.changeSeq) >>> 1] = seq;
    rows.toNewest(row);
    if (rows.words[b + WORD.dirty] !== 0) return;
    if (this.#count === this.#dirty.length) {
      const wider = new Int32Array(this.#count * 2);
      wider.set(this.#dirty);
      this.#dirty = wider;
    }
    this.#dirty[this.#count++] = row;
    rows.words[b + WORD.dirty] = this.#count;
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
    for (let i = 0; i < count; i++) this.#write(this.#dirty[i]!);
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

  #write(row: number): void {
    const { rows } = this.#store;
    const marks = rows.get(row, WORD.marks);
    const linked = rows.get(row, WORD.parent) !== 0;
    const erased = (marks & MARK.erased) !== 0;
    const changeDay = this.#read(row);
    const p = this.#purchases;
    let flags = 0;
    if (erased) flags |= COLUMN_FLAG.erased;
    if (linked) flags |= COLUMN_FLAG.linked;
    if ((marks & (MARK.anonymous | MARK.known)) === MARK.anonymous) flags |= COLUMN_FLAG.anonymous;
    if (p.noRate) flags |= COLUMN_FLAG.noRate;
    if (rows.get(row, WORD.subscriptionHead) !== 0) flags |= COLUMN_FLAG.subscriber;
    if (this.#held(row)) flags |= COLUMN_FLAG.parked;
    if (p.firstDay !== NO_DAY && p.firstDay < this.#coverage.newFrom(marks)) flags |= COLUMN_FLAG.leftTruncated;
    const { reporting } = this.#money();
    const currency =
      p.currency === reporting ? this.#workspace.facts.reportingCurrency : this.#store.currencies.list[p.currency]!;
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

  #money() {
    const reporting = this.#store.currencies.code(this.#workspace.facts.reportingCurrency);
    return { rates: this.#workspace.rates, currencies: this.#store.currencies.list, reporting };
  }

  /** Purchases of all days into `#purchases`; returns the largest day of any entry. */
  #read(row: number): number {
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
    const money = this.#money();
    this.#foreign = false;
    for (const documents of [this.#orders, this.#refunds])
      for (let i = 0; i < documents.count; i++)
        if (!Number.isNaN(documents.minor[i]!) && documents.currency[i] !== money.reporting) this.#foreign = true;
    countPurchases(this.#orders, this.#refunds, LAST_DAY, money, this.#purchases);
    return last;
  }
}
