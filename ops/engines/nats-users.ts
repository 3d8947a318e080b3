// Who may speak to the embedded server: our own identity, and one user per source that can do nothing but publish its own two subjects.
import { readFileSync } from 'node:fs';
import { createUser } from '@nats-io/nkeys';
import { z } from 'zod';
import { replaceFile } from './durable-file.ts';
import { errorCode } from './engine-error.ts';

/** A source's name is one subject token: no dots, wildcards or spaces. */
const SourceName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a source name is 1–63 of a–z, 0–9, "-", "_", starting with a letter or digit');
/** Source name → public nkey. Seeds of sources are shown once and not kept. */
const SourceUsers = z.record(SourceName, z.string().regex(/^U[A-Z2-7]{55}$/));
export type SourceUsers = z.infer<typeof SourceUsers>;

export function readSourceUsers(file: string): SourceUsers {
  try {
    return SourceUsers.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return {};
    throw new Error(
      `${file} is not readable: restore it from a backup, or remove it and add the sources' NATS users again`,
      { cause: error },
    );
  }
}

/** A new key for the source; an earlier one stops working at the next reload. */
export function createSourceUser(file: string, source: string): { seed: string; publicKey: string } {
  const name = SourceName.parse(source);
  const user = createUser();
  const publicKey = user.getPublicKey();
  replaceFile(file, `${JSON.stringify({ ...readSourceUsers(file), [name]: publicKey }, null, 2)}\n`, 0o600);
  return { seed: Buffer.from(user.getSeed()).toString('ascii'), publicKey };
}

/** False: the source had none. */
export function deleteSourceUser(file: string, source: string): boolean {
  const { [source]: gone, ...rest } = readSourceUsers(file);
  if (gone === undefined) return false;
  replaceFile(file, `${JSON.stringify(rest, null, 2)}\n`, 0o600);
  return true;
}

/** The `authorization` block of the server's configuration. Everything not allowed here is denied, and nobody connects without a key. */
export function renderUsers(systemPublicKey: string, sources: SourceUsers): string {
  const users = Object.entries(sources).map(
    ([source, publicKey]) =>
      `    { nkey: ${publicKey}, permissions: { publish: { allow: ["in.${source}", "ask.${source}"] }, subscribe: { allow: ["_INBOX.>"] } } }`,
  );
  return ['authorization {', '  users: [', `    { nkey: ${systemPublicKey} }`, ...users, '  ]', '}', ''].join('\n');
}
