// A backup is taken from the running program while events flow, and becomes the same installation elsewhere.
import { execFileSync } from 'node:child_process';
import { copyFileSync, openSync, readFileSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createArchive } from '#ops/backup/archive.ts';
import { reachEngines } from '#ops/backup/engines.ts';
import { takeBackup } from '#ops/backup/take.ts';
import { readConfig } from '#ops/config.ts';
import { independentFold, type PlainEvent } from '../support/independent-fold.ts';
import { type Program, removeFolders, run, runJson, serve, temporaryFolder, until } from '../support/program.ts';

interface Backup {
  file: string;
  seq: number;
  customers: number;
  messages: Record<string, number>;
  rows: Record<string, number>;
  digests: { state: string; portable: string };
}
interface Restored {
  verified: { same: boolean; digests: Backup['digests']; keyring: { ok: boolean; sids: number; erased: number } };
}
interface LogAnswer {
  seq: number;
  customers: number;
  digests: { state: string; portable: string };
}

const folder = temporaryFolder('backup');
const dataDir = join(folder, 'main');
const plainFile = join(folder, 'plain.backup');
const passphrase = join(folder, 'passphrase');
const ERASED = 'c-7';
let program: Program;

/** Order number i; every customer has a few. */
const order = (i: number) => ({
  type: 'order.placed',
  customer_id: `c-${i % 97}`,
  at: new Date(Date.UTC(2026, 0, 1 + (i % 200), 10)).toISOString(),
  data: { amount: (i % 90) + 0.5, currency: 'EUR', order_id: `o-${i}` },
});
const plain = (i: number): PlainEvent => ({
  kind: 'order',
  customer: `c-${i % 97}`,
  key: `o-${i}`,
  day: Date.UTC(2026, 0, 1 + (i % 200)) / 86_400_000,
  minor: (i % 90) * 100 + 50,
  currency: 'EUR',
  revision: 0,
});
const log = (of: Program) => of.call<LogAnswer>('GET', '/api/log?portable=1');
const refused = async (...args: string[]) => {
  const ended = await run(args);
  expect(ended.code, ended.stdout).toBeGreaterThan(0);
  return ended.stderr;
};
const restored = (file: string, name: string, ...more: string[]) =>
  runJson<Restored>(['restore', file, '--data-dir', join(folder, name), '--verify', ...more]);

/** Sends one order a request, from `first` on, until stopped: the sequence each one got. */
function flow(first: number) {
  const seqs = new Map<number, number>();
  let going = true;
  const done = (async () => {
    for (let i = first; going; i++) {
      const { seq } = await program.call<{ seq: number }>('POST', '/api/events', [order(i)]);
      seqs.set(i, seq);
    }
  })();
  return {
    seqs,
    stop: async () => {
      going = false;
      await done;
    },
  };
}

beforeAll(async () => {
  writeFileSync(passphrase, 'a long enough passphrase\n');
  program = await serve(['--empty', '--data-dir', dataDir]);
  for (let from = 0; from < 2_000; from += 500)
    await program.call(
      'POST',
      '/api/events',
      Array.from({ length: 500 }, (_, i) => order(from + i)),
    );
  await program.call('POST', '/api/events', [{ ...order(1), data: { amount: 'much' } }]);
  await program.json(['source', 'add', 'shop']);
  const erased = await run(['workspace', 'erase', ERASED, '--yes', '--data-dir', dataDir]);
  expect(erased.code, erased.stderr).toBe(0);
});
afterAll(async () => {
  await program[Symbol.asyncDispose]();
  await removeFolders();
});

