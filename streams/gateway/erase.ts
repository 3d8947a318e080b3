// Erasing a customer: keyring first, then the fact, then everything else that could still tell who it was (facts §8).
import type { IdIndex } from '../id-index.ts';
import type { StreamLog } from '../jetstream/link.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { Quarantine } from '../quarantine.ts';
import type { Linker } from './linker.ts';
import type { GatewayHandlers } from './protocol.ts';
import type { Resolver } from './resolver.ts';

export interface EraseDeps {
  keyring: Keyring;
  index: IdIndex;
  resolver: Resolver;
  linker: Linker;
  quarantine: Pick<Quarantine, 'erase'>;
  /** Writes the id index file again. */
  save(): Promise<void>;
  log: StreamLog;
  now(): number;
}

export function createErase(deps: EraseDeps): GatewayHandlers['erase'] {
  const { keyring, index, resolver, linker, quarantine, save, log, now } = deps;
  return async ({ customerId, anonymous = false }) => {
    // No wave of the resolver may come back with a sid after it was forgotten.
    const erased = await resolver.alone(async () => {
      const gone = await keyring.erase({ id: customerId, anonymous }, now());
      for (const one of gone?.customers ?? []) index.delete(one.id, one.anonymous);
      return gone;
    });
    if (erased === null) {
      // An attempt that died half-way has forgotten the id already; its refused rows may still be there.
      await linker.sayPending();
      await forgetRows([customerId]);
      return null;
    }
    linker.forget();
    const said = linker.say(erased.pending);
    // What is on this machine goes in any case; a store that does not answer is told to the caller after that.
    said.catch(() => undefined);
    await save();
    await keyring.scrub();
    const seq = await said;
    const rows = await forgetRows(erased.customers.map((one) => one.id));
    log.info({ sids: erased.customers.length, quarantined: rows, seq }, 'customer erased');
    return { sids: erased.customers.length, seq };
  };

  function forgetRows(ids: string[]): Promise<number> {
    const mentions = mentionsAny(ids);
    return quarantine.erase((row) => mentions(row.raw));
  }
}

/** Whether a raw row names one of the ids, as itself or escaped as in JSON, not merely inside a longer word or number. */
export function mentionsAny(ids: string[]): (raw: string) => boolean {
  const forms = [...new Set(ids.flatMap((id) => [id, JSON.stringify(id).slice(1, -1)]))];
  const isWord = (character: string | undefined) => character !== undefined && /[\p{L}\p{N}]/u.test(character);
  return (raw) =>
    forms.some((form) => {
      for (let at = raw.indexOf(form); at >= 0; at = raw.indexOf(form, at + 1))
        if (!isWord(raw[at - 1]) && !isWord(raw[at + form.length])) return true;
      return false;
    });
}
