// Orders whose key came twice with different content at one revision: what the fold refuses belongs into the quarantine (facts §2).
import { FLAG, type PackView } from '#streams/pack.ts';
import { hex } from './entries.ts';

export interface Conflict {
  /** Counts from 1; ask for those after the last one seen. */
  number: number;
  /** Message and place in it where the second content came. */
  seq: number;
  index: number;
  run: string | null;
  source: string;
  producerNumber: number;
  lines: number;
  /** Hex; '' once the customer is erased, and then nothing of the content is here either. */
  sid: string;
  key: string;
  kind: 'order' | 'refund';
  /** Content of the event; `stays` = it is the greater one, and the earlier content is what was refused. */
  day: number;
  minor: number | null;
  currency: string | null;
  stays: boolean;
}

/**
 * Kept until the quarantine's writer has them, so that a whole file imported again with other amounts is listed to the last row; beyond this
 * many (≈ 80 MB) at once the oldest go, and only the count goes on.
 */
const KEPT = 200_000;

export class Conflicts {
  total = 0;
  #list: Conflict[] = [];

  add(seq: number, pack: PackView, i: number, sid: Uint8Array, refund: boolean, stays: boolean): void {
    const event = pack.event(i);
    this.#list.push({
      number: ++this.total,
      seq,
      index: i,
      run: event.run,
      source: event.source,
      producerNumber: event.producerNumber,
      lines: event.lines,
      sid: hex(sid),
      key: hex(event.orderHash ?? event.eventHash.subarray(0, 8)),
      kind: refund ? 'refund' : 'order',
      day: event.day,
      minor: (pack.flags(i) & FLAG.money) === 0 ? null : event.minor,
      currency: event.currency,
      stays,
    });
    if (this.#list.length > KEPT + KEPT / 10) this.#list = this.#list.slice(-KEPT);
  }

  /** Conflicts after number `after`, oldest first. Those up to it are put away, and forgotten here. */
  after(after: number, limit = 1000): Conflict[] {
    const [first] = this.#list;
    if (first && first.number <= after) this.#list.splice(0, after - first.number + 1);
    return this.#list.slice(0, limit);
  }

  /** Numbers stay, so that who counts them misses none. @param sids hex, all those of one customer. */
  forget(sids: ReadonlySet<string>): void {
    this.#list = this.#list.map((each) =>
      sids.has(each.sid) ? { ...each, sid: '', key: '', day: 0, minor: null, currency: null } : each,
    );
  }
  get isEmpty(): boolean {
    return this.#list.length === 0;
  }

  save(): { total: number; list: Conflict[] } {
    return { total: this.total, list: this.#list.slice(-KEPT) };
  }
  restore(saved: { total: number; list: Conflict[] }): void {
    this.total = saved.total;
    this.#list = saved.list;
  }
}
