// A backup becomes an installation again, on a machine that has only the project.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { openArchive } from '../backup/archive.ts';
import { restoreBackup } from '../backup/restore.ts';
import { readConfig } from '../config.ts';
import { createLog } from '../log.ts';
import { packageVersion } from '../project.ts';
import { passphraseOf, progressOf } from './backup.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand, print } from './options.ts';

export const restore: Command = {
  name: 'restore',
  summary: 'make an installation from a backup, in an empty directory',
  help: `
axiom47 restore FILE --data-dir DIR [--verify] [--passphrase-file FILE] [--json]

The file is read once before anything is done: one that is cut or changed anywhere is refused, and so is one of a newer Axiom47 and a directory
with something in it. The directory appears when it is whole. Tables and columns are computed from the log at the first start.
--verify folds the restored log and compares position, state and portable digest with the backup's, and checks that the keyring belongs to it;
it ends with 1 when anything differs.

Example: axiom47 restore axiom47-2026-11-20.backup --data-dir /var/lib/axiom47 --verify && axiom47 serve --data-dir /var/lib/axiom47
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, {
      verify: { type: 'boolean' },
      'passphrase-file': { type: 'string' },
    });
    const [file] = positionals;
    if (file === undefined || positionals.length > 1 || values['data-dir'] === undefined)
      throw new UsageError('restore FILE --data-dir DIR: the directory is made, or empty');
    if (!existsSync(file)) throw new UsageError(`there is no file ${file}`);
    const config = readConfig();
    const log = createLog({ ...config, logLevel: process.env.AXIOM47_LOG_LEVEL ? config.logLevel : 'warn' });
    const progress = progressOf(io);
    const start = performance.now();
    using archive = openArchive(file, passphraseOf(values['passphrase-file']), (done, total) =>
      progress('checking', done, total),
    );
    if (isNewer(archive.header.program, packageVersion))
      throw new Error(
        `${file} was written by Axiom47 ${archive.header.program}, this is ${packageVersion}: update Axiom47 first`,
      );
    const dataDir = resolve(values['data-dir']);
    const { manifest, verified } = await restoreBackup({
      file,
      archive,
      dataDir,
      config,
      verify: values.verify ?? false,
      log,
      progress,
    });
    const seconds = Math.round(performance.now() - start) / 1000;
    const { kind: _, ...rest } = manifest;
    print(io, values.json, { dataDir, seconds, backup: rest, verified }, () =>
      [
        `${dataDir}: log position ${manifest.seq}, ${manifest.customers} customers, in ${seconds.toFixed(1)} s`,
        ...(verified?.same ? [`verified: state ${verified.digests.state}, portable ${verified.digests.portable}`] : []),
        `start it: axiom47 serve --data-dir ${dataDir}`,
      ].join('\n'),
    );
    if (verified !== null && !verified.same)
      io.stderr(
        `axiom47: the restored log is not the one that was backed up: state ${verified.digests.state} (was ${manifest.digests.state}), portable ${verified.digests.portable} (was ${manifest.digests.portable})\n`,
      );
    if (verified !== null && !verified.keyring.ok)
      io.stderr(
        `axiom47: the restored keyring does not belong to the log: ${verified.keyring.orphans} ids without a mapping, ${verified.keyring.returned} erased ones with one\n`,
      );
    return verified === null || (verified.same && verified.keyring.ok) ? 0 : 1;
  },
};

/** By the numbers of the two versions. */
function isNewer(version: string, than: string): boolean {
  const numbers = (text: string) => text.split(/[.+-]/).slice(0, 3).map(Number);
  const [a, b] = [numbers(version), numbers(than)];
  for (let i = 0; i < 3; i++) if (a[i] !== b[i]) return (a[i] ?? 0) > (b[i] ?? 0);
  return false;
}
