// Artefacts in an object store, by the program as a user has it: a model survives the loss of the folder that held it.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ClvGolden } from '../domain/models/golden-suites.ts';
import { golden } from '../support/histories.ts';
import { type Program, removeFolders, run, serve, temporaryFolder } from '../support/program.ts';
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

test('a model in force answers the same after its folder was lost, and without its object store it says what is missing', async () => {
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
  await program.stop();

  rmSync(join(dataDir, 'artefacts'), { recursive: true });
  const without = await run(['serve', '--data-dir', dataDir, '--port', '0']);
  expect(without.code).toBe(1);
  expect(without.stderr).toMatch(/artefact [0-9a-f]{12}… is missing from/);
  const wrong = await run(['serve', '--data-dir', dataDir, '--port', '0'], { env: env('another secret') });
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain('check AXIOM47_S3_SECRET_ACCESS_KEY');

  program = await serve(['--data-dir', dataDir], { env: env() });
  expect(await answerOf()).toEqual(before);
  expect(readdirSync(join(dataDir, 'artefacts'))).toEqual(kept);
});
