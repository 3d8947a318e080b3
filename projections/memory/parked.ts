// Sequenced dead letters (ADR 0015, after Axon's): an event that could not be applied is parked by its place in the log, and with it its customer:
// what comes later of that customer waits behind it, in order, while everybody else's flows. The log keeps the events; only places are here.

export const PARK_REASONS = ['unknown', 'failed', 'stuck', 'waiting', 'unreadable', 'fact'] as const;
/**
 * unknown: of a type or version that only a newer program knows. failed: the fold failed at it, each time. stuck: the fold did not come back from
 * it. waiting: nothing is wrong with it, an earlier one of its customer is parked. unreadable: a whole message. fact: it may concern everybody.
 */
export type ParkReason = (typeof PARK_REASONS)[number];

export interface ParkedEvent {
  seq: number;
  /** Place in its pack, from 0; WHOLE_MESSAGE: all of it, and whose it was is not known. */
  index: number;
  /** 16 bytes. */
  sid: Uint8Array;
  reason: ParkReason;
  /** The error's name; never a value of the event. */
  detail: string;
  /** How often it was tried; 0 for one that only waits. */
  tries: number;
}

export const WHOLE_MESSAGE = -1;
/** An event that fails this often is parked. */
export const TRIES = 3;
/** Of nobody. */
export const NO_SID: Uint8Array = new Uint8Array(16);

/** More are counted, and the log is folded again at the next start instead. */
const KEPT = 100_000;

export class Parked {
  #list: ParkedEvent[] = [];
  #dropped = 0;
  /** Rows of parked customers. */
  #rows = new Set<number>();
  /** Of dropped events, by the row it had then: a sid each, whose customer stays held until the log is folded again. */
  #ofDropped = new Map<number, Uint8Array>();
  /** Grows when what others wait for has changed: not when one more waits. */
  changes = 0;

  get total(): number {
    return this.#list.length + this.#dropped;
  }
  get dropped(): number {
    return this.#dropped;
  }
  get customers(): number {
    return this.#rows.size;
  }

  /** Do later events of this (canonical) row wait? */
  holds(row: number): boolean {
    return this.#rows.size > 0 && this.#rows.has(row);
  }

  /** In the log's order, as long as nobody retries. */
  list(): readonly ParkedEvent[] {
    return this.#list;
  }

  /** @param row whose customer is parked with it; null: nobody's. */
  add(event: ParkedEvent, row: number | null): void {
    // Behind one that was dropped there may be none: what is left of the list is applied in the log's order.
    if (this.#dropped === 0 && this.#list.length < KEPT) this.#list.push(event);
    else {
      this.#dropped++;
      if (row !== null && !this.#ofDropped.has(row)) this.#ofDropped.set(row, event.sid);
    }
    if (row !== null) this.#rows.add(row);
    if (event.reason !== 'waiting') this.changes++;
  }

  /** Whoever has no parked event any more is let go. @param rowOf canonical row of a sid. @returns rows that were held before and are not now. */
  remove(applied: ReadonlySet<ParkedEvent>, rowOf: (sid: Uint8Array) => number): number[] {
    const before = this.#rows;
    this.#list = this.#list.filter((event) => !applied.has(event));
    this.locate(rowOf);
    return [...before].filter((row) => !this.#rows.has(row));
  }

  /** Anew whose rows are held: after a link the parked ones of a customer stand under another row. */
  locate(rowOf: (sid: Uint8Array) => number): void {
    const ofCustomers = this.#list.filter(({ index, reason }) => index !== WHOLE_MESSAGE && reason !== 'fact');
    this.#rows = new Set([...ofCustomers.map(({ sid }) => sid), ...this.#ofDropped.values()].map(rowOf));
    this.changes++;
  }

  save(): { list: ParkedEvent[]; dropped: number } {
    return { list: this.#list.map((event) => ({ ...event, sid: Uint8Array.from(event.sid) })), dropped: this.#dropped };
  }

  /** `locate` follows when the rows are there. @throws RangeError when only folding the log again can apply what was parked. */
  restore(saved: ReturnType<Parked['save']>): void {
    const again = saved.list.filter(({ reason }) => reason === 'fact').length + saved.dropped;
    if (again > 0)
      throw new RangeError(`${again} messages could not be applied when it was taken; they are tried again`);
    this.#list = saved.list.sort((a, b) => a.seq - b.seq || a.index - b.index);
  }
}
