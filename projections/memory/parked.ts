// Events that could not be applied: of a type or schema version that only a newer program knows, or the fold failed at them. They are parked
// by their place in the log, in its order, while everything else goes on; the log keeps them, so that a program that knows them applies them.

export interface ParkedEvent {
  seq: number;
  /** Place in its pack, from 0. */
  index: number;
  /** 16 bytes. */
  sid: Uint8Array;
  /** 'failed': part of it may have been applied, so that only folding the log again undoes it. 'fact': it may concern everybody. */
  reason: 'unknown' | 'failed' | 'fact';
  /** The error's name; never a value of the event. */
  detail: string;
}

/** More are counted, and the log is folded again at the next start instead. */
const KEPT = 100_000;

export class Parked {
  #list: ParkedEvent[] = [];
  #dropped = 0;

  get total(): number {
    return this.#list.length + this.#dropped;
  }

  /** In the log's order. */
  list(): readonly ParkedEvent[] {
    return this.#list;
  }

  add(event: ParkedEvent): void {
    if (this.#list.length < KEPT) this.#list.push(event);
    else this.#dropped++;
  }

  remove(applied: ReadonlySet<ParkedEvent>): void {
    this.#list = this.#list.filter((event) => !applied.has(event));
  }

  save(): { list: ParkedEvent[]; dropped: number } {
    return { list: this.#list.map((event) => ({ ...event, sid: Uint8Array.from(event.sid) })), dropped: this.#dropped };
  }

  /** @throws RangeError when what was parked can only be applied by folding the log again: an earlier snapshot, or none, will do. */
  restore(saved: ReturnType<Parked['save']>): void {
    const again = saved.list.filter(({ reason }) => reason !== 'unknown').length + saved.dropped;
    if (again > 0)
      throw new RangeError(`${again} messages could not be applied when it was taken; they are tried again`);
    this.#list = saved.list;
    this.#dropped = 0;
  }
}
