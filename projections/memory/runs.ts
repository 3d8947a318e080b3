// What became of each import run, by the fold's verdict: the figures an import prints and reconciles to the line (facts §2).
// A statistic of the log in its order, not of the set: which of two equal orders is "the duplicate" is the one that came later.
import type { Fact } from '#domain/envelope.ts';
import { VERDICTS, type Verdict } from '#domain/ledger.ts';

export interface RunStats {
  run: string;
  source: string | null;
  startedAt: number | null;
  finished: boolean;
  /** accepted + duplicate + conflict + ignored = all events of the run; the others are parts of these. */
  acceptedEvents: number;
  acceptedRows: number;
  /** Part of accepted: a higher revision replaced an order. */
  amendedEvents: number;
  amendedRows: number;
  duplicateEvents: number;
  duplicateRows: number;
  /** Part of duplicate: an older revision of an order known in a newer one. */
  supersededEvents: number;
  supersededRows: number;
  conflictEvents: number;
  conflictRows: number;
  /** Of erased customers. */
  ignoredEvents: number;
  ignoredRows: number;
  /** Part of accepted: activities older than the window of ids reaches. */
  unverifiableEvents: number;
  /** Distinct customers among the accepted events. */
  customers: number;
  /** What the run added to orders and to refunds, minor units by currency (an amendment adds the difference). */
  gross: Record<string, number>;
  refunds: Record<string, number>;
}

/** Live input has no run; its tally stands under this name. */
const LIVE = '';

export class RunTally {
  readonly run: string;
  source: string | null = null;
  startedAt: number | null = null;
  /** Names file and mapping. */
  digest: string | null = null;
  /** A run of the same file and mapping had been finished when this one began. */
  repeats = false;
  backfill = false;
  finished = false;
  events = new Float64Array(VERDICTS.length);
  rows = new Float64Array(VERDICTS.length);
  unverifiable = 0;
  customers = 0;
  gross = new Map<string, number>();
  refunds = new Map<string, number>();
  /** One bit a row of the ledger; dropped when the run has finished. */
  seen: Uint8Array | null = new Uint8Array(64);

  constructor(run: string) {
    this.run = run;
    if (run === LIVE) this.seen = null;
  }

  count(verdict: number, lines: number): void {
    this.events[verdict]!++;
    this.rows[verdict]! += lines;
  }

  /** It is judged anew. */
  uncount(verdict: number, lines: number): void {
    this.events[verdict]!--;
    this.rows[verdict]! -= lines;
  }

  customer(row: number): void {
    if (!this.seen) return;
    const at = row >>> 3;
    if (at >= this.seen.length) {
      const wider = new Uint8Array(Math.max(at + 1, this.seen.length * 2));
      wider.set(this.seen);
      this.seen = wider;
    }
    const bit = 1 << (row & 7);
    if ((this.seen[at]! & bit) !== 0) return;
    this.seen[at]! |= bit;
    this.customers++;
  }

  addMoney(kind: 'gross' | 'refunds', currency: string, minor: number): void {
    if (minor !== 0) this[kind].set(currency, (this[kind].get(currency) ?? 0) + minor);
    else if (!this[kind].has(currency)) this[kind].set(currency, 0);
  }

  stats(): RunStats {
    const of = (list: Float64Array, ...verdicts: Verdict[]) =>
      verdicts.reduce((sum, verdict) => sum + list[VERDICTS.indexOf(verdict)]!, 0);
    const { events, rows } = this;
    return {
      run: this.run,
      source: this.source,
      startedAt: this.startedAt,
      finished: this.finished,
      acceptedEvents: of(events, 'accepted', 'amended'),
      acceptedRows: of(rows, 'accepted', 'amended'),
      amendedEvents: of(events, 'amended'),
      amendedRows: of(rows, 'amended'),
      duplicateEvents: of(events, 'duplicate', 'superseded'),
      duplicateRows: of(rows, 'duplicate', 'superseded'),
      supersededEvents: of(events, 'superseded'),
      supersededRows: of(rows, 'superseded'),
      conflictEvents: of(events, 'conflict'),
      conflictRows: of(rows, 'conflict'),
      ignoredEvents: of(events, 'ignored'),
      ignoredRows: of(rows, 'ignored'),
      unverifiableEvents: this.unverifiable,
      customers: this.customers,
      gross: Object.fromEntries(this.gross),
      refunds: Object.fromEntries(this.refunds),
    };
  }
}

type SavedTally = ReturnType<typeof save>;
const save = (t: RunTally) => ({
  run: t.run,
  source: t.source,
  startedAt: t.startedAt,
  digest: t.digest,
  repeats: t.repeats,
  backfill: t.backfill,
  finished: t.finished,
  events: [...t.events],
  rows: [...t.rows],
  unverifiable: t.unverifiable,
  customers: t.customers,
  gross: [...t.gross],
  refunds: [...t.refunds],
  seen: t.seen,
});

export class Runs {
  readonly #tallies = new Map<string, RunTally>();

  of(run: string | null): RunTally {
    const name = run ?? LIVE;
    let tally = this.#tallies.get(name);
    if (!tally) {
      tally = new RunTally(name);
      this.#tallies.set(name, tally);
    }
    return tally;
  }

  started(fact: Extract<Fact, { type: 'import.started' }>): void {
    const tally = this.of(fact.run);
    tally.source = fact.source;
    tally.startedAt = fact.startedAt;
    tally.backfill = fact.backfill;
    tally.digest = fact.digest;
    for (const other of this.#tallies.values())
      if (other !== tally && other.finished && other.source === fact.source && other.digest === fact.digest)
        tally.repeats = true;
  }

  finished(run: string): void {
    const tally = this.of(run);
    tally.finished = true;
    tally.seen = null;
  }

  /** Statistics of a run; of one that left no trace in the log, null. */
  stats(run: string | null): RunStats | null {
    return this.#tallies.get(run ?? LIVE)?.stats() ?? null;
  }

  list(): RunStats[] {
    return [...this.#tallies.values()].map((tally) => tally.stats());
  }

  save(): SavedTally[] {
    return [...this.#tallies.values()].map(save);
  }

  restore(saved: SavedTally[]): void {
    for (const s of saved) {
      const tally = this.of(s.run);
      tally.source = s.source;
      tally.startedAt = s.startedAt;
      tally.digest = s.digest;
      tally.repeats = s.repeats;
      tally.backfill = s.backfill;
      tally.finished = s.finished;
      tally.events.set(s.events);
      tally.rows.set(s.rows);
      tally.unverifiable = s.unverifiable;
      tally.customers = s.customers;
      tally.gross = new Map(s.gross);
      tally.refunds = new Map(s.refunds);
      tally.seen = s.seen ? Uint8Array.from(s.seen) : null;
    }
  }
}
