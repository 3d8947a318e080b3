// The secrets of docker-compose.yml, made once: nothing in the compose file has a default password.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createUser } from '@nats-io/nkeys';
import { projectRoot } from '../project.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand, print } from './options.ts';

export const dockerSecrets: Command = {
  name: 'docker-secrets',
  summary: 'make the secret files that docker-compose.yml reads',
  help: `
axiom47 docker-secrets [--out secrets] [--json]

Writes postgres_password, database_url, nats_seed (the app's identity) and nats.env.conf (its public half and the key of the log at rest),
readable by you alone. Existing secrets are never overwritten: what they protect would be unreadable.

Example: axiom47 docker-secrets && docker compose up --build
`,
  async run(argv, io) {
    const { values } = parseCommand(argv, { out: { type: 'string' } });
    const folder = resolve(values.out ?? join(projectRoot, 'secrets'));
    const user = createUser();
    const password = randomBytes(24).toString('hex');
    const files: Record<string, string> = {
      postgres_password: password,
      database_url: `postgres://axiom47:${password}@postgres:5432/axiom47`,
      nats_seed: Buffer.from(user.getSeed()).toString('ascii'),
      'nats.env.conf': `jetstream_key = "${randomBytes(32).toString('base64')}"\napp_nkey = "${user.getPublicKey()}"\n`,
    };
    const there = Object.keys(files).filter((name) => existsSync(join(folder, name)));
    if (there.length > 0)
      throw new UsageError(
        `${folder} holds ${there.join(', ')} already; they are not overwritten (name another folder with --out)`,
      );
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(folder, name), text, { mode: 0o600, flag: 'wx' });
    print(io, values.json, { folder, files: Object.keys(files) }, () => `${folder}: ${Object.keys(files).join(', ')}`);
    return 0;
  },
};
