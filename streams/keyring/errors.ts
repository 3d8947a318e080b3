// What a keyring says when it cannot answer: doors turn it into 503 or leave the message unacknowledged.

export class KeyringUnavailable extends Error {
  readonly code = 'keyring-unavailable';
  constructor(cause: unknown) {
    super(`the keyring database does not answer (${cause instanceof Error ? cause.message : String(cause)})`, {
      cause,
    });
    this.name = 'KeyringUnavailable';
  }
}

/** The secret file does not belong to this keyring, or a sealed value was changed. Retrying does not help. */
export class KeyringDamaged extends Error {
  readonly code = 'keyring-damaged';
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'KeyringDamaged';
  }
}

// SQLSTATE classes that say "not now": connection, refused log-in, no such database, resources, not in the state for it (a database closed
// to connections), operator intervention, system, internal; and a read-only standby.
const NOT_NOW = /^(08|28|3D|53|55|57|58|XX|25006)/;

/** An error of the database driver as ours: without an SQLSTATE it is the network's. */
export function asKeyringError(error: unknown): Error {
  if (error instanceof KeyringUnavailable || error instanceof KeyringDamaged) return error;
  const state = (error as { code?: unknown }).code;
  const sqlState = typeof state === 'string' && /^[0-9A-Z]{5}$/.test(state) ? state : null;
  if (sqlState === null || NOT_NOW.test(sqlState)) return new KeyringUnavailable(error);
  return error instanceof Error ? error : new Error(String(error));
}