describe('a backup taken while events flow', () => {
  let taken: Backup;
  let seqs: Map<number, number>;

  test('holds the log up to one position, as an independent fold of what was acknowledged up to there says', async () => {
    const flowing = flow(2_000);
    await until('events flow', async () => flowing.seqs.size > 20);
    taken = await program.json<Backup>(['backup', '--out', plainFile]);
    const during = flowing.seqs.size;
    await until('events flow on', async () => flowing.seqs.size > during + 20);
    await flowing.stop();
    ({ seqs } = flowing);
    const inside = [...seqs].filter(([, seq]) => seq <= taken.seq).map(([i]) => i);
    expect(inside.length).toBeGreaterThan(20);
    expect(inside.length).toBeLessThan(seqs.size);
    const oracle = independentFold([...Array.from({ length: 2_000 }, (_, i) => i), ...inside].map(plain), [], [ERASED]);
    expect([taken.digests.portable, taken.customers]).toEqual([oracle.digest, oracle.customers]);
    expect(taken.messages.EVT).toBe(taken.seq);
    expect(taken.messages.QUA).toBeGreaterThan(0);
    expect(statSync(plainFile).mode & 0o777).toBe(0o600);
  });

  test('becomes the same installation elsewhere, and events go on there', async () => {
    const { verified } = await restored(plainFile, 'other');
    expect(verified).toMatchObject({ same: true, digests: taken.digests, keyring: { ok: true, sids: 97, erased: 1 } });
    const chain = await run(['verify', '--chain', '--data-dir', join(folder, 'other')]);
    expect([chain.code, chain.stderr]).toEqual([0, expect.not.stringContaining('damaged')]);
    await using other = await serve(['--data-dir', join(folder, 'other')]);
    const before = await log(other);
    expect([before.digests.state, before.digests.portable]).toEqual([taken.digests.state, taken.digests.portable]);
    const quarantine = await other.call<{ items: object[] }>('GET', '/api/quarantine');
    expect(quarantine.items).toHaveLength(taken.messages.QUA!);

    // Everything once more, also what came after the backup: what is there is met again, the rest is new. Then both say the same.
    const all = [...Array.from({ length: 2_000 }, (_, i) => i).filter((i) => i % 97 !== 7), ...seqs.keys()];
    for (let from = 0; from < all.length; from += 500)
      await other.call('POST', '/api/events', all.slice(from, from + 500).map(order));
    const wanted = (await log(program)).digests.portable;
    await until('both logs say the same', async () => (await log(other)).digests.portable === wanted);
    const held = async (of: Program) =>
      (await of.sql<{ n: string }>('select count(*) as n from rm.transactions'))[0]?.n;
    await until('so do the tables', async () => (await held(other)) === (await held(program)));
  });

  test('knows an erasure that came after the log was copied and before the keyring was', async () => {
    const file = join(folder, 'erased.backup');
    const archive = createArchive(file, { program: '0.0.0', createdAt: new Date().toISOString(), passphrase: null });
    await using reached = await reachEngines(dataDir, readConfig({}), pino({ level: 'silent' }));
    const manifest = await takeBackup(dataDir, reached, archive, (what) => {
      if (what !== 'CTL') return;
      // In the moment between the two: the log has been copied, the keyring not yet.
      execFileSync(process.execPath, ['ops/axiom47.ts', 'workspace', 'erase', 'c-8', '--yes', '--data-dir', dataDir], {
        stdio: 'pipe',
      });
    });
    archive.close();
    const last = (await log(program)).seq;
    expect(last).toBeGreaterThan(manifest.seq);
    const { verified } = await restored(file, 'erased');
    expect(verified).toMatchObject({ same: true, keyring: { ok: true, sids: 97, erased: 1 } });
    await using other = await serve(['--data-dir', join(folder, 'erased')]);
    // Said to the log at the first start.
    await until('the erasure is in the log', async () => {
      const { ok, erased } = await other.call<{ ok: boolean; erased: number }>('POST', '/api/verify/keyring');
      return ok && erased === 2;
    });
  });

  test('can be sealed with a passphrase, without which it cannot be read, and taken of an installation that is stopped', async () => {
    await program.stop();
    const file = join(folder, 'sealed.backup');
    const sealed = await program.json<Backup>(['backup', '--out', file, '--passphrase-file', passphrase]);
    const bytes = readFileSync(file);
    const secret = readFileSync(join(dataDir, 'secrets', 'kek.key'), 'utf8').trim();
    expect(bytes.includes(secret)).toBe(false);
    expect(await refused('restore', file, '--data-dir', join(folder, 'x'))).toMatch(/is sealed.*--passphrase-file/);
    const wrong = join(folder, 'wrong');
    writeFileSync(wrong, 'another long passphrase\n');
    expect(await refused('restore', file, '--data-dir', join(folder, 'x'), '--passphrase-file', wrong)).toMatch(
      /not the passphrase/,
    );
    const { verified } = await restored(file, 'sealed', '--passphrase-file', passphrase);
    expect(verified).toMatchObject({ same: true, digests: sealed.digests, keyring: { ok: true } });
  });

  test('is refused when a byte of it was changed or it was cut, and when it is of a newer version', async () => {
    const size = statSync(plainFile).size;
    for (const [name, at] of [
      ['head', 40],
      ['middle', size >> 1],
      ['end', size - 20],
    ] as const) {
      const file = join(folder, `${name}.backup`);
      copyFileSync(plainFile, file);
      const byte = readFileSync(file)[at]!;
      writeSync(openSync(file, 'r+'), Buffer.of(byte ^ 1), 0, 1, at);
      expect(await refused('restore', file, '--data-dir', join(folder, 'x'))).toMatch(/digest|header|newer/);
    }
    const cut = join(folder, 'cut.backup');
    copyFileSync(plainFile, cut);
    truncateSync(cut, size - 1_000);
    expect(await refused('restore', cut, '--data-dir', join(folder, 'x'))).toMatch(/does not end as a backup does/);
  });

  test('is not written over an installation, nor into a directory with something in it', async () => {
    expect(await refused('restore', plainFile, '--data-dir', dataDir)).toMatch(/holds an installation/);
    const used = temporaryFolder('used');
    writeFileSync(join(used, 'notes.txt'), 'mine');
    expect(await refused('restore', plainFile, '--data-dir', used)).toMatch(/not empty/);
    expect(await refused('backup', '--out', plainFile, '--data-dir', dataDir)).toMatch(/is there already/);
    expect(await refused('backup', '--out', '/not/there/x', '--data-dir', dataDir)).toMatch(/there is no folder/);
  });
});
