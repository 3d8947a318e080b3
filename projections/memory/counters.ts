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
   * Messages nobody could read, by position; of each the partitions in which a writer has been heard of since. What was in it is missing at the
   * first number after it, and is kept in mind until it is read; what is missing at a later one was not in it.
   */
  #unread = new Map<number, Map<string, Set<number>>>();

  /** The message at this position cannot be read. */
  unread(seq: number): void {
    this.#unread.set(seq, new Map());
  }
  /** It was, and its events have been given to `fill`. */
  read(seq: number): void {
    this.#unread.delete(seq);
  }

  /** Is this the first number of the writer and the partition after a message nobody could read? Asked of each number, in order. */
  #behindUnread(writer: string, partition: number): boolean {
    let first = false;
    for (const heard of this.#unread.values()) {
      const partitions = heard.get(writer) ?? new Set();
      first ||= !partitions.has(partition);
      heard.set(writer, partitions.add(partition));
    }
    return first;
  }

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
      const unread = this.#unread.size > 0 && this.#behindUnread(writer, partition);
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

  save(): {
    next: [string, number[]][];
    holes: Hole[];
    unread: { seq: number; heard: [writer: string, partitions: number[]][] }[];
  } {
    const unread = [...this.#unread].map(([seq, heard]) => ({
      seq,
      heard: [...heard].map(([writer, partitions]): [string, number[]] => [writer, [...partitions]]),
    }));
    return { next: [...this.#next].map(([writer, next]) => [writer, [...next]]), holes: this.#holes, unread };
  }
  restore({ next, holes, unread }: ReturnType<Counters['save']>): void {
    for (const { seq, heard } of unread)
      this.#unread.set(seq, new Map(heard.map(([writer, partitions]) => [writer, new Set(partitions)])));
    for (const [writer, numbers] of next) this.#next.set(writer, Float64Array.from(numbers));
    this.#holes = holes;
  }
}
