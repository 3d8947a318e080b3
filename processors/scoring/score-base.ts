// The whole base at one position of the log: everybody's ledger as it stood there, scored in parts that are each a piece of the file. Which part a
// customer belongs to is said by their sid alone, so that a part that is made again holds whom it held before.

import { gzipSync, constants as zlib } from 'node:zlib';
import { canonicalJson } from '#domain/canonical-json.ts';
import { features } from '#domain/features.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import type { Rates } from '#domain/rates.ts';
import { type Columns, openColumns } from '#projections/memory/columns.ts';
import { emptyHistory, historyOf, scaleOf } from '#projections/memory/history.ts';
import type { Ledger, LedgerOptions } from '#projections/memory/ledger.ts';
import { everybodyLeft } from '#projections/memory/past/everybody.ts';
import { COLUMN_FLAG } from '#projections/memory/row-layout.ts';
import type { EventStore } from '#streams/event-store.ts';
import { createScoreIds } from '#streams/keyring/score-id.ts';
import { addGone, addMove, addNew, type Moves, noMoves, type Scored } from './moves.ts';
import {
  type CustomerOnDay,
  type CustomerScore,
  createBaseScorer,
  type ScoreAsked,
  type ScorePlan,
} from './score-customer.ts';
import { createLines, headOf, type ScoreFormat } from './score-file.ts';

export interface BaseMoment {
  seq: number;
  day: number;
  /** ms */
  at: number;
  clock: 'log' | 'wall';
  plan: ScorePlan;
}
/** Structured-cloneable; holds a secret: never log it. */
export interface ScoreBase {
  now: BaseMoment;
  /** The scoring to compare with: then only who has changed is written. */
  before: BaseMoment | null;
  asked: ScoreAsked;
  format: ScoreFormat;
  parts: number;
  /** Parts that need not be made again. */
  done: readonly number[];
  /** Only so many customers, for an estimate; null: everybody. */
  sample: number | null;
  signingKey: Uint8Array;
  ledger: LedgerOptions;
  snapshotDir: string | null;
}

export interface PartReport {
  part: number;
  /** Of whom something is known on that day; erased and anonymous ones are not among them. */
  customers: number;
  /** Lines of the file. */
  rows: number;
  /** Customers without P(churn), by reason. */
  not_scored: Record<string, number>;
  /** By band: customers, and the sum of their lifetime values; null without a model of value. */
  bands: Record<string, { customers: number; clv: number | null }>;
  moves: Moves | null;
}
export interface ScoredPart {
  report: PartReport;
  /** A gzip member of lines. */
  bytes: Uint8Array<ArrayBuffer>;
}
export interface ScoreTotals {
  customers: number;
  /** Reading the log, and scoring: of a comparison, then and now. */
  foldMs: number;
  scoreMs: number;
}
export interface ScoreProgress {
  progress(done: number, total: number, note: string): void;
  part(part: ScoredPart): void;
}

type Store = Pick<EventStore, 'read' | 'lastSequence'>;
const sidBytes = Buffer.alloc(16);
function hexOf(sid: Uint8Array): string {
  sidBytes.set(sid);
  return sidBytes.toString('hex');
}
const wordOf = (sid: Uint8Array): number => ((sid[0]! << 24) | (sid[1]! << 16) | (sid[2]! << 8) | sid[3]!) >>> 0;

/** Sids are random: parts are of about one size. */
export const partOf = (sid: Uint8Array, parts: number): number => Math.floor((wordOf(sid) / 2 ** 32) * parts);

/** A first line of a file, as a gzip member of its own; members one after the other are one gzip file (RFC 1952 §2.2). */
export const headMember = (format: ScoreFormat): Uint8Array<ArrayBuffer> => packed(headOf(format));
/** In memory of its own: what gzip answers may lie in a pool, which cannot travel to another thread. */
const packed = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(gzipSync(text, { level: zlib.Z_BEST_SPEED }));

