// The entries of all customers as integer records, and how two entries of one key become one (domain/ledger.ts has the rules).
import { type Documents, growDocuments } from '#domain/documents.ts';
import { exactValue, parseExact } from '#domain/exact-number.ts';
import { attributeReplaces, type Content, consentReplaces, judge } from '#domain/ledger.ts';
import type { Frozen, ReadSection } from './pages.ts';
import {
  ACTIVITY,
  CODE,
  DOCUMENT,
  Names,
  orderKeyText,
  PROPERTY,
  PROPERTY_KIND,
  SUBSCRIPTION,
  swap,
} from './record-layout.ts';
import { RecordPool } from './record-pool.ts';
import { WORD } from './row-layout.ts';
import type { RowTable } from './rows.ts';
import { SIDE_MAX, SideColumn } from './side-column.ts';
import { Undo } from './undo.ts';

const UNDONE = [
  WORD.marks,
  WORD.orderHead,
  WORD.refundHead,
  WORD.activityHead,
  WORD.subscriptionHead,
  WORD.propertyHead,
] as const;

export class EntryStore {
  readonly rows: RowTable;
  readonly #undo = new Undo();
  /** Beside each the code of its channel. */
  readonly orders = new RecordPool('orders', 8, this.#undo, new SideColumn('orders.channels'));
  readonly refunds = new RecordPool('refunds', 10, this.#undo);
  readonly activities = new RecordPool('activities', 6, this.#undo);
  readonly subscriptions = new RecordPool('subscriptions', 12, this.#undo);
  readonly properties = new RecordPool('properties', 10, this.#undo);
  readonly currencies = new Names('currencies', 255);
  /**
   * Of orders. A source has at most 201 in the clear (domain/policy.ts), so only of more than 325 sources without one name in common could there be too
   * many; then what names a further one is parked, which is seen, and not taken in without it, which would depend on the order of arrival.
   */
  readonly channels = new Names('channels', SIDE_MAX);
  /** Kinds of activity, plans, purposes, names and texts of attributes. */
  readonly names = new Names('names', 16_000_000);
  /** What the last `putDocument` or `putSubscription` replaced (NaN = nothing, or no money), and whether it changed the ledger. */
  changed = false;
  replacedMinor = Number.NaN;
  replacedCurrency = 0;
  /** The row's chain before the last `putDocument` put a new record at its head; −1 when it did not. */
  chainBefore = -1;

  /** The words of the row that an event may change, as they were at `begin`. */
  readonly #before = new Int32Array(UNDONE.length);
  #row = 0;

  constructor(rows: RowTable) {
    this.rows = rows;
  }

  /** From here to `end` everything written of this row and its records can be taken back by `rollback`. */
  begin(row: number): void {
    this.#undo.begin();
    this.#row = row;
    for (let i = 0; i < UNDONE.length; i++) this.#before[i] = this.rows.get(row, UNDONE[i]!);
  }
  end(): void {
    this.#undo.end();
  }
  rollback(): void {
    this.#undo.rollback();
    for (let i = 0; i < UNDONE.length; i++) this.rows.set(this.#row, UNDONE[i]!, this.#before[i]!);
  }

  get pools(): { pool: RecordPool; head: number }[] {
    return [
      { pool: this.orders, head: WORD.orderHead },
      { pool: this.refunds, head: WORD.refundHead },
      { pool: this.activities, head: WORD.activityHead },
      { pool: this.subscriptions, head: WORD.subscriptionHead },
      { pool: this.properties, head: WORD.propertyHead },
    ];
  }

  /** Joins an order or a refund into the row's ledger; its verdict as a code. `minor` NaN = no money; a refund has no channel. */
  putDocument(
    pool: RecordPool,
    head: number,
    row: number,
    k0: number,
    k1: number,
    day: number,
    minor: number,
    currency: number,
    revision: number,
    o0: number,
    o1: number,
    channel: number,
  ): number {
    const record = pool.find(row, k0, k1);
    this.replacedMinor = Number.NaN;
    this.chainBefore = -1;
    const dayAndCurrency = (day << 8) | currency;
    if (record < 0) {
      const before = this.rows.get(row, head);
      const added = pool.insert(row, k0, k1, before);
      this.#writeDocument(pool, added, dayAndCurrency, revision, minor, o0, o1, channel);
      this.rows.set(row, head, added + 1);
      this.changed = true;
      this.chainBefore = before;
      return CODE.accepted;
    }
    const known = this.#content(pool, record);
    const incoming: Content = {
      day,
      minor: Number.isNaN(minor) ? null : minor,
      currency: this.currencies.list[currency]!,
      revision,
      orderKey: orderKeyText(o0, o1),
      channel: this.channels.list[channel]!,
    };
    const { verdict, replaces } = judge(known, incoming);
    this.changed = replaces;
    if (replaces) {
      this.replacedMinor = pool.double(record, DOCUMENT.minor);
      this.replacedCurrency = pool.word(record, DOCUMENT.dayAndCurrency) & 255;
      this.#writeDocument(pool, record, dayAndCurrency, revision, minor, o0, o1, channel);
    }
    return CODE[verdict];
  }

  #content(pool: RecordPool, record: number) {
    const dayAndCurrency = pool.word(record, DOCUMENT.dayAndCurrency);
    const minor = pool.double(record, DOCUMENT.minor);
    return {
      day: dayAndCurrency >> 8,
      minor: Number.isNaN(minor) ? null : minor,
      currency: this.currencies.list[dayAndCurrency & 255]!,
      revision: pool.word(record, DOCUMENT.revision) >>> 0,
      orderKey:
        pool === this.refunds
          ? orderKeyText(pool.word(record, DOCUMENT.orderKey), pool.word(record, DOCUMENT.orderKey + 1))
          : null,
      channel: this.channels.list[pool.side(record)]!,
    };
  }

  #writeDocument(
    pool: RecordPool,
    record: number,
    dayAndCurrency: number,
    revision: number,
    minor: number,
    o0: number,
    o1: number,
    channel: number,
  ): void {
    pool.setSide(record, channel);
    pool.setWord(record, DOCUMENT.dayAndCurrency, dayAndCurrency);
    pool.setWord(record, DOCUMENT.revision, revision);
    pool.setDouble(record, DOCUMENT.minor, minor);
    if (pool !== this.refunds) return;
    pool.setWord(record, DOCUMENT.orderKey, o0);
    pool.setWord(record, DOCUMENT.orderKey + 1, o1);
  }

  addActivity(row: number, day: number, kind: number, count: number): void {
    let record = this.activities.find(row, day, kind);
    if (record < 0) {
      record = this.activities.insert(row, day, kind, this.rows.get(row, WORD.activityHead));
      this.rows.set(row, WORD.activityHead, record + 1);
    }
    this.activities.setWord(record, ACTIVITY.count, this.activities.word(record, ACTIVITY.count) + count);
  }

  putSubscription(
    row: number,
    s0: number,
    s1: number,
    day: number,
    stepAndPlan: number,
    minor: number,
    currency: number,
    revision: number,
  ): number {
    const pool = this.subscriptions;
    const k0 = s0 ^ Math.imul(day, 0x9e3779b1);
    const k1 = s1 ^ Math.imul((stepAndPlan & 3) + 1, 0x85ebca6b);
    let record = pool.find(row, k0, k1);
    let verdict = CODE.accepted;
    this.changed = true;
    if (record >= 0) {
      const content = (r: number, sp: number, m: number, c: number) => ({
        revision: r,
        day,
        minor: Number.isNaN(m) ? null : m,
        currency: this.currencies.list[c]!,
        orderKey: this.names.list[sp >>> 2]!,
      });
      const known = content(
        pool.word(record, SUBSCRIPTION.revision) >>> 0,
        pool.word(record, SUBSCRIPTION.stepAndPlan),
        pool.double(record, SUBSCRIPTION.minor),
        pool.word(record, SUBSCRIPTION.dayAndCurrency) & 255,
      );
      const judged = judge(known, content(revision, stepAndPlan, minor, currency));
      verdict = CODE[judged.verdict];
      this.changed = judged.replaces;
      if (!judged.replaces) return verdict;
    } else {
      record = pool.insert(row, k0, k1, this.rows.get(row, WORD.subscriptionHead));
      this.rows.set(row, WORD.subscriptionHead, record + 1);
    }
    pool.setWord(record, SUBSCRIPTION.key, s0);
    pool.setWord(record, SUBSCRIPTION.key + 1, s1);
    pool.setDouble(record, SUBSCRIPTION.minor, minor);
    pool.setWord(record, SUBSCRIPTION.dayAndCurrency, (day << 8) | currency);
    pool.setWord(record, SUBSCRIPTION.revision, revision);
    pool.setWord(record, SUBSCRIPTION.stepAndPlan, stepAndPlan);
    return verdict;
  }

  /** The later change stands; at the same instant the withdrawal. True when the ledger changed. */
  putConsent(row: number, purpose: number, at: number, granted: boolean): boolean {
    const pool = this.properties;
    const record = pool.find(row, purpose, 0);
    if (record >= 0) {
      const knownGranted = pool.double(record, PROPERTY.value) === 1;
      if (!consentReplaces(pool.double(record, PROPERTY.at), knownGranted, at, granted)) return false;
    }
    this.#writeProperty(record, row, purpose, 0, at, PROPERTY_KIND.consent, granted ? 1 : 0);
    return true;
  }

  /** The last value said on a day stands for that day; at the same instant the greater. True when the ledger changed. */
  putAttribute(row: number, name: number, day: number, at: number, said: string | number | boolean): boolean {
    const pool = this.properties;
    const k1 = day * 2 + 1;
    const record = pool.find(row, name, k1);
    const exact = Number.isSafeInteger(said)
      ? { mantissa: said as number, exponent: 0 }
      : typeof said === 'boolean'
        ? null
        : parseExact(String(said));
    const value = exact === null ? said : exactValue(exact);
    if (record >= 0 && !attributeReplaces(this.attribute(record), { at, value })) return false;
    if (exact !== null)
      this.#writeProperty(record, row, name, k1, at, PROPERTY_KIND.number | (exact.exponent << 8), exact.mantissa);
    else if (typeof said === 'boolean')
      this.#writeProperty(record, row, name, k1, at, PROPERTY_KIND.boolean, said ? 1 : 0);
    else this.#writeProperty(record, row, name, k1, at, PROPERTY_KIND.text, this.names.code(String(said)));
    return true;
  }

  /** Instant and value of an attribute's record. */
  attribute(record: number): { at: number; value: string | number | boolean } {
    const at = this.properties.double(record, PROPERTY.at);
    const value = this.properties.double(record, PROPERTY.value);
    const kind = this.properties.word(record, PROPERTY.kind);
    if (kind === PROPERTY_KIND.text) return { at, value: this.names.list[value]! };
    if (kind === PROPERTY_KIND.boolean) return { at, value: value === 1 };
    return { at, value: exactValue({ mantissa: value, exponent: kind >> 8 }) };
  }

  #writeProperty(known: number, row: number, k0: number, k1: number, at: number, kind: number, value: number): void {
    const pool = this.properties;
    let record = known;
    if (record < 0) {
      record = pool.insert(row, k0, k1, this.rows.get(row, WORD.propertyHead));
      this.rows.set(row, WORD.propertyHead, record + 1);
    }
    pool.setDouble(record, PROPERTY.at, at);
    pool.setDouble(record, PROPERTY.value, value);
    pool.setWord(record, PROPERTY.kind, kind);
  }

  /** Union of two ledgers (facts §7): every entry of `from` is joined into `to`. */
  moveAll(from: number, to: number): void {
    for (const { pool, head } of this.pools) {
      let next = this.rows.get(from, head);
      this.rows.set(from, head, 0);
      while (next !== 0) {
        const record = next - 1;
        next = pool.next(record);
        if (pool.find(to, pool.word(record, 1), pool.word(record, 2)) < 0) {
          pool.move(record, to, this.rows.get(to, head));
          this.rows.set(to, head, record + 1);
        } else {
          this.#joinInto(pool, record, to, head);
          pool.remove(record);
        }
      }
    }
  }

  #joinInto(pool: RecordPool, record: number, to: number, head: number): void {
    const k0 = pool.word(record, 1);
    const k1 = pool.word(record, 2);
    if (pool === this.activities) this.addActivity(to, k0, k1, pool.word(record, ACTIVITY.count));
    else if (pool === this.properties) {
      const { at, value } = this.attribute(record);
      if (k1 === 0) this.putConsent(to, k0, at, value === 1);
      else this.putAttribute(to, k0, (k1 - 1) / 2, at, value);
    } else if (pool === this.subscriptions) {
      const dayAndCurrency = pool.word(record, SUBSCRIPTION.dayAndCurrency);
      this.putSubscription(
        to,
        pool.word(record, SUBSCRIPTION.key),
        pool.word(record, SUBSCRIPTION.key + 1),
        dayAndCurrency >> 8,
        pool.word(record, SUBSCRIPTION.stepAndPlan),
        pool.double(record, SUBSCRIPTION.minor),
        dayAndCurrency & 255,
        pool.word(record, SUBSCRIPTION.revision) >>> 0,
      );
    } else {
      const { day, minor, revision } = this.#content(pool, record);
      const currency = pool.word(record, DOCUMENT.dayAndCurrency) & 255;
      const refund = pool === this.refunds;
      const o0 = refund ? pool.word(record, DOCUMENT.orderKey) : 0;
      const o1 = refund ? pool.word(record, DOCUMENT.orderKey + 1) : 0;
      const channel = pool.side(record);
      this.putDocument(pool, head, to, k0, k1, day, minor ?? Number.NaN, currency, revision, o0, o1, channel);
    }
  }

  /** Removes every entry of the row, handing each to `visit` first. */
  removeAll(row: number, visit: (pool: RecordPool, record: number) => void): void {
    for (const { pool, head } of this.pools) {
      let next = this.rows.get(row, head);
      this.rows.set(row, head, 0);
      while (next !== 0) {
        const record = next - 1;
        next = pool.next(record);
        visit(pool, record);
        pool.remove(record);
      }
    }
  }

  /** The row's orders or refunds as columns, newest arrival first. Returns the largest day, or `floor`. */
  readDocuments(pool: RecordPool, head: number, row: number, out: Documents, floor: number): number {
    let last = floor;
    let n = 0;
    const named = pool.hasSides;
    for (let next = this.rows.get(row, head); next !== 0; n++) {
      if (n === out.day.length) growDocuments(out);
      const record = next - 1;
      const [words, doubles, at] = [pool.wordsOf(record), pool.doublesOf(record), pool.placeOf(record)];
      const dayAndCurrency = words[at + DOCUMENT.dayAndCurrency]!;
      const day = dayAndCurrency >> 8;
      if (day > last) last = day;
      out.day[n] = day;
      out.currency[n] = dayAndCurrency & 255;
      if (named) out.channel[n] = pool.side(record);
      out.minor[n] = doubles[(at + DOCUMENT.minor) >>> 1]!;
      out.keyHigh[n] = swap(words[at + 1]!);
      out.keyLow[n] = swap(words[at + 2]!);
      if (pool === this.refunds) {
        const o0 = words[at + DOCUMENT.orderKey]!;
        const o1 = words[at + DOCUMENT.orderKey + 1]!;
        out.named[n] = o0 === 0 && o1 === 0 ? 0 : 1;
        out.orderHigh[n] = swap(o0);
        out.orderLow[n] = swap(o1);
      }
      next = pool.next(record);
    }
    out.count = n;
    return last;
  }

  freeze(): Frozen {
    const frozen = this.pools.map(({ pool }) => [pool.name, pool.freeze()] as const);
    return {
      meta: {
        currencies: [...this.currencies.list],
        channels: [...this.channels.list],
        names: [...this.names.list],
        pools: Object.fromEntries(frozen.map(([name, { meta }]) => [name, meta])),
      },
      sections: frozen.flatMap(([, { sections }]) => sections),
      release: () => {
        for (const [, { release }] of frozen) release();
      },
    };
  }

  restore(meta: Record<string, unknown>, read: ReadSection): void {
    const saved = meta as Record<'currencies' | 'channels' | 'names', string[]> & {
      pools: Record<string, Record<string, unknown>>;
    };
    this.currencies.restore(saved.currencies);
    this.channels.restore(saved.channels);
    this.names.restore(saved.names);
    for (const { pool } of this.pools) pool.restore(saved.pools[pool.name]!, read);
  }
}
