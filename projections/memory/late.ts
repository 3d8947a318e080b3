// Events that changed a past day: live ones whose day lies before the log's own day when they came. Answers given meanwhile did not know them; what
// each has changed is asked of the log, before and after it (api/routes/late.ts). Files of history say that they are that, and are not late.

export interface LateEvent {
  /** Position of its message; an answer as of the one before did not know it. */
  seq: number;
  /** Place in its message. */
  index: number;
  sid: Uint8Array;
  type: string;
  day: number;
  /** Days between its day and the log's when it came, ≥ 1. */
  daysLate: number;
}

/** The last of them; further ones are counted. */
const KEPT = 1_000;

export class Late {
  total = 0;
  #list: LateEvent[] = [];

  add(event: LateEvent): void {
    this.total++;
    this.#list.push(event);
    if (this.#list.length > KEPT + KEPT / 10) this.#list = this.#list.slice(-KEPT);
  }

  /** Newest first, from before place `before` of the log on; of one customer: by canonical sid of each. */
  list(limit: number, before = Number.POSITIVE_INFINITY): LateEvent[] {
    return this.#list
      .slice(-KEPT)
      .filter(({ seq }) => seq < before)
      .reverse()
      .slice(0, limit);
  }

  save(): { total: number; list: LateEvent[] } {
    return {
      total: this.total,
      list: this.#list.slice(-KEPT).map((one) => ({ ...one, sid: Uint8Array.from(one.sid) })),
    };
  }
  restore({ total, list }: ReturnType<Late['save']>): void {
    this.total = total;
    this.#list = list;
  }
}