export async function scoreBase(store: Store, work: ScoreBase, say: ScoreProgress): Promise<ScoreTotals> {
  const { now, before, parts } = work;
  const phases = before ? 3 : 2;
  let phase = 0;
  /** Each walk of the log and the scoring have an equal part of the way. */
  const told = (done: number, total: number, note: string) =>
    say.progress(phase * Math.max(1, total) + done, phases * Math.max(1, total), note);
  const read = (seq: number, note: string): Promise<Ledger> =>
    everybodyLeft(store, seq, {
      ledger: work.ledger,
      snapshotDir: work.snapshotDir,
      progress: (position, from) => told(position - from, seq - from, note),
    });
  const begun = performance.now();
  let beforeMs = 0;
  const scoredBefore = async (moment: BaseMoment) => {
    const then = await read(moment.seq, 'as it was scored before');
    phase++;
    const from = performance.now();
    const found = beforeOf(then, work, moment);
    beforeMs = performance.now() - from;
    return found;
  };
  const earlier = before && (await scoredBefore(before));
  const ledger = await read(now.seq, 'reading the log');
  phase++;
  const foldMs = performance.now() - begun - beforeMs;
  const people = createPeople(ledger);
  const members: number[][] = Array.from({ length: parts }, () => []);
  const done = new Set(work.done);
  let customers = 0;
  for (const row of people.rows()) {
    customers++;
    const part = partOf(people.sidOf(row), parts);
    if (!done.has(part) && (work.sample === null || customers <= work.sample)) members[part]!.push(row);
  }
  const total = members.reduce((sum, list) => sum + list.length, 0);
  const lineOf = createLines(
    work.format,
    now,
    work.asked,
    ledger.workspace.facts.reportingCurrency,
    createScoreIds(work.signingKey).sign,
  );
  const scoreNow = createBaseScorer(now.plan, work.asked);
  // What they did alone, by the models of before, today; a base without quantiles is enough for it.
  const scoreByBefore = before && createBaseScorer(before.plan, { ...work.asked, quantiles: false });
  const scoring = performance.now();
  let reached = 0;
  for (const [part, list] of members.entries()) {
    if (done.has(part)) continue;
    say.part(scorePart(part, list));
    reached += list.length;
    told(reached, total, `scoring ${total.toLocaleString('en-US')} customers`);
  }
  return { customers, foldMs, scoreMs: beforeMs + performance.now() - scoring };

  function scorePart(part: number, rows: readonly number[]): ScoredPart {
    const report: PartReport = { part, customers: 0, rows: 0, not_scored: {}, bands: {}, moves: before && noMoves() };
    const known = earlier?.[part] ?? new Map<string, Before>();
    let text = '';
    const list = rows.map((row) => ({ row, hex: hexOf(people.sidOf(row)) }));
    list.sort((a, b) => (a.hex < b.hex ? -1 : 1));
    for (const { row, hex } of list) {
      const sid = people.sidOf(row);
      const customer = people.on(row, now.day);
      if (customer === null) continue;
      const score = scoreNow(sid, customer);
      report.customers++;
      tally(report, score, now.plan.clv !== null);
      const old = known.get(hex);
      if (before !== null) {
        known.delete(hex);
        // Of an estimate everybody is written: who comes first in the log has changed less than others.
        if (!moved(report.moves!, sid, hex, old, customer, score) && work.sample === null) continue;
      }
      text += lineOf(sid, hex, score);
      report.rows++;
    }
    for (const { before: gone } of known.values()) addGone(report.moves!, gone);
    return { report, bytes: packed(text) };
  }

  /** Whether anything of the customer's score can be another one than before: what they did, the clock, the models. */
  function moved(
    moves: Moves,
    sid: Uint8Array,
    hex: string,
    old: Before | undefined,
    customer: CustomerOnDay,
    after: CustomerScore,
  ): boolean {
    if (old === undefined) {
      addNew(moves, after);
      return true;
    }
    const events = scoreByBefore!(sid, customer);
    addMove(moves, () => `sid:${hex}`, { before: old.before, clock: old.clock, events, after });
    const same = (a: Scored, b: Scored) => a.pChurn === b.pChurn && a.clvMean === b.clvMean && a.band === b.band;
    return (
      customer.history.seq !== old.seq ||
      now.day !== before!.day ||
      !samePlan(now.plan, before!.plan) ||
      !same(old.before, after)
    );
  }
}

