// Files of scorings in an object store, by a server that computes every signature itself: what a job has put out lies there byte for byte, comes back to a
// disk that lost it, and is gone when its time is over, also where the store fails in between.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { sha256 } from '#ops/artefacts.ts';
import { type Objects, openS3 } from '#ops/objects.ts';
import type { scoreBase } from '#processors/scoring/score-base.ts';
import { type S3Server, startS3 } from '#test/support/s3-server.ts';
import type { Order } from './support/memory-log.ts';
import { createPlatform } from './support/platform.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers are compared field by field.
type Answer = any;

const BUYERS: Order[] = Array.from({ length: 60 }, (_, i) =>
  ['2025-01-02', '2025-03-01', '2025-05-20'].slice(0, 1 + (i % 3)).map((day) => ({
    customer: `somebody-${i}`,
    day,
    amount: 20 + (i % 7),
  })),
).flat();

let s3: S3Server;
let objects: Objects;
beforeAll(async () => {
  s3 = await startS3({ id: 'KEY', secret: 'a/secret+', region: 'eu-central-1', bucket: 'shop' });
  const settings = { endpoint: s3.endpoint, bucket: 'shop', region: 'eu-central-1' };
  objects = openS3({ ...settings, accessKeyId: 'KEY', secretAccessKey: 'a/secret+' });
});
afterAll(() => s3?.[Symbol.asyncDispose]());
beforeEach(() => {
  s3.objects.clear();
  s3.failures.length = 0;
});

