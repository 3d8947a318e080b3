// Objects by key in S3 or anything that speaks it (MinIO, Ceph, R2 …): what is kept outside this machine. Signed requests (Signature Version 4),
// the hash of the body among what is signed, addresses by path (`endpoint/bucket/key`).
import { open, readFile } from 'node:fs/promises';
import { AwsClient } from 'aws4fetch';
import { sha256 } from './artefacts.ts';

export interface Objects {
  /** Stored when it resolves; the same key again is replaced. */
  put(key: string, bytes: Uint8Array<ArrayBuffer>, contentType: string): Promise<void>;
  /** The same of a file, a large one part by part. @param whole its length, and its SHA-256, hex. */
  putFile(key: string, path: string, contentType: string, whole: { bytes: number; sha256: string }): Promise<void>;
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
/** Until an answer begins, repeats among it; two seconds more for each megabyte that is sent. */
const TIMEOUT_MS = 30_000;
const MS_PER_BYTE = 2e-3;
/** Of one request; refusals are not repeated, only 429 and 5xx (by the library, 50 ms doubling). */
const RETRIES = 5;
/** Longer files are sent in parts: one that fails is sent again alone, and memory holds one of them. S3 takes 10,000 at most, none but the last below 5 MiB. */
const PART = 8 * 2 ** 20;
const MOST_PARTS = 10_000;

export function openS3({ endpoint, bucket, region, accessKeyId, secretAccessKey }: S3Settings): Objects {
  const client = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: RETRIES });
  const base = `${endpoint.replace(/\/+$/, '')}/${encodeURIComponent(bucket)}`;
  const urlOf = (key: string) => `${base}/${key.split('/').map(encodeURIComponent).join('/')}`;

  interface Asked {
    method: string;
    key: string;
    /** In the order in which it is signed. */
    query?: string;
    body?: Uint8Array<ArrayBuffer>;
    /** SHA-256 of the body, hex. */
    digest?: string;
    contentType?: string;
  }
  async function request({ method, key, query, body, digest = sha256(''), contentType }: Asked): Promise<Response> {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), TIMEOUT_MS + MS_PER_BYTE * (body?.length ?? 0));
    const headers = {
      'x-amz-content-sha256': digest,
      ...(contentType !== undefined && { 'content-type': contentType }),
    };
    try {
      const url = query === undefined ? urlOf(key) : `${urlOf(key)}?${query}`;
      return await client.fetch(url, { method, headers, signal: abort.signal, ...(body && { body }) });
    } catch (cause) {
      throw new ObjectsError(
        `the object store at ${endpoint} does not answer; start it, or correct AXIOM47_S3_ENDPOINT`,
        { cause },
      );
    } finally {
      clearTimeout(timer);
    }
  }
  /** To its end, so that the connection can be used again; how long that takes depends on its length, and what stands still is given up by fetch itself. */
  async function bodyOf(response: Response): Promise<Uint8Array> {
    try {
      return new Uint8Array(await response.arrayBuffer());
    } catch (cause) {
      throw new ObjectsError(`the object store at ${endpoint} broke off in the middle of its answer; ask again`, {
        cause,
      });
    }
  }
  const textOf = async (response: Response) => new TextDecoder().decode(await bodyOf(response));
  function refused(what: string, key: string, status: number, text: string): ObjectsError {
    const code = /<Code>([^<]+)<\/Code>/.exec(text)?.[1] ?? `HTTP ${status}`;
    const advice = ADVICE[code];
    return new ObjectsError(
      `the object store at ${endpoint} did not ${what} ${key} in bucket ${bucket} (${code})${advice ? `: ${advice}` : ''}`,
    );
  }
  const isAbsent = ({ status }: Response, { message }: Error) => status === 404 && message.includes('(NoSuchKey)');

  async function store(asked: Asked): Promise<{ response: Response; text: string }> {
    const response = await request(asked);
    const text = await textOf(response);
    // Putting parts together may fail after its answer has begun: with 200 and an error in it.
    if (!response.ok || text.includes('<Error>')) throw refused('store', asked.key, response.status, text);
    return { response, text };
  }

  async function putParts(key: string, path: string, contentType: string, bytes: number): Promise<void> {
    const begun = await store({ method: 'POST', key, query: 'uploads=', contentType });
    const upload = /<UploadId>([^<]+)<\/UploadId>/.exec(begun.text)?.[1];
    if (upload === undefined) throw refused('begin to store', key, begun.response.status, begun.text);
    const id = `uploadId=${encodeURIComponent(upload)}`;
    try {
      const size = Math.max(PART, Math.ceil(bytes / MOST_PARTS));
      const parts: string[] = [];
      await using file = await open(path);
      for (let at = 0; at < bytes; at += size) {
        const body = new Uint8Array(Math.min(size, bytes - at));
        const { bytesRead } = await file.read(body, 0, body.length, at);
        if (bytesRead !== body.length) throw new Error(`${path} has become shorter while it was sent`);
        const number = parts.length + 1;
        const query = `partNumber=${number}&${id}`;
        const { response } = await store({ method: 'PUT', key, query, body, digest: await digestBeside(body) });
        parts.push(`<Part><PartNumber>${number}</PartNumber><ETag>${response.headers.get('etag')}</ETag></Part>`);
      }
      const list = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
      const body = new TextEncoder().encode(list);
      await store({ method: 'POST', key, query: id, body, digest: sha256(body), contentType: 'application/xml' });
    } catch (error) {
      // What was sent is let go of, if the store still answers; why it failed is the news, not whether that worked.
      await request({ method: 'DELETE', key, query: id }).then(bodyOf, () => undefined);
      throw error;
    }
  }

  return {
    async put(key, body, contentType) {
      await store({ method: 'PUT', key, body, digest: sha256(body), contentType });
    },
    async putFile(key, path, contentType, { bytes, sha256: digest }) {
      if (bytes > PART) return await putParts(key, path, contentType, bytes);
      await store({ method: 'PUT', key, body: await readFile(path), digest, contentType });
    },
    async get(key) {
      const response = await request({ method: 'GET', key });
      if (response.ok) return await bodyOf(response);
      const error = refused('give', key, response.status, await textOf(response));
      if (isAbsent(response, error)) return null;
      throw error;
    },
    async remove(key) {
      const response = await request({ method: 'DELETE', key });
      const text = await textOf(response);
      if (response.ok) return;
      const error = refused('remove', key, response.status, text);
      if (!isAbsent(response, error)) throw error;
    },
  };
}

/** In a thread of the runtime: requests are answered meanwhile. */
async function digestBeside(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
}
