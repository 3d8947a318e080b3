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
  model: ClvModel;
}

export interface ScorerDeps {
  /** At most `limit` customers that changed after a position, and the position the answer is complete to. */
  dirtyRows(sinceSeq: number, limit: number): Promise<{ rows: CustomerState; seq: number }>;
  score(model: ClvModel, input: ScoreInput, horizons: ScoreHorizons): Promise<ScoreColumns>;
  writeScores(batch: ScoreBatch): Promise<number>;
  model(): ScoringModel | null;
  /** What an earlier start left: who has not changed since `seq` has a score of `day` or later. null: nothing. */
  left(modelId: string): Promise<{ seq: number; day: number } | null>;
  /** The workspace's now: its day and instant, and whose clock says so. */
  clock(): { day: number; at: number; mode: 'log' | 'wall' };
  /** A contractual definition of churn is in force: subscribers are no business of a model of purchases. */
  contracts(): boolean;
  /** Minor units in one major unit of the reporting currency, e.g. 100. */
  minorPerMajor(): number;
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
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

export function createScorer(deps: ScorerDeps): Scorer {
  let scoredModel: string | null = null;
  let scoredDay = 0;
  let scoredContracts = deps.contracts();
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
    const contracts = deps.contracts();
    if (scoredModel === null) {
      const left = await deps.left(inForce.id);
      if (left) {
        scoredModel = inForce.id;
        scoredSeq = left.seq;
        scoredDay = left.day;
      }
    }
    const dayPassed = now.day !== scoredDay && Date.now() >= nextFull;
    // A contract defined since: subscribers lose the scores of a model of purchases.
    const full = inForce.id !== scoredModel || dayPassed || contracts !== scoredContracts;
    let since = full ? 0 : scoredSeq;
    let done = 0;
    const refused: Record<string, number> = {};
    const begun = performance.now();
    for (;;) {
      const { rows, seq } = await deps.dirtyRows(since, CHUNK);
      const count = rows.sids.length / 16;
      if (count > 0) {
        progress = { done, of: done + count };
        // Read after the rows, so that it is not behind anything they hold: what is stored says of which moment the score is.
        const { day, at, mode } = deps.clock();
        const scores = await deps.score(
          inForce.model,
          scoreInput(rows, day, deps.minorPerMajor(), contracts),
          SCORE_HORIZONS,
        );
        for (const [reason, n] of Object.entries(scores.refused)) refused[reason] = (refused[reason] ?? 0) + n;
        const { refused: _, ...columns } = scores;
        await deps.writeScores({
          modelId: inForce.id,
          horizonDays: SCORE_HORIZONS.churnDays,
          seq,
          at,
          clock: mode,
          sids: rows.sids,
          ...columns,
        });
        done += count;
      }
      const complete = seq <= since || count < CHUNK;
      since = Math.max(since, seq);
      if (complete || stopped) break;
    }
    progress = null;
    scoredSeq = since;
    if (full) {
      scoredModel = inForce.id;
      scoredDay = now.day;
      scoredContracts = contracts;
      const ms = Math.round(performance.now() - begun);
      nextFull = Date.now() + Math.max(FULL_EVERY_MS, ms / FULL_SHARE);
      deps.log.info({ customers: done, refused, model: inForce.id, ms }, 'scored the base');
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

/** Histories as of `day`, the same digits as the API's `toCustomer`. @param scale minor units in one major unit. @param contracts see `ScorerDeps.contracts`. */
export function scoreInput(rows: CustomerState, day: number, scale: number, contracts: boolean): ScoreInput {
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
