// Artefacts in an object store, by the program as a user has it: a model and a file of scores survive the loss of the folders that held them.
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ClvGolden } from '../domain/models/golden-suites.ts';
import { golden } from '../support/histories.ts';
import { type Program, removeFolders, run, serve, temporaryFolder } from '../support/program.ts';
import { jobsOf } from '../support/program-jobs.ts';
import { type S3Server, startS3 } from '../support/s3-server.ts';
import { deploy } from './model-suites.ts';

const folder = temporaryFolder('artefacts');
const dataDir = join(folder, 'main');
let s3: S3Server;
let program: Program;
const env = (secret = 'a secret') => ({
  AXIOM47_S3_ENDPOINT: s3.endpoint,
  AXIOM47_S3_BUCKET: 'models',
  AXIOM47_S3_REGION: 'eu-central-1',
  AXIOM47_S3_ACCESS_KEY_ID: 'KEY',
  AXIOM47_S3_SECRET_ACCESS_KEY: secret,
});

beforeAll(async () => {
  s3 = await startS3({ id: 'KEY', secret: 'a secret', region: 'eu-central-1', bucket: 'models' });
  program = await serve(['--empty', '--data-dir', dataDir], { env: env() });
});
afterAll(async () => {
  await removeFolders();
  await s3?.[Symbol.asyncDispose]();
});

const scoresOf = async (id: string): Promise<string> => {
  const headers = { authorization: `Bearer ${program.token}` };
  return await (await fetch(new URL(`/api/jobs/${id}/result`, program.served.url), { headers })).text();
};

test('a model in force answers the same after its folder was lost, and without its object store it says what is missing; so do scores', async () => {
  const { bgnbd_params: bgNbd, gammagamma_params: gammaGamma } = golden<ClvGolden>('clv.json');
  await deploy(program, folder, { bgNbd, gammaGamma });
  const question = { summary: { frequency: 3, recency: 20, T: 30, monetary_value: 40 } };
  const answerOf = async () => {
    const { clv_mean, clv_p95 } = await program.call<Record<string, number>>('POST', '/api/predict/clv', question);
    return { clv_mean, clv_p95 };
  };
  const before = await answerOf();
  const kept = readdirSync(join(dataDir, 'artefacts'));
  expect([...s3.objects.keys()].sort()).toEqual(kept.map((name) => `models/artefacts/${name}`).sort());
  const orders = join(folder, 'orders.csv');
  writeFileSync(orders, 'order,customer,date,amount\n1,a,2026-01-05,20\n2,a,2026-02-01,30\n3,b,2026-02-03,10\n');
  await program.json(['import', orders, '--currency', 'EUR']);
  const { ask, ended } = jobsOf<{ rows: number }>(() => program, 60_000);
  // The first that is sent of it, the output of a step, finds the store busy.
  s3.failures.push(503);
  const { id } = await ask('score', {});
  expect(await ended(id)).toMatchObject({ status: 'succeeded', failure: null, result: { rows: 2 } });
  const scores = await scoresOf(id);
  expect(scores.trimEnd().split('\n')).toHaveLength(3);
  expect([...s3.objects.keys()].filter((key) => !key.startsWith('models/artefacts/'))).toEqual([
    `models/exports/scores-${id}.csv.gz`,
  ]);
  await program.stop();

  rmSync(join(dataDir, 'exports'), { recursive: true });
  rmSync(join(dataDir, 'artefacts'), { recursive: true });
  const without = await run(['serve', '--data-dir', dataDir, '--port', '0']);
  expect(without.code).toBe(1);
  expect(without.stderr).toMatch(/artefact [0-9a-f]{12}… is missing from/);
  const wrong = await run(['serve', '--data-dir', dataDir, '--port', '0'], { env: env('another secret') });
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain('check AXIOM47_S3_SECRET_ACCESS_KEY');

  program = await serve(['--data-dir', dataDir], { env: env() });
  expect(await answerOf()).toEqual(before);
  expect(readdirSync(join(dataDir, 'artefacts'))).toEqual(expect.arrayContaining(kept));
  expect(await scoresOf(id)).toBe(scores);
});
