// The fold: messages of EVT → ledgers of all customers, their columns, and the statistics of runs. Usable without a thread
// (tests, refolds of the past). State is a pure function of the set of events (facts §5); positions are exact.

import { EVENT_TYPES } from '#domain/envelope.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import { dayOf, type Offsets } from '#domain/time.ts';
import { SequenceGap } from '#streams/event-store.ts';
import { FLAG, type LogMessage, type PackView, UNKNOWN_TYPE } from '#streams/pack.ts';
import { ColumnWriter } from './column-writer.ts';
import { Conflicts } from './conflicts.ts';
import { Counters } from './counters.ts';
import { SourceCoverage } from './coverage.ts';
import { entriesOfRow, hex, members } from './entries.ts';
import { EntryStore } from './entry-store.ts';
import { ErasedTotals } from './erased-totals.ts';
import { EventRules } from './event-rules.ts';
import { ID_WINDOW_LIMITS, IdWindow, type IdWindowLimits } from './id-window.ts';
import { eraseRow, type IdentityHooks, linkRows } from './identity.ts';
import { Late } from './late.ts';
import { NO_SID, Parked, type ParkedEvent, type ParkReason, TRIES, WHOLE_MESSAGE } from './parked.ts';
import type { Recorder } from './past/recorder.ts';
import { CODE } from './record-layout.ts';
import { MARK, WORD } from './row-layout.ts';
import { RowTable } from './rows.ts';
import { Runs, type RunTally } from './runs.ts';
import { WATCH } from './watch.ts';
import { Workspace } from './workspace.ts';

export interface Zone {
  version: number;
  offsets: Offsets;
}

/**
 * The log says at `seq` that every earlier day is to be computed anew (`ledger.rezoned`), and what has been folded so far was not. Nothing of
 * the message was applied: fold from the beginning with `zone`.
 */
export class ZoneChanged extends Error {
  readonly code = 'zone-changed';
  readonly zone: Zone;
  constructor(seq: number, zone: Zone) {
    super(
      `from ${seq} on days are those of zone version ${zone.version}: everything is folded again from the beginning`,
    );
    this.name = 'ZoneChanged';
    this.zone = zone;
  }
}

export interface LedgerOptions {
  /** Address space to reserve for rows; memory is taken as customers come. */
  maxCustomers?: number;
  /** Until a fact says otherwise (facts §0: "else EUR"). */
  reportingCurrency?: string;
  /**
   * A later zone table than the one events were stamped with: their day is computed anew from `at`, except for dates without
   * time. Without it the gateway's stamped day stands. State of both kinds is never mixed: see ZoneChanged.
   */
  zone?: Zone;
  /** Leave out what was not known yet at this instant, ms (facts §4 known_at; for training rows). */
  knownUpTo?: number;
  idWindow?: IdWindowLimits;
  /** Events the fold has not come back from, by `placeText`, each with the log's end then: parked without another try. */
  stuck?: ReadonlyMap<string, number>;
  /** Where the fold is, for whoever watches it from outside (watch.ts). */
  watch?: Int32Array;
}

/** Names an event by its place in the log. */
export const placeText = (seq: number, index: number): string => `${seq}/${index}`;
/** The range of a Date, ms. */
export const LATEST_AT = 8.64e15;

/** By type code, 1 for those whose past days move predictions by themselves. */
const CHANGES_SCORES = Uint8Array.from({ length: EVENT_TYPES.length + 1 }, (_, code) =>
  /^(order|subscription)\./.test(EVENT_TYPES[code - 1] ?? '') ? 1 : 0,
);
const { accepted, duplicate, ignored } = CODE as { accepted: number; duplicate: number; ignored: number };

/** The day an event counts on: as it was stamped, or computed anew with a later zone. */
export function dayOfEvent(pack: PackView, i: number, at: number, zone: Zone | undefined): number {
  if (!zone || (pack.flags(i) & FLAG.dateOnly) !== 0 || pack.zoneVersion(i) >= zone.version) return pack.day(i);
  return dayOf(at, zone.offsets);
}

