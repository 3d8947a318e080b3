// CDNOW, the whole file: the published totals, the same file twice, and the same rows in another order (facts §2, §5).
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandom } from '#domain/numerics/random.ts';
import type { ImportSummary } from '#ops/import/run-import.ts';
import { dayOf } from '#test/support/histories.ts';
import { independentFold, type PlainEvent } from '#test/support/independent-fold.ts';
import {
  type Program,
  removeFolders,
  run,
  runJson,
  serve,
  tableHashes,
  temporaryFolder,
  until,
} from '#test/support/program.ts';
import { describeShared, sharedPath } from '#test/support/shared.ts';

const FILE = 'data/cdnow_master_transactions.csv';
const options = ['--source', 'cdnow', '--currency', 'USD'];

interface Log {
  customers: number;
  orders: number;
  digests: { state: string; portable: string };
}
const logOf = (program: Program) => program.call<Log>('GET', '/api/log?portable=1');
const frequencyOf = async (program: Program): Promise<number> => {
  const [row] = await program.sql<{ x: string }>('select sum(frequency)::text as x from rm.customers');
  return Number(row!.x);
};

/** Each row an order; identical rows are told apart by their occurrence. */
function plainEvents(lines: string[]): PlainEvent[] {
  const seen = new Map<string, number>();
  return lines.map((line) => {
    const k = (seen.get(line) ?? 0) + 1;
    seen.set(line, k);
    const [customer, date, , amount] = line.split(',') as [string, string, string, string];
    const minor = Number(amount.replace('.', ''));
    return { kind: 'order', customer, key: `${line}#${k}`, day: dayOf(date), minor, currency: 'USD', revision: 0 };
  });
}

function shuffled<T>(list: readonly T[], seed: number): T[] {
  const random = createRandom(seed);
  const out = [...list];
  for (let i = out.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

describeShared('CDNOW, 69,659 rows without ids, through the whole program', [FILE], () => {
  const folder = temporaryFolder('cdnow');
  const [head = '', ...lines] = readFileSync(sharedPath(FILE), 'utf8').trim().split('\n');
  const oracle = independentFold(plainEvents(lines));
  let program: Program;
  let digests: Log['digests'];
  beforeAll(async () => {
    const summary = await runJson<ImportSummary>([
      'import',
      sharedPath(FILE),
      ...options,
      '--data-dir',
      join(folder, 'first'),
    ]);
    expect(summary).toMatchObject({
      rows: 69_659,
      events: 69_659,
      accepted: 69_659,
      duplicates: 0,
      quarantined: 0,
      customers: 23_570,
      gross: { USD: '2500315.63' },
      refunds: {},
      reasons: {},
    });
    program = await serve(['--data-dir', join(folder, 'first')]);
    digests = (await logOf(program)).digests;
  });
  afterAll(removeFolders);

  test('the state is that of a fold written independently', async () => {
    const log = await logOf(program);
    expect(log).toMatchObject({ customers: oracle.customers, orders: oracle.orders });
    expect(log.digests.portable).toBe(oracle.digest);
    expect(await frequencyOf(program)).toBe(oracle.frequency);
  });

  test('a second import accepts nothing and changes no table', async () => {
    const before = await tableHashes(program);
    expect(before).toMatchObject({
      customers: expect.stringMatching(/^23570 rows/),
      transactions: expect.stringMatching(/^69659 rows/),
      scores: expect.stringMatching(/^23570 rows/),
    });
    const again = await program.json<ImportSummary>(['import', sharedPath(FILE), ...options]);
    expect(again).toMatchObject({ rows: 69_659, accepted: 0, duplicates: 69_659, quarantined: 0, gross: {} });
    expect(await tableHashes(program)).toEqual(before);
    expect((await logOf(program)).digests).toMatchObject({ state: digests.state, portable: digests.portable });
  });

  test('the shuffled file in another workspace, cut off by kill -9 and imported again: the same portable digest', async () => {
    await program.stop();
    const file = join(folder, 'shuffled.csv');
    const other = shuffled(lines, 47);
    expect(other).not.toEqual(lines);
    writeFileSync(file, `${[head, ...other].join('\n')}\n`);
    const dataDir = join(folder, 'second');
    const first = await serve(['--empty', '--currency', 'USD', '--data-dir', dataDir]);
    const importing = run(['import', file, ...options, '--data-dir', dataDir]);
    await until('a part is in the log', async () => (await first.call<Log>('GET', '/api/log')).orders > 0);
    await first.kill();
    expect(await importing).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/axiom47: the server at \S+ does not answer/),
    });

    await using elsewhere = await serve(['--data-dir', dataDir]);
    const cut = await logOf(elsewhere);
    expect(cut.orders).toBeGreaterThan(0);
    expect(cut.orders).toBeLessThan(69_659);
    const summary = await elsewhere.json<ImportSummary>(['import', file, ...options]);
    expect(summary).toMatchObject({ rows: 69_659, quarantined: 0 });
    expect(summary.accepted + summary.duplicates).toBe(69_659);
    // Whatever was in the log before the cut is a duplicate now.
    expect(summary.duplicates).toBe(cut.orders);
    const log = await logOf(elsewhere);
    expect(log).toMatchObject({ customers: oracle.customers, orders: oracle.orders });
    expect(log.digests.portable).toBe(oracle.digest);
    expect(log.digests.state).not.toBe(digests.state);
    expect(await frequencyOf(elsewhere)).toBe(oracle.frequency);
  });
});
