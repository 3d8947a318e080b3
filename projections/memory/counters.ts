// Exactly once into the fold: the gateway numbers events densely from 0 per (gateway, epoch, partition). A number seen before
// is a pack that was sent twice; a number too high means that something is missing, which is never passed over.
import { PARTITIONS } from '#domain/envelope.ts';
import type { PackView } from '#streams/pack.ts';

export class CounterGap extends Error {
  readonly code = 'counter-gap';
  readonly seq: number;
  constructor(seq: number, writer: string, partition: number, expected: number, found: number) {
    super(
      `EVT ${seq}: events ${expected} to ${found - 1} of gateway and epoch ${writer}, partition ${partition}, are missing; restore the log from a backup`,
    );
    this.name = 'CounterGap';
    this.seq = seq;
  }
}

export class Counters {
  /** Next number by `gateway:epoch`, one a partition (numbers reach 2^32). */
  readonly #next = new Map<string, Float64Array>();

  /** The numbers expected next from the pack's writer; checked against the whole pack before anything is applied. */
  open(seq: number, pack: PackView): Float64Array {
    const writer = `${pack.header.gateway}:${pack.header.epoch}`;
    let next = this.#next.get(writer);
    if (!next) {
      next = new Float64Array(PARTITIONS);
      this.#next.set(writer, next);
    }
    const ahead = next.slice();
    for (let row = 0; row < pack.count; row++) {
      const partition = pack.sidWord(row, 0) & (PARTITIONS - 1);
      const counter = pack.counter(row);
      if (counter > ahead[partition]!) throw new CounterGap(seq, writer, partition, ahead[partition]!, counter);
      if (counter === ahead[partition]) ahead[partition]!++;
    }
    return next;
  }

  /** Events of each writer (`gateway:epoch`), each counted once. */
  totals(): [writer: string, events: number][] {
    return [...this.#next].map(([writer, next]) => [writer, next.reduce((sum, each) => sum + each, 0)]);
  }

  save(): [string, number[]][] {
    return [...this.#next].map(([writer, next]) => [writer, [...next]]);
  }
  restore(saved: [string, number[]][]): void {
    for (const [writer, next] of saved) this.#next.set(writer, Float64Array.from(next));
  }
}
