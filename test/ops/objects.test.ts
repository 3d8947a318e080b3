import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { sha256 } from '#ops/artefacts.ts';
import { openS3, type S3Settings } from '#ops/objects.ts';
import { type S3Server, startS3 } from '#test/support/s3-server.ts';

let server: S3Server;
let settings: S3Settings;
const bytes = new TextEncoder().encode('{"a":1}');

beforeAll(async () => {
  server = await startS3({
    id: 'AKIAEXAMPLE',
    secret: 'a/secret+with=signs',
    region: 'eu-central-1',
    bucket: 'models',
  });
  settings = {
    endpoint: server.endpoint,
    bucket: 'models',
    region: 'eu-central-1',
    accessKeyId: 'AKIAEXAMPLE',
    secretAccessKey: 'a/secret+with=signs',
  };
});
afterAll(() => server?.[Symbol.asyncDispose]());
beforeEach(() => void server.objects.clear());

describe('objects in S3, by a server that computes every signature itself', () => {
  test('what was put is got, byte for byte, under any key', async () => {
    const objects = openS3(settings);
    for (const key of ['artefacts/0f.json', 'a b/ü+%/c=d&e', '~x'])
      for (const value of [bytes, new Uint8Array([0, 255, 13, 10]), new Uint8Array(0)]) {
        await objects.put(key, value, 'application/json');
        expect(await objects.get(key)).toEqual(value);
        expect(server.objects.get(`models/${key}`)).toEqual(Buffer.from(value));
      }
  });

  test('an object that is not there is null', async () => {
    expect(await openS3(settings).get('nothing')).toBeNull();
  });

  test('what was removed is not there any more, and what was never there is as good as removed', async () => {
    const objects = openS3(settings);
    for (const key of ['a b/ü+%/c=d&e', 'kept']) await objects.put(key, bytes, 'application/json');
    for (let i = 0; i < 2; i++) await objects.remove('a b/ü+%/c=d&e');
    expect([...server.objects.keys()]).toEqual(['models/kept']);
  });

  test('a large file goes part by part: one that fails is sent again alone, and nothing of it is left where it cannot be ended', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'axiom47-objects-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'scores.gz');
    const file = randomBytes(17 * 2 ** 20);
    writeFileSync(path, file);
    const whole = { bytes: file.length, sha256: sha256(file) };
    const before = server.requests;
    // The second part finds the server busy.
    server.failures.push(0, 0, 503);
    await openS3(settings).putFile('exports/a b+c.gz', path, 'application/gzip', whole);
    expect(server.requests - before).toBe(1 + 3 + 1 + 1);
    expect(server.objects.get('models/exports/a b+c.gz')!.equals(file)).toBe(true);
    for (const failures of [[403], [0, 0, 403], [0, 0, 0, 0, 403]]) {
      server.failures.push(...failures);
      await expect(openS3(settings).putFile('other', path, 'application/gzip', whole)).rejects.toThrow(/SlowDown/);
    }
    // The file is another one than was told.
    await expect(
      openS3(settings).putFile('other', path, 'application/gzip', { ...whole, bytes: file.length + 1 }),
    ).rejects.toThrow(/shorter/);
    expect([server.uploads.size, [...server.objects.keys()]]).toEqual([0, ['models/exports/a b+c.gz']]);
    // A small one is one request, and its hash is believed to no one: the server computes it.
    writeFileSync(path, 'small');
    await openS3(settings).putFile('small', path, 'text/plain', { bytes: 5, sha256: sha256('small') });
    expect(server.objects.get('models/small')!.toString()).toBe('small');
    await expect(
      openS3(settings).putFile('small', path, 'text/plain', { bytes: 5, sha256: sha256('other') }),
    ).rejects.toThrow(/XAmzContentSHA256Mismatch/);
  });

  test('a busy server is asked again', async () => {
    server.failures.push(503, 500, 429);
    await openS3(settings).put('k', bytes, 'application/json');
    expect(server.objects.has('models/k')).toBe(true);
  });

  test.each([
    ['another secret', { secretAccessKey: 'other' }, /SignatureDoesNotMatch.*SECRET_ACCESS_KEY/],
    ['another region', { region: 'us-east-1' }, /SignatureDoesNotMatch.*REGION/],
    ['an unknown key', { accessKeyId: 'NOBODY' }, /InvalidAccessKeyId.*ACCESS_KEY_ID/],
    ['no such bucket', { bucket: 'other' }, /NoSuchBucket.*create it/],
    ['nobody there', { endpoint: 'http://127.0.0.1:1' }, /does not answer.*AXIOM47_S3_ENDPOINT/],
  ])('%s: one line saying what to do, and never the secret', async (_, changed: Partial<S3Settings>, words) => {
    const objects = openS3({ ...settings, ...changed });
    for (const attempt of [
      () => objects.put('k', bytes, 'application/json'),
      () => objects.get('k'),
      () => objects.remove('k'),
    ]) {
      const error = await attempt().then(
        () => null,
        (failure: Error) => failure,
      );
      expect(error?.message).toMatch(words);
      expect(error?.message).not.toContain(changed.secretAccessKey ?? settings.secretAccessKey);
    }
    expect(server.objects.size).toBe(0);
  });
});
