// Keeps the scores table current: the whole base when a model comes into force, then whoever changed, and everybody again when the workspace's
// day has moved on. Works on state (rows changed since a position), so it is bounded however long it was away.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClvModel } from '#domain/models/clv-model.ts';
import type { CustomerState } from '#projections/customers.ts';
import { CUSTOMER_FLAG, NO_DAY } from '#projections/customers.ts';
import type { ScoreBatch } from '#projections/scores.ts';
import type { ScoreColumns, ScoreHorizons, ScoreInput } from './score-columns.ts';

export const SCORE_HORIZONS: ScoreHorizons = { churnDays: 90, clvMonths: 12, discountMonthly: 0.01 };

export interface ScoringModel {
  id: string;
  /** Of the customers; another share is another base to score. */
  percent?: number;
  model: ClvModel;
}
/** Everybody is scored again when it changes. */
export const keyOf = ({ id, percent = 100 }: { id: string; percent?: number }): string =>
  percent === 100 ? id : `${id} ${percent} %`;

/** What a kind of model makes of some customers: columns of one length with their sids; who is not its business is left out. */
export interface Scored {
  sids: Uint8Array;
  horizonDays: number;
  columns: Omit<ScoreColumns, 'refused'>;
  /** How many have no score, by reason. */
  refused: Readonly<Record<string, number>>;
}

