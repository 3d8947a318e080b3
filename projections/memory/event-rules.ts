// What one event does to its customer's entries, and to the statistics of its run: the part of the fold that knows what events mean (facts §2, §5).
import { EVENT_TYPES } from '#domain/envelope.ts';
import { isVerifiable, SUBSCRIPTION_STEPS } from '#domain/ledger.ts';
import { FLAG, type PackView } from '#streams/pack.ts';
import type { ColumnWriter } from './column-writer.ts';
import type { Conflicts } from './conflicts.ts';
import type { SourceCoverage } from './coverage.ts';
import type { EntryStore } from './entry-store.ts';
import type { ErasedTotals } from './erased-totals.ts';
import type { IdWindow } from './id-window.ts';
import { CODE } from './record-layout.ts';
import { WORD } from './row-layout.ts';
import type { RowTable } from './rows.ts';
import type { RunTally } from './runs.ts';

const TYPE = Object.fromEntries(EVENT_TYPES.map((type, i) => [type, i + 1])) as Record<
  (typeof EVENT_TYPES)[number],
  number
>;
const { accepted, duplicate, ignored } = CODE as { accepted: number; duplicate: number; ignored: number };

interface Parts {
  rows: RowTable;
  store: EntryStore;
  columns: ColumnWriter;
  coverage: SourceCoverage;
  window: IdWindow;
  conflicts: Conflicts;
  erasedTotals: ErasedTotals;
}

/** Each method answers the verdict's code and may throw in the middle: the ledger takes back what was written. */
export class EventRules {
  /** Position of the message at hand. */
  seq = 0;
  /** What a recorder noted of the event being applied again; null while the id window judges. */
  noted: boolean | null = null;
  /** Did the event at hand put an id into the window? */
  idAdded = false;
  readonly rows: RowTable;
  readonly store: EntryStore;
  readonly columns: ColumnWriter;
  readonly coverage: SourceCoverage;
  readonly window: IdWindow;
  readonly conflicts: Conflicts;
  readonly erasedTotals: ErasedTotals;

  constructor(parts: Parts) {
    this.rows = parts.rows;
    this.store = parts.store;
    this.columns = parts.columns;
    this.coverage = parts.coverage;
    this.window = parts.window;
    this.conflicts = parts.conflicts;
    this.erasedTotals = parts.erasedTotals;
  }

  /** An event of an erased customer adds to the totals what it would have left there, had it come before the erasure. */
  applyErased(pack: PackView, i: number, day: number, at: number, tally: RunTally): number {
    const type = pack.typeCode(i);
    const totals = this.erasedTotals;
    if (type === TYPE['order.placed'] || type === TYPE['order.refunded']) {
      const refund = type === TYPE['order.refunded'];
      if (!refund) this.coverage.mark(pack.source(i));
      this.#putDocument(totals.store, totals.row, pack, i, day, refund);
    } else {
      const isNew = this.#isNewId(pack, i, type, this.store.names.code(pack.activityName(i)), at);
      const known = !isNew || (tally.repeats && !isVerifiable(at, this.window.forgottenBefore));
      if (type === TYPE['activity.recorded'] && !known) totals.activity(day, 1);
    }
    return ignored;
  }

  apply(pack: PackView, i: number, row: number, day: number, at: number, tally: RunTally): number {
    const type = pack.typeCode(i);
    if (type === TYPE['order.placed'] || type === TYPE['order.refunded'])
      return this.#applyDocument(pack, i, row, day, type === TYPE['order.refunded'], tally);
    const name = this.store.names.code(pack.activityName(i));
    const isNew = this.#isNewId(pack, i, type, name, at);
    // Marks and consents are sets by themselves: one id with two contents is joined, whichever came first. The window only says duplicate.
    const step = SUBSCRIPTION_STEPS.findIndex((s) => TYPE[`subscription.${s}`] === type);
    const told =
      step >= 0 || type === TYPE['customer.identified'] ? this.#applyAttributes(pack, i, row, day, at) : false;
    if (step >= 0) {
      const verdict = this.#applySubscription(pack, i, row, day, step | (name << 2));
      return told && verdict === duplicate ? accepted : verdict;
    }
    if (type === TYPE['consent.changed']) {
      const changed = this.store.putConsent(row, name, at, pack.extra(i)?.props?.granted !== false);
      if (changed) this.columns.mark(row, this.seq);
      return changed || isNew ? accepted : duplicate;
    }
    if (told) return accepted;
    if (!isNew) return duplicate;
    const unverifiable = !isVerifiable(at, this.window.forgottenBefore);
    // The window has forgotten, but the same file was finished once: all of it is known (facts §2).
    if (unverifiable && tally.repeats) return duplicate;
    if (type === TYPE['activity.recorded']) this.store.addActivity(row, day, name, 1);
    if (unverifiable) tally.unverifiable++;
    if (type !== TYPE['activity.recorded'] && type !== TYPE['customer.identified']) return accepted;
    this.columns.mark(row, this.seq);
    return accepted;
  }