export class Ledger {
  readonly rows: RowTable;
  readonly store: EntryStore;
  readonly columns: ColumnWriter;
  readonly workspace: Workspace;
  readonly coverage: SourceCoverage;
  readonly runs = new Runs();
  readonly counters = new Counters();
  readonly conflicts = new Conflicts();
  readonly parked = new Parked();
  readonly late = new Late();
  readonly erasedTotals = new ErasedTotals();
  readonly window: IdWindow;
  /** Last message applied. */
  position = 0;
  /** Largest event time (ms) and largest day so far: the workspace clock in log mode. */
  clockAt = 0;
  clockDay = 0;
  /** Largest day before `clockDay`; null until there are two. */
  priorDay: number | null = null;
  customers = 0;
  /** Events applied; repeated packs not counted, duplicates counted. */
  events = 0;
  /** Events in packs that were sent again. */
  repeated = 0;
  /** Events and facts of a type that a newer version has written. */
  unknownTypes = 0;
  /** Largest `known_at` (facts §4) of anything applied, ms: a fold bounded by a later one is the same up to here. */
  lastKnownAt = Number.NEGATIVE_INFINITY;
  /** Is told where everything was applied; without one nobody is. */
  recorder: Recorder | null = null;
  readonly options: LedgerOptions;
  readonly #hooks: IdentityHooks;
  readonly #rules: EventRules;
  readonly #watch: Int32Array | null;

