import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
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
