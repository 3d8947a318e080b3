// Ids of the events without a key of their own (activities and the like), remembered for 30 days of `ingested_at` or ten
// million ids, whichever is smaller (facts §2). What it forgets depends on the log alone, so two folds forget the same.
import type { Frozen, ReadSection } from './pages.ts';
import { RecordPool } from './record-pool.ts';

const HOUR = 3_600_000;
/** Forgetting is spread over the additions, so that a whole expired hour never stops the fold. */
const FORGET_PER_ADD = 8;

export interface IdWindowLimits {
  maxIds: number;
  maxHours: number;
}
export const ID_WINDOW_LIMITS: IdWindowLimits = { maxIds: 10_000_000, maxHours: 30 * 24 };

export class IdWindow {
  readonly #limits: IdWindowLimits;
  readonly #pool = new RecordPool('ids', 4);
  /** Record + 1 of the id that came first and last. */
  #oldest = 0;
  #newest = 0;
  /** What was `#newest` before the last addition. */
  #beforeNewest = 0;
  /** Hours of arrival with their number of ids, ascending; the clock is the largest `ingested_at` so far. */
  #hours: [number, number][] = [];
  /** Ids that came before this instant (ms) may be forgotten; null = nothing was forgotten yet. */
  forgottenBefore: number | null = null;

  constructor(limits: IdWindowLimits = ID_WINDOW_LIMITS) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#pool.live;
  }
  get bytes(): number {
    return this.#pool.bytes;
  }

  /** True when the id (64 bits) is new; it is remembered from now on. */
  add(k0: number, k1: number, ingestedAt: number): boolean {
    const hour = Math.max(Math.floor(ingestedAt / HOUR), this.#hours.at(-1)?.[0] ?? Number.NEGATIVE_INFINITY);
    for (let n = 0; n < FORGET_PER_ADD && (this.#hours[0]?.[0] ?? hour) <= hour - this.#limits.maxHours; n++)
      this.#forget();
    if (this.#pool.find(0, k0, k1) >= 0) return false;
    if (this.#pool.live >= this.#limits.maxIds) this.#forget();
    const record = this.#pool.insert(0, k0, k1, 0);
    this.#beforeNewest = this.#newest;
    if (this.#newest !== 0) this.#pool.setNext(this.#newest - 1, record + 1);
    else this.#oldest = record + 1;
    this.#newest = record + 1;
    const now = this.#hours.at(-1);
    if (now && now[0] === hour) now[1]++;
    else this.#hours.push([hour, 1]);
    return true;
  }

  /** Takes the id of the last `add` back, which must have been new. */
  takeBack(): void {
    this.#pool.remove(this.#newest - 1);
    this.#newest = this.#beforeNewest;
    if (this.#newest !== 0) this.#pool.setNext(this.#newest - 1, 0);
    else this.#oldest = 0;
    const hour = this.#hours.at(-1)!;
    if (--hour[1] === 0) this.#hours.pop();
  }

  #forget(): void {
    const first = this.#hours[0]!;
    const record = this.#oldest - 1;
    this.#oldest = this.#pool.next(record);
    if (this.#oldest === 0) this.#newest = 0;
    this.#pool.remove(record);
    this.forgottenBefore = (first[0] + 1) * HOUR;
    if (--first[1] === 0) this.#hours.shift();
  }

  freeze(): Frozen {
    const pool = this.#pool.freeze();
    return {
      ...pool,
      meta: {
        pool: pool.meta,
        oldest: this.#oldest,
        newest: this.#newest,
        hours: this.#hours.map((entry) => [...entry]),
        forgottenBefore: this.forgottenBefore,
      },
    };
  }

  restore(meta: Record<string, unknown>, read: ReadSection): void {
    const saved = meta as {
      pool: Record<string, unknown>;
      oldest: number;
      newest: number;
      hours: [number, number][];
      forgottenBefore: number | null;
    };
    this.#pool.restore(saved.pool, read);
    this.#oldest = saved.oldest;
    this.#newest = saved.newest;
    this.#hours = saved.hours;
    this.forgottenBefore = saved.forgottenBefore;
  }
}