export interface ScoreLoopDeps<Model extends { id: string }> {
  /** About `limit` customers that changed after a position, and the position the answer is complete to. */
  dirtyRows(sinceSeq: number, limit: number): Promise<{ rows: CustomerState; seq: number }>;
  /** @param seq what `rows` are complete to: nothing later may reach a score. */
  score(inForce: Model, rows: CustomerState, now: { seq: number; day: number }): Promise<Scored>;
  /** Customers a step. */
  chunk: number;
  writeScores(batch: ScoreBatch): Promise<number>;
  model(): Model | null;
  /** Of a canary: whom it answers; the others have no score of it. */
  concerns?(inForce: Model, sid: Uint8Array): boolean;
  /** Everybody is scored again when it changes: the model's id, and whatever else decides who is scored by it. */
  key(inForce: Model): string;
  /** What an earlier start left: who has not changed since `seq` has a score of `day` or later. null: nothing. */
  left(modelId: string): Promise<{ seq: number; day: number } | null>;
  /** The workspace's now: its day and instant, and whose clock says so. */
  clock(): { day: number; at: number; mode: 'log' | 'wall' };
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

export interface ScorerDeps extends Omit<ScoreLoopDeps<ScoringModel>, 'score' | 'chunk' | 'key'> {
  /** A contractual definition of churn is in force: subscribers are no business of a model of purchases. */
  contracts(): boolean;
  score(model: ClvModel, input: ScoreInput, horizons: ScoreHorizons): Promise<ScoreColumns>;
  /** Minor units in one major unit of the reporting currency, e.g. 100. */
  minorPerMajor(): number;
}

export interface Scorer extends AsyncDisposable {
  /** Scores what is due now and resolves when it is written; joins a round that is under way. */
  settle(): Promise<void>;
  /** Customers scored in the round under way, and how many it will be; null between rounds. */
  progress(): { done: number; of: number } | null;
}

const CHUNK = 5_000;
const EVERY_MS = 1_000;
/** A day's passing changes every score a little; a base is not scored again for it more often than this. */
const FULL_EVERY_MS = 60_000;
/** … and takes at most this share of the time: a base of millions is scored less often. */
const FULL_SHARE = 0.05;
/** What a stop waits for the chunk under way. */
const LAST_WRITE_MS = 2_000;

/** Purchases and money, by the CLV model in force. */
export function createScorer(deps: ScorerDeps): Scorer {
  return createScoreLoop<ScoringModel>({
    ...deps,
    chunk: CHUNK,
    // A contract defined since: subscribers lose the scores of a model of purchases.
    key: (inForce) => (deps.contracts() ? `${keyOf(inForce)}, subscribers apart` : keyOf(inForce)),
    async score(inForce, all, { day }) {
      const { model } = inForce;
      const { concerns } = deps;
      const rows = concerns ? chosenRows(all, (sid) => concerns(inForce, sid)) : all;
      const { refused, ...columns } = await deps.score(
        model,
        scoreInput(rows, day, deps.minorPerMajor(), deps.contracts()),
        SCORE_HORIZONS,
      );
      return { sids: rows.sids, horizonDays: SCORE_HORIZONS.churnDays, columns, refused };
    },
  });
}

export function createScoreLoop<Model extends { id: string }>(deps: ScoreLoopDeps<Model>): Scorer {
  let scoredModel: string | null = null;
  let scoredDay = 0;
  let scoredSeq = 0;
  let nextFull = 0;
  let progress: { done: number; of: number } | null = null;
  let running: Promise<void> | null = null;
  let stopped = false;
  let failing = false;

  async function round(): Promise<void> {
    const inForce = deps.model();
    if (!inForce) return;
    const now = deps.clock();
    if (scoredModel === null) {
      const left = await deps.left(inForce.id);
      if (left) {
        scoredModel = deps.key(inForce);
        scoredSeq = left.seq;
        scoredDay = left.day;
      }
    }
    const dayPassed = now.day !== scoredDay && Date.now() >= nextFull;
    const key = deps.key(inForce);
    const full = key !== scoredModel || dayPassed;
    let since = full ? 0 : scoredSeq;
    let done = 0;
    let written = 0;
    const refused: Record<string, number> = {};
    const begun = performance.now();
    for (;;) {
      const { rows, seq } = await deps.dirtyRows(since, deps.chunk);
      const count = rows.sids.length / 16;
      if (count > 0) {
        progress = { done, of: done + count };
        // Read after the rows, so that it is not behind anything they hold: what is stored says of which moment the score is.
        const { day, at, mode } = deps.clock();
        const { sids, horizonDays, columns, refused: none } = await deps.score(inForce, rows, { seq, day });
        for (const [reason, n] of Object.entries(none)) refused[reason] = (refused[reason] ?? 0) + n;
        // Defined anew meanwhile: what was made of the old one is not written at a position that has the new one.
        if (deps.key(inForce) !== key) {
          progress = null;
          return stopped ? undefined : round();
        }
        // Before their memory is handed over.
        written += sids.length / 16;
        if (sids.length > 0)
          await deps.writeScores({ modelId: inForce.id, horizonDays, seq, at, clock: mode, sids, ...columns });
        done += count;
      }
      const complete = seq <= since || count < deps.chunk;
      since = Math.max(since, seq);
      if (complete || stopped) break;
    }
    progress = null;
    scoredSeq = since;
    if (full) {
      scoredModel = key;
      scoredDay = now.day;
      const ms = Math.round(performance.now() - begun);
      nextFull = Date.now() + Math.max(FULL_EVERY_MS, ms / FULL_SHARE);
      deps.log.info({ customers: written, refused, model: inForce.id, ms }, 'scored the base');
    }
  }

  const settle = (): Promise<void> => {
    running ??= round()
      .then(() => {
        failing = false;
      })
      .finally(() => {
        running = null;
      });
    return running;
  };

  const timer = setInterval(() => {
    if (stopped || running) return;
    settle().catch((error: unknown) => {
      // Tried again every second; said once.
      if (!failing) deps.log.warn({ error: String(error) }, 'scoring stands still');
      failing = true;
    });
  }, EVERY_MS);

  return {
    async settle() {
      if (running) await running.catch(() => undefined);
      await settle();
    },
    progress: () => progress,
    async [Symbol.asyncDispose]() {
      stopped = true;
      clearInterval(timer);
      // A write that waits for the database (down, its disk full) ends when the projector stops, which is after us.
      await Promise.race([running?.catch(() => undefined), sleep(LAST_WRITE_MS, undefined, { ref: false })]);
    },
  };
}

/** Rows of whom `is` says so. */
function chosenRows(rows: HistoryColumns, is: (sid: Uint8Array) => boolean): HistoryColumns {
  const kept = Array.from({ length: rows.sids.length / 16 }, (_, i) => i).filter((i) =>
    is(rows.sids.subarray(i * 16, i * 16 + 16)),
  );
  const sids = new Uint8Array(kept.length * 16);
  for (const [k, i] of kept.entries()) sids.set(rows.sids.subarray(i * 16, i * 16 + 16), k * 16);
  return {
    sids,
    firstDay: Int32Array.from(kept, (i) => rows.firstDay[i]!),
    lastDay: Int32Array.from(kept, (i) => rows.lastDay[i]!),
    frequency: Uint32Array.from(kept, (i) => rows.frequency[i]!),
    moneyDays: Uint32Array.from(kept, (i) => rows.moneyDays[i]!),
    moneyMinor: Float64Array.from(kept, (i) => rows.moneyMinor[i]!),
    orders: Uint32Array.from(kept, (i) => rows.orders[i]!),
    flags: Uint8Array.from(kept, (i) => rows.flags[i]!),
  };
}

export type HistoryColumns = Pick<
  CustomerState,
  'sids' | 'firstDay' | 'lastDay' | 'frequency' | 'moneyDays' | 'moneyMinor' | 'orders' | 'flags'
>;

/** Histories as of `day`, the same digits as the API's `toCustomer`. @param scale minor units in one major unit. @param contracts see `ScorerDeps.contracts`. */
export function scoreInput(rows: HistoryColumns, day: number, scale: number, contracts: boolean): ScoreInput {
  const n = rows.sids.length / 16;
  const input: ScoreInput = {
    frequency: new Float64Array(n),
    recencyDays: new Float64Array(n),
    ageDays: new Float64Array(n),
    moneyDays: new Float64Array(n),
    monetaryValue: new Float64Array(n),
    leftTruncated: new Uint8Array(n),
    contractual: new Uint8Array(n),
  };
  const { erased, linked, anonymous, noRate, leftTruncated, subscriber } = CUSTOMER_FLAG;
  for (let i = 0; i < n; i++) {
    const never = rows.firstDay[i]! === NO_DAY || rows.orders[i]! === 0;
    const flags = rows.flags[i]!;
    if (never || (flags & (erased | linked | anonymous)) !== 0) {
      input.frequency[i] = -1;
      continue;
    }
    const moneyDays = rows.moneyDays[i]!;
    input.frequency[i] = rows.frequency[i]!;
    input.recencyDays[i] = rows.lastDay[i]! - rows.firstDay[i]!;
    input.ageDays[i] = Math.max(day, rows.lastDay[i]!) - rows.firstDay[i]!;
    input.moneyDays[i] = moneyDays;
    input.leftTruncated[i] = (flags & leftTruncated) === 0 ? 0 : 1;
    input.contractual[i] = contracts && (flags & subscriber) !== 0 ? 1 : 0;
    const mean = moneyDays > 0 ? rows.moneyMinor[i]! / moneyDays / scale : 0;
    input.monetaryValue[i] = (flags & noRate) === 0 ? mean : Number.NaN;
  }
  return input;
}
