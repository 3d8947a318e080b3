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

/** Numbers [from, to) of a partition that stood in a message nobody could read. */
interface Hole {
  writer: string;
  partition: number;
  from: number;
  to: number;
}

export class Counters {
  /** Next number by `gateway:epoch`, one a partition (numbers reach 2^32). */
  readonly #next = new Map<string, Float64Array>();
  #holes: Hole[] = [];

  /**
   * The numbers expected next from the pack's writer; checked against the whole pack before anything is applied.
   * @param unread a message before it is parked unread: what is missing was in there, and is kept in mind until it is read.
   */
  open(seq: number, pack: PackView, unread = false): Float64Array {
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
      if (counter > ahead[partition]!) {
        if (!unread) throw new CounterGap(seq, writer, partition, ahead[partition]!, counter);
        this.#holes.push({ writer, partition, from: ahead[partition]!, to: counter });
        ahead[partition] = counter;
        next[partition] = counter;
      }
      if (counter === ahead[partition]) ahead[partition]!++;
    }
    return next;
  }

  /** An event of a message that can be read after all; false when its number has been applied. */
  fill(pack: PackView, row: number): boolean {
    const writer = `${pack.header.gateway}:${pack.header.epoch}`;
    const partition = pack.sidWord(row, 0) & (PARTITIONS - 1);
    const counter = pack.counter(row);
    const next = this.#next.get(writer) ?? new Float64Array(PARTITIONS);
    this.#next.set(writer, next);
    // Nothing came behind it yet.
    if (counter === next[partition]) {
      next[partition]!++;
      return true;
    }
    const hole = this.#holes.find(
      (one) => one.writer === writer && one.partition === partition && one.from <= counter && counter < one.to,
    );
    if (hole === undefined) return false;
    const parts = [
      { ...hole, to: counter },
      { ...hole, from: counter + 1 },
    ];
    this.#holes = [...this.#holes.filter((one) => one !== hole), ...parts.filter(({ from, to }) => from < to)];
    return true;
  }

  /** Events of each writer (`gateway:epoch`), each counted once. */
  totals(): [writer: string, events: number][] {
    const missing = (writer: string) =>
      this.#holes.reduce((sum, hole) => sum + (hole.writer === writer ? hole.to - hole.from : 0), 0);
    return [...this.#next].map(([writer, next]) => [
      writer,
      next.reduce((sum, each) => sum + each, 0) - missing(writer),
    ]);
  }

  save(): { next: [string, number[]][]; holes: Hole[] } {
    return { next: [...this.#next].map(([writer, next]) => [writer, [...next]]), holes: this.#holes };
  }
  restore({ next, holes }: ReturnType<Counters['save']>): void {
    for (const [writer, numbers] of next) this.#next.set(writer, Float64Array.from(numbers));
    this.#holes = holes;
  }
}
