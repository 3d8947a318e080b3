// From customer ids to sids: the id index answers for known customers; what it does not know goes to the keyring in waves,
// one statement for everybody who waits, so that new customers cost a share of a commit instead of one each.
import type { IdIndex } from '../id-index.ts';
import type { Keyring } from '../keyring/keyring.ts';
import { type CustomerRef, sidText } from '../keyring/sid.ts';

/** Customers asked for and not in the index, by `refKey`; `at` = the latest event time heard of each. */
export type Unknown = Map<string, CustomerRef & { at: number }>;
/** Null: erased, and nothing heard that is later. */
export type Found = Map<string, Uint8Array | null>;

export const refKey = (id: string, anonymous: boolean): string => (anonymous ? `a${id}` : `k${id}`);

export interface Resolver {
  /** One promise a batch. Fails with 'keyring-unavailable' for everybody in the wave. */
  resolve(unknown: Unknown): Promise<Found>;
  /** Runs `work` while no wave is under way: erasing must not be overtaken by an older answer. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  /** Instants up to which input of customers is refused that were erased and came back, by `sidText`. */
  readonly reopened: Map<string, number>;
}

interface Wave {
  unknown: Unknown;
  done: Promise<Found>;
}

export function createResolver(keyring: Keyring, index: IdIndex, reopened: Map<string, number>): Resolver {
  let forming: Wave | null = null;
  /** What the next wave, or lone work, waits for. */
  let before: Promise<unknown> = Promise.resolve();

  const after = <T>(work: () => Promise<T>): Promise<T> => {
    const run = before.then(work, work);
    before = run.catch(() => undefined);
    return run;
  };

  async function ask(unknown: Unknown): Promise<Found> {
    const refs = [...unknown.values()];
    const identities = await keyring.resolve(refs);
    const found: Found = new Map();
    let i = 0;
    for (const key of unknown.keys()) {
      const identity = identities[i]!;
      const ref = refs[i++]!;
      found.set(key, identity?.sid ?? null);
      if (identity === null) continue;
      index.set(ref.id, ref.anonymous, identity.sid);
      if (identity.refuseUntil !== null) reopened.set(sidText(identity.sid), identity.refuseUntil);
    }
    return found;
  }

  return {
    reopened,
    alone: after,
    resolve(unknown) {
      if (forming === null) {
        const wave: Wave = { unknown: new Map(), done: Promise.resolve(new Map()) };
        wave.done = after(() => {
          forming = null;
          return ask(wave.unknown);
        });
        forming = wave;
      }
      for (const [key, ref] of unknown) {
        const known = forming.unknown.get(key);
        if (known === undefined) forming.unknown.set(key, { ...ref });
        else known.at = Math.max(known.at, ref.at);
      }
      return forming.done;
    },
  };
}
