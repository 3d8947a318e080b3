// The whole installation in one file, taken while everything goes on.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createArchive } from '../backup/archive.ts';
import { reachEngines } from '../backup/engines.ts';
import { takeBackup } from '../backup/take.ts';
import { dataDirOf } from '../client.ts';
import { readConfig } from '../config.ts';
import { createLog } from '../log.ts';
import { createProgress } from '../progress.ts';
import { packageVersion } from '../project.ts';
import { checkWritable } from '../writable.ts';
import { type Command, type Io, UsageError } from './command.ts';
import { parseCommand, print } from './options.ts';

export const backup: Command = {
  name: 'backup',
  summary: 'write the whole installation into one file, while everything goes on',
  help: `
axiom47 backup --out FILE [--passphrase-file FILE] [--data-dir DIR] [--json]

The log, the keyring, models, sources, users and the secrets they need: everything but what can be computed from it. A server may run and take
events meanwhile: the backup holds the log up to one position, which is printed with its digests. Without a running server the engines are
started for the time.

Whoever has the file has the installation: customer ids, sealed fields, API keys. --passphrase-file seals it with a passphrase (the file's
first line; AES-256-GCM); without one it is only kept from other users of this machine (mode 0600). A backup keeps whom you erase later:
erase again after a restore, and throw old backups away.

Example: axiom47 backup --out axiom47-2026-11-20.backup --passphrase-file passphrase.txt
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, {
      out: { type: 'string' },
      'passphrase-file': { type: 'string' },
    });
    if (values.out === undefined || positionals.length > 0) throw new UsageError('backup --out FILE');
    const dataDir = dataDirOf(values['data-dir']);
    if (!existsSync(join(dataDir, 'workspace.json')))
      throw new UsageError(`there is no workspace at ${dataDir}; --data-dir names the one to back up`);
    const named = resolve(values.out);
    const createdAt = new Date().toISOString();
    const out =
      existsSync(named) && statSync(named).isDirectory()
        ? join(named, `axiom47-${createdAt.slice(0, 19).replaceAll(':', '')}Z.backup`)
        : named;
    if (existsSync(out)) throw new UsageError(`${out} is there already: name another file`);
    checkWritable(out);
    const passphrase = passphraseOf(values['passphrase-file']);
    const config = readConfig();
    const log = createLog({ ...config, logLevel: process.env.AXIOM47_LOG_LEVEL ? config.logLevel : 'warn' });
    const start = performance.now();
    await using reached = await reachEngines(dataDir, config, log);
    const archive = createArchive(out, { program: packageVersion, createdAt, passphrase });
    try {
      const manifest = await takeBackup(dataDir, reached, archive, progressOf(io));
      const { bytes, sha256 } = archive.close();
      const seconds = Math.round(performance.now() - start) / 1000;
      const { kind: _, ...rest } = manifest;
      print(io, values.json, { file: out, bytes, sha256, sealed: passphrase !== null, seconds, ...rest }, () =>
        [
          `${out}: ${(bytes / 1e6).toFixed(1)} MB in ${seconds.toFixed(1)} s`,
          `log position ${manifest.seq}: ${manifest.customers} customers, ${manifest.events} events`,
          `state digest     ${manifest.digests.state}`,
          `portable digest  ${manifest.digests.portable}`,
        ].join('\n'),
      );
      if (passphrase === null)
        io.stderr(
          'axiom47: this file is not sealed: it holds customer ids and the keys to everything. Keep it as you keep a password, or take it with --passphrase-file\n',
        );
      return 0;
    } finally {
      archive.abandon();
    }
  },
};

/** The first line of the file. */
export function passphraseOf(file: string | undefined): string | null {
  if (file === undefined) return null;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--passphrase-file ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  const [line = ''] = text.split(/\r?\n/, 1);
  if (line.length < 12)
    throw new UsageError(`--passphrase-file ${file}: its first line must have at least 12 characters`);
  return line;
}

/** A bar for each part, one after the other. */
export function progressOf(io: Io) {
  let title = '';
  let bar = createProgress(title, io);
  return (what: string, done: number, total: number) => {
    if (what !== title) {
      if (title !== '') bar.finish();
      title = what;
      bar = createProgress(what.padEnd(10), io);
    }
    bar.update(done, total);
  };
}