async function shop(options: Parameters<typeof createPlatform>[0] = {}) {
  const platform = await createPlatform({ objects, customers: 300, ...options });
  await platform.deployCdnow();
  platform.orders(BUYERS);
  // One asker: a role has another key at each request.
  const headers = { authorization: `Bearer ${await platform.key('admin')}`, 'content-type': 'application/json' };
  const send = (method: string, path: string, body?: object) =>
    platform.app.request(path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  const answer = async (method: string, path: string, body?: object) => {
    const response = await send(method, path, body);
    return { status: response.status, body: (await response.json()) as Answer };
  };
  const waited = async (id: string): Promise<Answer> => {
    await (await send('GET', `/api/jobs/${id}/events`)).text();
    return (await answer('GET', `/api/jobs/${id}`)).body;
  };
  return {
    platform,
    folder: platform.exportsFolder,
    answer,
    scored: async (body: object) => await waited((await answer('POST', '/api/jobs/score', body)).body.id),
    async retried(id: string) {
      expect((await answer('POST', `/api/jobs/${id}/retry`, {})).status).toBe(202);
      return await waited(id);
    },
    async fileOf(id: string) {
      const response = await send('GET', `/api/jobs/${id}/result`);
      expect(response.status).toBe(200);
      return Buffer.from(await response.arrayBuffer());
    },
  };
}

test('a job that was cut short goes on, its file is sent again to a busy store, and comes back from there once for all who ask', async () => {
  let left = 2;
  const scoring =
    (score: typeof scoreBase): typeof scoreBase =>
    (store, work, say) =>
      score(store, work, {
        ...say,
        part(part) {
          if (left-- === 0) throw new Error('the process dies here');
          say.part(part);
        },
      });
  const { folder, scored, retried, fileOf } = await shop({ scoring });
  const broken = await scored({ format: 'ndjson', identified: true });
  expect(broken).toMatchObject({ status: 'failed', failure: { reason: 'error' } });
  expect(s3.objects.size).toBe(0);
  left = 100;
  s3.failures.push(503);
  const { id, result, status } = await retried(broken.id);
  expect([status, result.rows, s3.failures]).toEqual(['succeeded', 60, []]);
  const name = `scores-${id}.ndjson.gz`;
  expect([...s3.objects.keys()]).toEqual([`shop/exports/${name}`]);
  const stored = s3.objects.get(`shop/exports/${name}`)!;
  expect(sha256(stored)).toBe(result.file.sha256);
  expect(stored.equals(readFileSync(join(folder, name)))).toBe(true);
  // Names are put in for who may see them: what lies outside knows none.
  expect(gunzipSync(stored).toString()).not.toMatch(/somebody|customer_id/);
  const file = await fileOf(id);
  expect(file.toString().match(/"customer_id":"somebody-/g)).toHaveLength(60);
  rmSync(join(folder, name));
  const asked = s3.requests;
  for (const again of await Promise.all([fileOf(id), fileOf(id)])) expect(again.equals(file)).toBe(true);
  expect(s3.requests - asked).toBe(1);
  expect(readdirSync(folder)).toEqual([name]);
});

test('CSV and Parquet, too, are read from the store when the whole folder was lost', async () => {
  const { folder, scored, fileOf } = await shop();
  const csv = await scored({});
  const parquet = await scored({ format: 'parquet' });
  const files = [await fileOf(csv.id), await fileOf(parquet.id)] as const;
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
  expect((await fileOf(csv.id)).equals(files[0])).toBe(true);
  const rowsOf = async (file: Buffer) =>
    await parquetReadObjects({
      file: file.buffer.slice(file.byteOffset, file.byteOffset + file.length) as ArrayBuffer,
    });
  const rows = await rowsOf(await fileOf(parquet.id));
  expect(rows).toHaveLength(60);
  expect(rows).toEqual(await rowsOf(files[1]));
});

test('a store that refuses the file fails the job in its own words; a retry sends it without scoring anybody again', async () => {
  let made = 0;
  const scoring =
    (score: typeof scoreBase): typeof scoreBase =>
    (...asked) => {
      made++;
      return score(...asked);
    };
  const { scored, retried, folder } = await shop({ scoring });
  s3.failures.push(403);
  const refused = await scored({});
  const message = expect.stringMatching(/did not store exports\/scores-.* in bucket shop \(SlowDown\)/);
  expect(refused).toMatchObject({ status: 'failed', failure: { reason: 'error', message } });
  expect(await retried(refused.id)).toMatchObject({ status: 'succeeded', result: { rows: 60 } });
  expect([made, s3.objects.size, readdirSync(folder)]).toEqual([1, 1, [`scores-${refused.id}.csv.gz`]]);
});

test('a download says whether the store is away for now, the file there is another one, or it is nowhere', async () => {
  const { scored, answer, folder } = await shop();
  const { id } = await scored({});
  const name = `scores-${id}.csv.gz`;
  rmSync(join(folder, name));
  const asked = () => answer('GET', `/api/jobs/${id}/result`);
  s3.failures.push(403);
  expect(await asked()).toMatchObject({ status: 503, body: { reason: 'objects-unavailable' } });
  const stored = s3.objects.get(`shop/exports/${name}`)!;
  s3.objects.set(`shop/exports/${name}`, stored.subarray(1));
  expect(await asked()).toMatchObject({ status: 409, body: { reason: 'artefact-damaged' } });
  s3.objects.clear();
  expect(await asked()).toMatchObject({ status: 404, body: { reason: 'not-found' } });
  expect(readdirSync(folder)).toEqual([]);
});

test('a file whose time is over is nobody’s any more although the store was away, which lets go of it with the next one', async () => {
  const { scored, answer, folder } = await shop({ retention: { files: 1, days: 30 } });
  const first = await scored({});
  // The second one's file goes through, the removal of the first one's does not.
  s3.failures.push(0, 403);
  const second = await scored({});
  expect([second.status, s3.objects.size]).toEqual(['succeeded', 2]);
  expect((await answer('GET', `/api/jobs/${first.id}/result`)).status).toBe(404);
  const third = await scored({});
  expect([...s3.objects.keys()]).toEqual([`shop/exports/scores-${third.id}.csv.gz`]);
  expect(readdirSync(folder)).toEqual([`scores-${third.id}.csv.gz`]);
});
