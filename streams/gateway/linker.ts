// Links of anonymous ids: decided in the keyring, then told to the log once, also across a crash in between (facts §7).
import type { Fact } from '#domain/envelope.ts';
import { ok, type Result } from '#domain/result.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { PendingFact } from '../keyring/links.ts';

const REMEMBERED = 100_000;

export interface Linker {
  /** `ok(null)`: was known already. Else the fact is being appended: await its promise before anything is acknowledged. */
  link(
    anonymousId: string,
    customerId: string,
    options?: { administrator?: boolean },
  ): Promise<Result<Promise<number> | null, 'link-conflict' | 'unknown-customer'>>;
  /** Whether `link` would be refused. */
  wouldConflict(anonymousId: string, customerId: string): Promise<boolean>;
  /** Appends what an earlier run decided and did not live to say. */
  sayPending(): Promise<number>;
  /** Appends a fact the keyring holds as pending. */
  say(pending: PendingFact): Promise<number>;
  /** After an erasure. */
  forget(): void;
}

export function createLinker(
  keyring: Keyring,
  append: (fact: Fact) => Promise<number>,
  warn: (error: unknown) => void,
): Linker {
  // Segment repeats both ids in every identify call: most links are old ones.
  const linked = new Map<string, string>();

  const say = async ({ no, fact }: PendingFact): Promise<number> => {
    const seq = await append(fact);
    // A pending row that stays is said again at the next start; folds take links and erasures as a set.
    await keyring.factStored(no).catch(warn);
    return seq;
  };

  return {
    say,
    forget: () => linked.clear(),
    async link(anonymousId, customerId, { administrator = false } = {}) {
      if (!administrator && linked.get(anonymousId) === customerId) return ok(null);
      const from = { id: anonymousId, anonymous: !administrator };
      const decided = await keyring.link(from, { id: customerId, anonymous: false }, administrator);
      if (!decided.ok) return decided;
      const said = decided.value === null ? null : say(decided.value);
      if (administrator) return ok(said);
      const remember = () => {
        if (linked.size >= REMEMBERED) linked.delete(linked.keys().next().value!);
        linked.set(anonymousId, customerId);
      };
      if (said === null) remember();
      else said.then(remember, () => undefined);
      return ok(said);
    },
    async wouldConflict(anonymousId, customerId) {
      if (linked.get(anonymousId) === customerId) return false;
      const from = { id: anonymousId, anonymous: true };
      const decided = await keyring.link(from, { id: customerId, anonymous: false }, false, true);
      return !decided.ok && decided.reason === 'link-conflict';
    },
    async sayPending() {
      const pending = await keyring.pendingFacts();
      for (const one of pending) await say(one);
      return pending.length;
    },
  };
}