  constructor(options: LedgerOptions = {}) {
    this.options = options;
    this.#watch = options.watch ?? null;
    this.rows = new RowTable(options.maxCustomers ?? 1 << 25);
    this.store = new EntryStore(this.rows);
    this.workspace = new Workspace(options.reportingCurrency ?? 'EUR');
    this.coverage = new SourceCoverage(
      this.rows,
      (row) => this.columns.mark(row, this.#rules.seq),
      (source) => this.recorder?.source(this.#rules.seq, source),
    );
    this.columns = new ColumnWriter(this.store, this.workspace, this.coverage, (row) => this.parked.holds(row));
    this.window = new IdWindow(options.idWindow ?? ID_WINDOW_LIMITS);
    this.#rules = new EventRules(this);
    this.#hooks = {
      changed: (row) => this.columns.mark(row, this.#rules.seq),
      erased: (pool, record) => this.erasedTotals.add(this.store, pool, record),
      emptied: (canonical) => {
        if (!this.conflicts.isEmpty)
          this.conflicts.forget(
            new Set([canonical, ...members(this.store, canonical)].map((row) => hex(this.rows.sid(row)))),
          );
      },
      customers: (difference, erased) => {
        this.customers += difference;
        this.erasedTotals.customers += erased;
      },
    };
  }

  /**
   * The message at the next position cannot be read: it is parked as a whole, and what is missing of its writers' numbers is laid to it.
   * Only for packs: a fact for all that nobody can read (it may be an erasure) is nothing to go on behind.
   */
  parkMessage(seq: number, detail: string, tries: number): void {
    if (seq !== this.position + 1) throw new SequenceGap('EVT', this.position + 1, seq);
    this.parked.add({ seq, index: WHOLE_MESSAGE, sid: NO_SID, reason: 'unreadable', detail, tries }, null);
    this.counters.unread(seq);
    this.position = seq;
    this.recorder?.message(seq, 0, this.clockAt, this.clockDay);
  }

  /** After a restore. */
  locateParked(): void {
    this.parked.locate((sid) => this.canonicalRow(sid));
  }

  /**
   * Applies one message of EVT: a pack's events or a fact. A position that was applied already is skipped (false).
   * Nothing of the message is applied when it throws SequenceGap, CounterGap or ZoneChanged. Columns follow at `flushColumns`.
   */
  applyMessage(seq: number, message: LogMessage): boolean {
    if (seq <= this.position) return false;
    if (seq !== this.position + 1) throw new SequenceGap('EVT', this.position + 1, seq);
    this.#rules.seq = seq;
    if (message.kind === 'pack') this.#applyPack(seq, message.pack);
    else this.#applyFact(seq, message);
    this.position = seq;
    this.recorder?.message(seq, message.kind === 'pack' ? message.pack.count : 1, this.clockAt, this.clockDay);
    return true;
  }

  /**
   * Some customers' part of the log, in its order: only these events of a message, or a fact. What a recorder noted of them stands in for what
   * only a fold of everything can know: which were sent before, and which the id window passed over.
   */
  applyPart(seq: number, message: LogMessage, events: readonly { index: number; repeat: boolean }[] = []): void {
    this.#rules.seq = seq;
    if (message.kind === 'fact') this.#applyFact(seq, message);
    else
      for (const { index, repeat } of events) {
        this.#rules.noted = repeat;
        const { pack } = message;
        this.#applyOne(pack, index, this.#rowOfSid(pack.sid(index)), pack.at(index), this.runs.of(null));
      }
    this.#rules.noted = null;
    this.position = seq;
  }

  /** Everything up to `seq` that concerns whoever is in this ledger has been applied. */
  arriveAt(seq: number): void {
    this.#rules.seq = seq;
    this.position = seq;
  }

  /** Recomputes the columns of every row changed since the last flush and publishes the position. Returns their number. */
  flushColumns(): number {
    return this.columns.flush({
      seq: this.position,
      clockAt: this.clockAt,
      clockDay: this.clockDay,
      customers: this.customers,
      orders: this.store.orders.live,
      events: this.events,
    });
  }

  /** What an erasure after the position leaves of the past: for refolds, because an erased customer has none (facts §8). */
  forget(sids: readonly Uint8Array[]): void {
    for (const sid of sids) {
      const row = this.rows.findSid(sid);
      if (row >= 0) eraseRow(this.store, row, this.#hooks);
    }
  }

  /** Row of the customer this sid belongs to, which is made when there is none. */
  canonicalRow(sid: Uint8Array): number {
    return this.rows.canonical(this.#rowOfSid(sid));
  }

  /** `COLUMN_FLAG` bits of the customer this sid belongs to, as last flushed; 0 when it is unknown. */
  flags(sid: Uint8Array): number {
    const row = this.knownRow(sid);
    return row < 0 ? 0 : this.rows.get(row, WORD.currencyAndFlags) >>> 24;
  }

  /** Entries of the customer this sid belongs to, links followed; null when the sid is unknown. */
  entries(sid: Uint8Array): CustomerEntries | null {
    const row = this.knownRow(sid);
    return row < 0 ? null : entriesOfRow(this.store, row);
  }

  /** The row of the customer this sid belongs to, links followed; −1 when the sid is unknown. */
  knownRow(sid: Uint8Array): number {
    const row = this.rows.findSid(sid);
    return row < 0 ? row : this.rows.canonical(row);
  }

  /** Rows that are customers of their own (not linked into another), erased ones included. */
  *canonicalRows(): Generator<number> {
    for (let row = 0; row < this.rows.count; row++) if (this.rows.get(row, WORD.parent) === 0) yield row;
  }

  #applyFact(seq: number, { fact, header }: Extract<LogMessage, { kind: 'fact' }>): void {
    if (fact.type === 'ledger.rezoned' && fact.version > (this.options.zone?.version ?? 0))
      throw new ZoneChanged(seq, { version: fact.version, offsets: fact.offsets });
    if (fact.type === 'import.started') this.runs.started(fact);
    else if (fact.type === 'import.finished') this.runs.finished(fact.run);
    else if (
      fact.type === 'customer.linked' &&
      header.ingestedAt <= (this.options.knownUpTo ?? Number.POSITIVE_INFINITY)
    )
      this.#link(fact.anonymous, fact.known);
    else if (fact.type === 'customer.erased')
      for (const sid of fact.sids) {
        const row = this.#rowOfSid(sid);
        this.recorder?.about(row);
        eraseRow(this.store, row, this.#hooks);
      }
    if (fact.type === 'customer.erased') this.late.forgetErased(this.rows);
    if (fact.type !== 'customer.linked' && fact.type !== 'customer.erased')
      this.recorder?.fact(seq, fact, header.ingestedAt);
    if (header.ingestedAt > this.lastKnownAt) this.lastKnownAt = header.ingestedAt;
    // Who holds foreign money is known of flushed rows: flushed here, that is the same in every fold, whatever its batches.
    if (fact.type === 'fx.rates.set') this.flushColumns();
    this.coverage.apply(fact);
    const stale = this.workspace.apply(seq, fact);
    if (stale === 'unknown') {
      this.unknownTypes++;
      const detail = 'fact of a newer version';
      this.parked.add({ seq, index: 0, sid: NO_SID, reason: 'fact', detail, tries: 1 }, null);
    } else this.columns.stale(stale, seq);
  }

  #link(anonymous: Uint8Array, known: Uint8Array): void {
    const rows = [this.#rowOfSid(anonymous), this.#rowOfSid(known)] as const;
    for (const row of rows) this.recorder?.about(row);
    linkRows(this.store, ...rows, this.#hooks);
    // Whoever is one customer with a parked one waits with them.
    if (this.parked.customers > 0) this.locateParked();
  }

  #rowOfSid(sid: Uint8Array): number {
    const row = this.rows.findSid(sid);
    if (row >= 0) return row;
    const words = new Int32Array(Uint8Array.from(sid).buffer);
    return this.#newRow(words[0]!, words[1]!, words[2]!, words[3]!);
  }

  #newRow(w0: number, w1: number, w2: number, w3: number): number {
    const row = this.rows.create(w0, w1, w2, w3);
    this.customers++;
    this.columns.mark(row, this.#rules.seq);
    return row;
  }

  #markAnonymous(row: number): void {
    const marks = this.rows.get(row, WORD.marks);
    if ((marks & MARK.anonymous) !== 0) return;
    this.rows.set(row, WORD.marks, marks | MARK.anonymous);
    this.columns.mark(row, this.#rules.seq);
  }

  #applyPack(seq: number, pack: PackView): void {
    const next = this.counters.open(seq, pack);
    const { rows, runs } = this;
    const known = this.options.knownUpTo;
    let run: string | null = null;
    let tally = runs.of(null);
    for (let i = 0; i < pack.count; i++) {
      const w0 = pack.sidWord(i, 0) | 0;
      const partition = w0 & 63;
      const counter = pack.counter(i);
      if (counter < next[partition]!) {
        this.repeated++;
        continue;
      }
      next[partition] = counter + 1;
      const eventRun = pack.run(i);
      if (eventRun !== run) {
        run = eventRun;
        tally = runs.of(run);
      }
      const at = pack.at(i);
      const knownAt = tally.backfill ? at : pack.header.ingestedAt;
      if (known !== undefined && knownAt > known) continue;
      if (knownAt > this.lastKnownAt) this.lastKnownAt = knownAt;
      const [w1, w2, w3] = [pack.sidWord(i, 1) | 0, pack.sidWord(i, 2) | 0, pack.sidWord(i, 3) | 0];
      let row = rows.find(w0, w1, w2, w3);
      if (row < 0) row = this.#newRow(w0, w1, w2, w3);
      this.#applyOne(pack, i, row, at, tally);
    }
  }

  /** The event's clock, its customer, and then what it says. */
  #applyOne(pack: PackView, i: number, ownRow: number, at: number, tally: RunTally): void {
    this.events++;
    if (this.#watch !== null) this.#watch[WATCH.index] = i;
    const day = this.#dayOf(pack, i, at);
    if (at > this.clockAt && at <= LATEST_AT) this.clockAt = at;
    if (day !== this.clockDay) this.#advance(day);
    if ((pack.flags(i) & FLAG.anonymous) !== 0) this.#markAnonymous(ownRow);
    const verdict = this.#applyRow(pack, i, this.rows.canonical(ownRow), day, at, tally);
    this.recorder?.event(ownRow, i, verdict === duplicate);
  }

  /** Answers the verdict's code. */
  #applyRow(pack: PackView, i: number, row: number, day: number, at: number, tally: RunTally): number {
    const type = pack.typeCode(i);
    let verdict: number = ignored;
    if (this.parked.holds(row)) this.#park(pack, i, row, 'waiting', '', 0);
    else if (type === UNKNOWN_TYPE || type > EVENT_TYPES.length) {
      this.unknownTypes++;
      this.#park(pack, i, row, 'unknown', `type ${type}`, 1);
    } else if (this.#isStuck(this.#rules.seq, i))
      this.#park(pack, i, row, 'stuck', 'the fold did not come back from it', TRIES);
    else {
      const tried = this.#try(pack, i, row, day, at, tally);
      if (typeof tried === 'number') {
        verdict = tried;
        // History that is loaded says so; anything else answers were given without.
        if (
          day < this.clockDay &&
          !tally.backfill &&
          (tried === accepted || tried === CODE.amended) &&
          CHANGES_SCORES[type] === 1
        )
          this.late.add(this.#rules.seq, i, row, type, day, this.clockDay - day);
      } else this.#park(pack, i, row, 'failed', tried.name, TRIES);
    }
    tally.count(verdict, pack.lines(i));
    if (verdict === accepted || verdict === CODE.amended) tally.customer(row);
    return verdict;
  }

  #isStuck(seq: number, index: number): boolean {
    const { stuck } = this.options;
    return stuck !== undefined && stuck.size > 0 && stuck.has(placeText(seq, index));
  }

  #park(pack: PackView, index: number, row: number, reason: ParkReason, detail: string, tries: number): void {
    this.parked.add({ seq: this.#rules.seq, index, sid: Uint8Array.from(pack.sid(index)), reason, detail, tries }, row);
    if (reason !== 'waiting') this.columns.mark(row, this.#rules.seq);
  }

  /** The verdict as a code; or what it failed with, each time, and then nothing of it is in the ledger. */
  #try(pack: PackView, i: number, row: number, day: number, at: number, tally: RunTally): number | Error {
    const erased = (this.rows.get(row, WORD.marks) & MARK.erased) !== 0;
    const store = erased ? this.erasedTotals.store : this.store;
    for (let tries = 1; ; tries++) {
      store.begin(erased ? this.erasedTotals.row : row);
      this.#rules.idAdded = false;
      try {
        if (!Number.isInteger(at) || Math.abs(at) > LATEST_AT) throw new RangeError('its time is none');
        const verdict = erased
          ? this.#rules.applyErased(pack, i, day, at, tally)
          : this.#rules.apply(pack, i, row, day, at, tally);
        store.end();
        return verdict;
      } catch (error) {
        // Memory that is used up is nobody's event's fault: going on would park everybody.
        if (error instanceof RangeError && /allocation failed/.test(error.message)) throw error;
        store.rollback();
        if (this.#rules.idAdded) this.window.takeBack();
        if (tries === TRIES) return error instanceof Error ? error : new Error('not an Error');
      }
    }
  }

  /**
   * What was parked, from its message read again; its customer's parked ones in the log's order, and none behind one that this refuses. True when
   * it is applied now. State is a function of the set of events, so that it makes no difference when. Changed rows count as changed at the next
   * position, for whoever reads them by position; columns follow at `flushColumns`.
   */
  retry(event: ParkedEvent, message: LogMessage): boolean {
    if (message.kind !== 'pack') return false;
    const { pack } = message;
    this.#rules.seq = event.seq;
    if (event.index === WHOLE_MESSAGE) {
      for (let i = 0; i < pack.count; i++)
        if (this.counters.fill(pack, i)) {
          const row = this.#rowOfSid(pack.sid(i));
          this.#applyOne(pack, i, row, pack.at(i), this.runs.of(pack.run(i)));
          this.columns.mark(this.rows.canonical(row), this.position + 1);
        } else this.repeated++;
      this.counters.read(event.seq);
      return true;
    }
    const i = event.index;
    if (this.#watch !== null) this.#watch[WATCH.index] = i;
    const type = pack.typeCode(i);
    if (type === UNKNOWN_TYPE || type > EVENT_TYPES.length) return false;
    if (this.#isStuck(event.seq, i)) return false;
    const row = this.canonicalRow(pack.sid(i));
    const tally = this.runs.of(pack.run(i));
    const at = pack.at(i);
    const verdict = this.#try(pack, i, row, this.#dayOf(pack, i, at), at, tally);
    this.columns.mark(row, this.position + 1);
    if (typeof verdict !== 'number') {
      event.tries += TRIES;
      if (event.reason === 'waiting' || event.reason === 'unknown') event.reason = 'failed';
      event.detail = verdict.name;
      return false;
    }
    tally.uncount(ignored, pack.lines(i));
    tally.count(verdict, pack.lines(i));
    if (verdict === accepted || verdict === CODE.amended) tally.customer(row);
    return true;
  }

  /** Takes what was applied out of the parked; whoever has nothing parked any more flows again. */
  release(applied: ReadonlySet<ParkedEvent>): void {
    for (const row of this.parked.remove(applied, (sid) => this.canonicalRow(sid)))
      this.columns.mark(row, this.position + 1);
  }

  /** Keeps the two largest days. */
  #advance(day: number): void {
    if (day > this.clockDay) {
      // 0 is no day of an event, but what the clock starts from.
      if (this.clockDay !== 0) this.priorDay = this.clockDay;
      this.clockDay = day;
    } else if (this.priorDay === null || day > this.priorDay) this.priorDay = day;
  }

  #dayOf(pack: PackView, i: number, at: number): number {
    return dayOfEvent(pack, i, at, this.options.zone);
  }
}

export const createLedger = (options: LedgerOptions = {}): Ledger => new Ledger(options);