interface Before {
  seq: number;
  before: Scored;
  /** The same history on the later day. */
  clock: Scored;
}

/** By part: who was scored before, and what they would be today had nothing happened. */
function beforeOf(ledger: Ledger, work: ScoreBase, { plan, day }: BaseMoment): Map<string, Before>[] {
  const score = createBaseScorer(plan, { ...work.asked, quantiles: false });
  const found = Array.from({ length: work.parts }, () => new Map<string, Before>());
  const people = createPeople(ledger);
  const only = ({ pChurn, clvMean, band }: CustomerScore): Scored => ({ pChurn, clvMean, band });
  let customers = 0;
  for (const row of people.rows()) {
    if (work.sample !== null && ++customers > work.sample) break;
    const then = people.on(row, day);
    if (then === null) continue;
    const sid = people.sidOf(row);
    const { seq } = then.history;
    const before = only(score(sid, then));
    const clock = work.now.day === day ? before : only(score(sid, people.on(row, work.now.day)!));
    found[partOf(sid, work.parts)]!.set(hexOf(sid), { seq, before, clock });
  }
  return found;
}

/** The one before comes from its file, where keys stand in another order. */
const samePlan = (a: ScorePlan, b: ScorePlan): boolean => {
  const said = ({ clv, churn, definitions, canaries = [] }: ScorePlan) =>
    canonicalJson([
      clv?.digest ?? null,
      churn.map(({ digest }) => digest).sort(),
      definitions,
      canaries.map(({ digest, percent }) => `${digest} ${percent}`).sort(),
    ]);
  return said(a) === said(b);
};

function tally(report: PartReport, { band, clvMean, reason }: CustomerScore, priced: boolean): void {
  if (reason !== null) report.not_scored[reason] = (report.not_scored[reason] ?? 0) + 1;
  const key = band ?? 'none';
  report.bands[key] ??= { customers: 0, clv: priced ? 0 : null };
  const sum = report.bands[key]!;
  sum.customers++;
  if (sum.clv !== null) sum.clv += clvMean ?? 0;
}

/** Customers of a ledger, and each on a day as the API has them. */
function createPeople(ledger: Ledger) {
  const columns: Columns = openColumns(ledger.rows.handle);
  const rates: Rates = ledger.workspace.rates;
  const scale = scaleOf(ledger.workspace.facts.reportingCurrency);
  const row = emptyHistory();
  const nobody = COLUMN_FLAG.erased | COLUMN_FLAG.anonymous | COLUMN_FLAG.linked;
  return {
    sidOf: columns.sidOf,
    *rows(): Generator<number> {
      for (const at of ledger.canonicalRows()) if (columns.read(at, row) && (row.flags & nobody) === 0) yield at;
    },
    /** null: nothing was known of them by that day. The answer is overwritten by the next. */
    on(at: number, day: number): CustomerOnDay | null {
      columns.read(at, row);
      let read: CustomerEntries | null = null;
      const entries = (): CustomerEntries => {
        read ??= ledger.entries(columns.sidOf(at))!;
        return read;
      };
      if (day >= row.changeDay) return { history: row, entries, day, rates, scale };
      if (!heardOf(entries(), day)) return null;
      const history = historyOf(features(entries(), day, { rates }), { flags: row.flags, seq: row.seq });
      return { history, entries, day, rates, scale };
    },
  };
}

const heardOf = ({ orders, refunds, activities, subscriptions }: CustomerEntries, day: number): boolean =>
  [orders, refunds, activities, subscriptions].some((entries) => entries.some((entry) => entry.day <= day));
