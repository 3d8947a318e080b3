// Publishers as they should be: each sends a batch again and again until it is told that the batch is stored, then the next one.
import { setTimeout as sleep } from 'node:timers/promises';

/** One way in. `send` resolves with the log position once the batch is stored, and throws when that is not known. */
export interface Door extends Disposable {
  send(batch: number): Promise<number>;
}

export interface ProducersOptions {
  open(): Promise<Door>;
  /** Batches a second, over all doors; never more than a second of them is caught up with after a pause. */
  perSecond: number;
  doors: number;
}

const AGAIN_MS = 100;
const CATCH_UP_MS = 1_000;

export class Producers {
  /** Batches 0 … handed − 1 have been sent, each at least once. */
  handed = 0;
  acknowledged = 0;
  /** Sendings that ended without an acknowledgement. */
  unanswered = 0;
  lastSeq = 0;
  /** The last thing that went wrong, for the message when nothing goes right any more. */
  trouble: unknown = null;
  readonly #options: ProducersOptions;
  readonly #work: Promise<void>[];
  #ending = false;
  #givenUp = false;
  #due = performance.now();
  #waiting: { since: number; resolve: (ms: number) => void }[] = [];

  constructor(options: ProducersOptions) {
    this.#options = options;
    this.#work = Array.from({ length: options.doors }, () => this.#produce());
  }

  async #produce(): Promise<void> {
    let door: Door | null = null;
    const each = 1_000 / this.#options.perSecond;
    while (!this.#ending) {
      const now = performance.now();
      this.#due = Math.max(this.#due, now - CATCH_UP_MS);
      if (this.#due > now) {
        await sleep(Math.min(this.#due - now, 50));
        continue;
      }
      this.#due += each;
      const batch = this.handed++;
      for (;;) {
        if (this.#givenUp) return;
        const sentAt = performance.now();
        try {
          door ??= await this.#options.open();
          const seq = await door.send(batch);
          this.acknowledged++;
          this.lastSeq = Math.max(this.lastSeq, seq);
          this.#tell(sentAt);
          break;
        } catch (error) {
          // Stored or not, nobody knows: the same batch again.
          this.trouble = error;
          this.unanswered++;
          door?.[Symbol.dispose]();
          door = null;
          await sleep(AGAIN_MS);
        }
      }
    }
    door?.[Symbol.dispose]();
  }

  #tell(sentAt: number): void {
    const now = performance.now();
    for (const one of this.#waiting) if (sentAt >= one.since) one.resolve(now - one.since);
    this.#waiting = this.#waiting.filter((one) => sentAt < one.since);
  }

  /** ms from now until something that was sent after now is acknowledged. */
  acknowledgedAgain(): Promise<number> {
    const since = performance.now();
    return new Promise((resolve) => this.#waiting.push({ since, resolve }));
  }

  /** Hands out nothing more; resolves when all is acknowledged. @throws Error when it is not, within `patienceMs`. */
  async finish(patienceMs = 120_000): Promise<void> {
    this.#ending = true;
    const late = new AbortController();
    const all = Promise.all(this.#work).then(() => late.abort());
    await Promise.race([all, sleep(patienceMs, undefined, { signal: late.signal }).catch(() => undefined)]);
    if (late.signal.aborted) return;
    this.#givenUp = true;
    throw new Error(
      `${this.handed - this.acknowledged} of ${this.handed} batches were not acknowledged within ${patienceMs / 1_000} s of the last one: ${String(this.trouble)}`,
    );
  }
}
