// The gate before a model serves: payments of a contract are imported, fitted and told about, and only a person puts their model in force.
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DAY_MS } from '#domain/time.ts';
import { fixture } from '../support/histories.ts';
import { type Program, removeFolders, run, serve, temporaryFolder } from '../support/program.ts';
import { simulateSubscribers } from '../support/purchases.ts';

interface Model {
  id: string;
  in_force: boolean;
}
interface Fitted {
  diagnostics: { code: string; message: string }[];
  checks: {
    holdout: { expected: number; actual: number; error: number; naiveError: number; fromDay: number; toDay: number };
    regularity: { shape: number; from: number; to: number };
    rhythm: { period: string; share: number };
  };
}

describe('a club with monthly payments', () => {
  const folder = temporaryFolder('misfit');
  const file = `${folder}/payments.csv`;
  const dataDir = `${folder}/main`;
  let program: Program;
  let imported: string;
  const axiom47 = (...args: string[]) => run([...args, '--data-dir', dataDir]);
  const inForce = async () =>
    (await program.json<Model[]>(['model', 'list'])).filter((model) => model.in_force).map(({ id }) => id);
  beforeAll(async () => {
    const rows = simulateSubscribers(400, 3).flatMap((days, i) =>
      days.map((day) => `member-${i},${new Date(day * DAY_MS).toISOString().slice(0, 10)},9.90`),
    );
    writeFileSync(file, ['customer_id,date,amount', ...rows, ''].join('\n'));
    program = await serve(['--empty', '--data-dir', dataDir]);
    imported = (await axiom47('import', file, '--source', 'club')).stderr;
  });
  afterAll(removeFolders);

  test('the import keeps the model in the registry, and says in one sentence why it does not serve and what to do', async () => {
    const line = imported.split('\n').find((each) => each.includes('NOT put in force'))!;
    expect(line).toMatch(
      /^model clv_model@1 was fitted but NOT put in force \(contract-like\): \d\d % of the intervals .* one month .*--kind subscription\).*axiom47 model deploy clv_model@1 --yes$/,
    );
    expect(await inForce()).toEqual([]);
  });

  test('fits from the log, from the log as it was, and from the file say the same', async () => {
    const asFitted = async (...args: string[]) => {
      const { checks, diagnostics } = (await run(['fit', 'bg-nbd', ...args, '--json'])).json<Fitted>();
      expect(diagnostics.map(({ code }) => code)).toContain('contract-like');
      return checks;
    };
    const fromLog = await asFitted('--from-log', '--data-dir', dataDir);
    const fromFile = await asFitted('--transactions', file);
    expect(fromLog.rhythm).toEqual(fromFile.rhythm);
    expect(fromLog.regularity).toEqual(fromFile.regularity);
    const { expected, ...counted } = fromLog.holdout;
    expect(fromFile.holdout).toMatchObject({ actual: counted.actual, fromDay: counted.fromDay, toDay: counted.toDay });
    expect(fromFile.holdout.expected / expected).toBeCloseTo(1, 6);
    // A year ago: fewer payments, the same rhythm; the position is that of today, so the past day is asked of the present log.
    const earlier = await asFitted('--from-log', '--as-of', '2024-12-31', '--data-dir', dataDir);
    expect(earlier.rhythm).toMatchObject({ period: 'month' });
    expect(earlier.holdout.toDay).toBeLessThan(counted.toDay);
  });

  test('deploying it needs --yes; the artefact holds what was found', async () => {
    const without = await axiom47('model', 'deploy', 'clv_model@1');
    expect(without.code).toBe(2);
    expect(without.stderr).toContain('is not put in force (fit-findings): contract-like: ');
    expect(without.stderr).toContain('--yes');
    expect(await inForce()).toEqual([]);
    expect((await axiom47('model', 'deploy', 'clv_model@1', '--yes')).code).toBe(0);
    expect(await inForce()).toEqual(['clv_model@1']);
  });

  test('a later refusal leaves the model in force as it is', async () => {
    const more = `${folder}/more.csv`;
    writeFileSync(more, 'customer_id,date,amount\nmember-new,2025-06-30,9.90\n');
    const { stderr } = await axiom47('import', more, '--source', 'club');
    expect(stderr).toContain('model clv_model@2 was fitted but NOT put in force (contract-like)');
    expect(await inForce()).toEqual(['clv_model@1']);
  });
});

describe('a shop', () => {
  const folder = temporaryFolder('fit');
  afterAll(removeFolders);
  test('whose customers buy at random is deployed by its import', async () => {
    const program = await serve(['--empty', '--data-dir', `${folder}/main`]);
    const { stderr } = await run(['import', fixture('clv_transactions.csv'), '--data-dir', `${folder}/main`]);
    expect(stderr).toContain('model clv_model@1 is in force');
    expect((await program.json<Model[]>(['model', 'list'])).map(({ in_force }) => in_force)).toEqual([true]);
  });
});
