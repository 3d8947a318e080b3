// As much of S3 as objects by key need, on loopback: it computes every signature anew from the request as it came (AWS Signature Version 4,
// docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html) and refuses what is not signed with its secret.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Uint8Array, text: string) => createHmac('sha256', key).update(text).digest();
const SKEW_MS = 15 * 60_000;
const LEAST_PART = 5 * 2 ** 20;
interface Answer {
  status: number;
  text?: string;
  etag?: string;
}

export interface S3Server extends AsyncDisposable {
  endpoint: string;
  /** By `bucket/key`. */
  objects: Map<string, Buffer>;
  /** Parts by number of what is being sent in parts, by upload. */
  uploads: Map<string, Map<number, Buffer>>;
  /** The next requests are answered so, in this order, before any is looked at; 0: as it should be. */
  failures: number[];
  requests: number;
}

export async function startS3(keys: { id: string; secret: string; region: string; bucket: string }): Promise<S3Server> {
  const objects = new Map<string, Buffer>();
  const uploads: S3Server['uploads'] = new Map();
  const failures: number[] = [];
  const state = { requests: 0 };

  function fault(request: IncomingMessage, body: Buffer): string | null {
    const form =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;
    const parts = form.exec(request.headers.authorization ?? '');
    if (!parts) return 'AccessDenied';
    const [, id, date, region, names, signature] = parts as unknown as string[];
    if (id !== keys.id) return 'InvalidAccessKeyId';
    const stamp = String(request.headers['x-amz-date']);
    const iso = stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
    if (!stamp.startsWith(date!) || !(Math.abs(Date.now() - Date.parse(iso)) < SKEW_MS)) return 'RequestTimeTooSkewed';
    const payload = String(request.headers['x-amz-content-sha256']);
    if (payload !== sha256(body)) return 'XAmzContentSHA256Mismatch';
    const signed = names!.split(';');
    if (!['host', 'x-amz-date', 'x-amz-content-sha256'].every((name) => signed.includes(name))) return 'AccessDenied';
    const [path, query = ''] = request.url!.split('?');
    const canonical = [
      request.method,
      path,
      query,
      ...signed.map((name) => `${name}:${String(request.headers[name]).trim()}`),
      '',
      names,
      payload,
    ].join('\n');
    const scope = `${date}/${keys.region}/s3/aws4_request`;
    const key = hmac(hmac(hmac(hmac(`AWS4${keys.secret}`, date!), keys.region), 's3'), 'aws4_request');
    const wanted = hmac(key, ['AWS4-HMAC-SHA256', stamp, scope, sha256(canonical)].join('\n'));
    if (region !== keys.region || !timingSafeEqual(wanted, Buffer.from(signature!, 'hex')))
      return 'SignatureDoesNotMatch';
    return request.url!.startsWith(`/${keys.bucket}/`) ? null : 'NoSuchBucket';
  }

  /** Create, upload a part, complete and abort, as docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html has them. */
  function inParts(method: string, name: string, query: URLSearchParams, body: Buffer): Answer {
    const refuse = (status: number, code: string) => ({ status, text: `<Error><Code>${code}</Code></Error>` });
    if (method === 'POST' && query.has('uploads')) {
      const id = `${name} / ${uploads.size}+=`;
      uploads.set(id, new Map());
      return {
        status: 200,
        text: `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
      };
    }
    const id = query.get('uploadId') ?? '';
    const parts = uploads.get(id);
    if (!parts) return refuse(404, 'NoSuchUpload');
    if (method === 'PUT') {
      parts.set(Number(query.get('partNumber')), body);
      return { status: 200, etag: `"${sha256(body)}"` };
    }
    uploads.delete(id);
    if (method === 'DELETE') return { status: 204 };
    const named = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>([^<]+)<\/ETag>/g)];
    const whole = named.flatMap(([, number, etag]) => {
      const part = parts.get(Number(number));
      return part && etag === `"${sha256(part)}"` ? [part] : [];
    });
    // An answer that has begun cannot take its status back.
    if (whole.length !== named.length || whole.length === 0) return { ...refuse(200, 'InvalidPart') };
    if (whole.slice(0, -1).some((part) => part.length < LEAST_PART)) return refuse(400, 'EntityTooSmall');
    objects.set(name, Buffer.concat(whole));
    return { status: 200, text: '<CompleteMultipartUploadResult/>' };
  }

  const server = createServer(async (request, response) => {
    state.requests++;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const refuse = (status: number, code: string) =>
      response.writeHead(status, { 'content-type': 'application/xml' }).end(`<Error><Code>${code}</Code></Error>`);
    const failing = failures.shift();
    if (failing) return refuse(failing, 'SlowDown');
    const code = fault(request, body);
    if (code !== null) return refuse(code === 'NoSuchBucket' ? 404 : 403, code);
    const [path, query] = request.url!.split('?');
    const name = decodeURIComponent(path!.slice(1));
    if (query !== undefined) {
      const { status, text = '', etag } = inParts(request.method!, name, new URLSearchParams(query), body);
      return response.writeHead(status, etag === undefined ? {} : { etag }).end(text);
    }
    if (request.method === 'PUT') {
      objects.set(name, body);
      return response.writeHead(200).end();
    }
    if (request.method === 'DELETE') {
      objects.delete(name);
      return response.writeHead(204).end();
    }
    const found = objects.get(name);
    return found ? response.writeHead(200).end(found) : refuse(404, 'NoSuchKey');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    uploads,
    failures,
    get requests() {
      return state.requests;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