  #applyDocument(pack: PackView, i: number, row: number, day: number, refund: boolean, tally: RunTally): number {
    const { store } = this;
    if (!refund) this.#markSource(row, pack.source(i));
    const verdict = this.#putDocument(store, row, pack, i, day, refund);
    if (store.changed) {
      if (store.chainBefore >= 0) this.columns.added(row, this.seq, refund, store.chainBefore);
      else this.columns.mark(row, this.seq);
      const kind = refund ? 'refunds' : 'gross';
      const { replacedMinor } = store;
      if ((pack.flags(i) & FLAG.money) !== 0) tally.addMoney(kind, pack.currency(i) ?? '', pack.minor(i));
      if (!Number.isNaN(replacedMinor))
        tally.addMoney(kind, store.currencies.list[store.replacedCurrency]!, -replacedMinor);
    }
    if (verdict === CODE.conflict) this.conflicts.add(this.seq, pack, i, this.rows.sid(row), refund, store.changed);
    return verdict;
  }

  #putDocument(store: EntryStore, row: number, pack: PackView, i: number, day: number, refund: boolean): number {
    const flags = pack.flags(i);
    const keyed = (flags & FLAG.order) !== 0;
    const hasMoney = (flags & FLAG.money) !== 0;
    const named = refund && (flags & FLAG.refunded) !== 0;
    return store.putDocument(
      refund ? store.refunds : store.orders,
      refund ? WORD.refundHead : WORD.orderHead,
      row,
      (keyed ? pack.orderHashWord(i, 0) : pack.eventHashWord(i, 0)) | 0,
      (keyed ? pack.orderHashWord(i, 1) : pack.eventHashWord(i, 1)) | 0,
      day,
      hasMoney ? pack.minor(i) : Number.NaN,
      hasMoney ? store.currencies.code(pack.currency(i)) : 0,
      pack.revision(i),
      named ? pack.refundedWord(i, 0) | 0 : 0,
      named ? pack.refundedWord(i, 1) | 0 : 0,
      // What the erased leave behind is counted by month, whatever its channel.
      refund || store !== this.store ? 0 : store.channels.code(pack.channel(i)),
    );
  }

  #applySubscription(pack: PackView, i: number, row: number, day: number, stepAndPlan: number): number {
    const { store } = this;
    const flags = pack.flags(i);
    const hasMoney = (flags & FLAG.money) !== 0;
    const keyed = (flags & FLAG.order) !== 0;
    const verdict = store.putSubscription(
      row,
      keyed ? pack.orderHashWord(i, 0) | 0 : 0,
      keyed ? pack.orderHashWord(i, 1) | 0 : 0,
      day,
      stepAndPlan,
      hasMoney ? pack.minor(i) : Number.NaN,
      hasMoney ? store.currencies.code(pack.currency(i)) : 0,
      pack.revision(i),
    );
    if (store.changed) this.columns.mark(row, this.seq);
    return verdict;
  }

  /** Attributes are a set by themselves, like consents: joined whatever the event's id. True when the ledger changed. */
  #applyAttributes(pack: PackView, i: number, row: number, day: number, at: number): boolean {
    if ((pack.flags(i) & FLAG.extra) === 0) return false;
    let changed = false;
    for (const [name, value] of Object.entries(pack.extra(i)?.props ?? {}))
      if (this.store.putAttribute(row, this.store.names.code(name), day, at, value)) changed = true;
    if (changed) this.columns.mark(row, this.seq);
    return changed;
  }

  /** An id counts within its sid, type, name and instant: two contents under one id are two, in whatever order they come. */
  #isNewId(pack: PackView, i: number, type: number, name: number, at: number): boolean {
    if (this.noted !== null) return !this.noted;
    const low = (at % 4_294_967_296) | 0;
    const high = Math.floor(at / 4_294_967_296) | 0;
    const k0 = pack.eventHashWord(i, 0) ^ Math.imul(pack.sidWord(i, 0) ^ low, 0x9e3779b1) ^ Math.imul(type, 0x27d4eb2f);
    const k1 =
      pack.eventHashWord(i, 1) ^ Math.imul(pack.sidWord(i, 1) ^ high, 0x85ebca6b) ^ Math.imul(name, 0xc2b2ae35);
    this.idAdded = this.window.add(k0, k1, pack.header.ingestedAt);
    return this.idAdded;
  }

  /** Also of a duplicate: the source knows this customer, whoever told of the order first. */
  #markSource(row: number, source: string): void {
    const mark = this.coverage.mark(source);
    const marks = this.rows.get(row, WORD.marks);
    if ((marks & mark) !== 0) return;
    this.rows.set(row, WORD.marks, marks | mark);
    this.columns.mark(row, this.seq);
  }
}
