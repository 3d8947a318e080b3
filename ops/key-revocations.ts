// API keys taken away: said in the log first, so that it holds while the keyring is away; the keyring is told too, at once or at a later start.
import type { KeyRevocations } from '#api/deps.ts';
import { accessKey } from '#domain/access-key.ts';
import { handle, loadAll } from '#streams/control.ts';
import type { EventStore } from '#streams/event-store.ts';
import type { AccessStore } from '#streams/keyring/access-store.ts';

interface Deps {
  store: EventStore;
  access: Pick<AccessStore, 'keys' | 'revokeKey'>;
  now: () => number;
  log: { warn(fields: object, message: string): void };
}

const isAway = (error: unknown): boolean => (error as { code?: unknown }).code === 'keyring-unavailable';

export async function openKeyRevocations({ store, access, now, log }: Deps): Promise<KeyRevocations> {
  const revoked = new Map<string, number>();
  const listeners = new Set<(id: string) => void>();
  for (const [id, { state }] of await loadAll(store, accessKey)) if (state !== null) revoked.set(id, state.revokedAt);
  // What it could not be told, or forgot when an older one was restored.
  for (const [id, at] of revoked) await access.revokeKey(id, at);

  async function say(id: string, by: string): Promise<void> {
    const answer = await handle(store, accessKey, id, { type: 'RevokeKey', at: now(), by }, { actor: by, now: now() });
    if (!answer.ok) throw new Error('a revocation is never refused');
    revoked.set(id, answer.value.state!.revokedAt);
    for (const listener of listeners) listener(id);
  }
  return {
    at: (id) => revoked.get(id) ?? null,
    onRevoked: (listener) => void listeners.add(listener),
    async revoke(id, by) {
      try {
        if (!(await access.keys()).some((key) => key.id === id)) return false;
      } catch (error) {
        // Nobody can say whether there is such a key; one that is not is taken away for nothing.
        if (!isAway(error)) throw error;
      }
      await say(id, by);
      try {
        await access.revokeKey(id, revoked.get(id)!);
      } catch (error) {
        if (!isAway(error)) throw error;
        log.warn(
          { key: id },
          'the keyring is away: the log says that the key is revoked, the keyring is told at the next start',
        );
      }
      return true;
    },
  };
}
