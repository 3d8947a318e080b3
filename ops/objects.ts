// Objects by key in S3 or anything that speaks it (MinIO, Ceph, R2 …): what is kept outside this machine. Signed requests (Signature Version 4),
// the hash of the body among what is signed, addresses by path (`endpoint/bucket/key`).
import { AwsClient } from 'aws4fetch';
import { sha256 } from './artefacts.ts';

export interface Objects {
  /** Stored when it resolves; the same key again is replaced. */
  put(key: string, bytes: Uint8Array<ArrayBuffer>, contentType: string): Promise<void>;
  /** null: there is no such object. */
  get(key: string): Promise<Uint8Array | null>;
  /** Gone when it resolves, or it was not there. */
  remove(key: string): Promise<void>;
}

export interface S3Settings {
  /** `https://host[:port]`, without the bucket. */
  endpoint: string;
  bucket: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

export class ObjectsError extends Error {
  override readonly name = 'ObjectsError';
  readonly code = 'objects-unavailable';
}

/** Of S3's own error codes: what to do about each. */
const ADVICE: Record<string, string> = {
  NoSuchBucket: 'create it, or name another in AXIOM47_S3_BUCKET',
  AccessDenied: 'give that key the right to read, write and delete there',
  InvalidAccessKeyId: 'check AXIOM47_S3_ACCESS_KEY_ID',
  SignatureDoesNotMatch: 'check AXIOM47_S3_SECRET_ACCESS_KEY and AXIOM47_S3_REGION',
  RequestTimeTooSkewed: 'the clock of this machine is wrong',
};
const TIMEOUT_MS = 30_000;
/** Of one request; refusals are not repeated, only 429 and 5xx (by the library, 50 ms doubling). */
const RETRIES = 5;

export function openS3({ endpoint, bucket, region, accessKeyId, secretAccessKey }: S3Settings): Objects {
  const client = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: RETRIES });
  const base = `${endpoint.replace(/\/+$/, '')}/${encodeURIComponent(bucket)}`;
  const urlOf = (key: string) => `${base}/${key.split('/').map(encodeURIComponent).join('/')}`;

  async function request(key: string, init: RequestInit): Promise<Response> {
    try {
      return await client.fetch(urlOf(key), { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch (cause) {
      throw new ObjectsError(
        `the object store at ${endpoint} does not answer; start it, or correct AXIOM47_S3_ENDPOINT`,
        { cause },
      );
    }
  }
  async function refused(what: string, key: string, response: Response): Promise<ObjectsError> {
    const code = /<Code>([^<]+)<\/Code>/.exec(await response.text())?.[1] ?? `HTTP ${response.status}`;
    const advice = ADVICE[code];
    return new ObjectsError(
      `the object store at ${endpoint} did not ${what} ${key} in bucket ${bucket} (${code})${advice ? `: ${advice}` : ''}`,
    );
  }

  const isAbsent = ({ status }: Response, { message }: Error) => status === 404 && message.includes('(NoSuchKey)');

  return {
    async put(key, bytes, contentType) {
      const headers = { 'content-type': contentType, 'x-amz-content-sha256': sha256(bytes) };
      const response = await request(key, { method: 'PUT', body: bytes, headers });
      if (!response.ok) throw await refused('store', key, response);
      await response.arrayBuffer(); // Read to its end, so that the connection can be used again.
    },
    async get(key) {
      const response = await request(key, { method: 'GET', headers: { 'x-amz-content-sha256': sha256('') } });
      if (response.ok) return new Uint8Array(await response.arrayBuffer());
      const error = await refused('give', key, response);
      if (isAbsent(response, error)) return null;
      throw error;
    },
    async remove(key) {
      const response = await request(key, { method: 'DELETE', headers: { 'x-amz-content-sha256': sha256('') } });
      if (response.ok) return void (await response.arrayBuffer());
      const error = await refused('remove', key, response);
      if (!isAbsent(response, error)) throw error;
    },
  };
}
