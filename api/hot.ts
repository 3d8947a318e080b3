// The hot route, `POST /api/predict/churn` by id, as ONE function in front of Hono: cached credential → compiled check → token bucket →
// columns → answer → counters. Everything it is not sure of goes to the Hono route of the same name, which gives the same answers.
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { LONGEST_HORIZON_DAYS } from '#domain/models/clv-model.ts';
import { type App, coreOf, problemFrom, traceOf } from './app.ts';
import type { Deps } from './deps.ts';
import { PROBLEM_TYPE, problemBody } from './problem.ts';

const PATH = '/api/predict/churn';
/** A question by id is some 40 bytes; longer bodies are items, and not hot. */
const HOT_BODY = 1024;

interface HotQuestion {
  customerId: string;
  /** null = the one of the definition of churn. */
  horizonDays: number | null;
  strict: boolean;
}

/** The compiled check: the question when it is one by id at the present, null for anything else. */
export function hotQuestion(body: unknown): HotQuestion | null {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return null;
  let customerId: string | null = null;
  let horizonDays: number | null = null;
  let strict = false;
  for (const key in body) {
    const value = (body as Record<string, unknown>)[key];
    if (key === 'customer_id' && typeof value === 'string') customerId = value.trim();
    else if (key === 'horizon_days' && typeof value === 'number') horizonDays = value;
    else if (key === 'strict' && typeof value === 'boolean') strict = value;
    else return null;
  }
  if (customerId === null || customerId.length === 0 || customerId.length > 256) return null;
  for (let i = 0; i < customerId.length; i++) {
    const code = customerId.charCodeAt(i);
    if (code < 32 || code === 127) return null;
  }
  const served = horizonDays === null || (horizonDays > 0 && horizonDays <= LONGEST_HORIZON_DAYS);
  return served ? { customerId, horizonDays, strict } : null;
}

export function createListener(app: App, deps: Deps): RequestListener {
  const { admission, predictions } = coreOf(app);
  const { authenticator } = admission;
  const timer = deps.metrics.route('POST', PATH);
  const honoListener = getRequestListener(app.fetch);

  /** The Hono route with a body that was read already. */
  async function slow(req: IncomingMessage, res: ServerResponse, body: Buffer<ArrayBuffer>): Promise<void> {
    const headers = new Headers();
    for (const [name, value] of Object.entries(req.headers))
      if (value !== undefined && !name.startsWith(':'))
        headers.set(name, Array.isArray(value) ? value.join(', ') : value);
    const request = new Request(`http://${req.headers.host ?? 'localhost'}${PATH}`, {
      method: 'POST',
      headers,
      body: body.length > 0 ? body : null,
    });
    const answer = await app.fetch(request, { incoming: req });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const out: Record<string, string> = { 'content-length': String(bytes.length) };
    answer.headers.forEach((value, name) => {
      out[name] = value;
    });
    res.writeHead(answer.status, out).end(bytes);
  }

  /** True when the request was answered here. */
  function answer(req: IncomingMessage, res: ServerResponse, body: Buffer, begin: number): boolean {
    const { authorization } = req.headers;
    const principal = authorization === undefined ? undefined : authenticator.cached(authorization);
    if (!principal) return false;
    let question: HotQuestion | null;
    try {
      question = hotQuestion(JSON.parse(body.toString('utf8')));
    } catch {
      return false;
    }
    if (!question) return false;
    let status = 200;
    try {
      admission.pay(principal, req.socket.remoteAddress);
      admission.allow(principal, 'predict');
      const made = predictions.churnNow(question.customerId, question.horizonDays, question.strict);
      if (made === null) return false;
      const text = JSON.stringify(made);
      const length = Buffer.byteLength(text);
      res.writeHead(200, {
        'content-type': 'application/json',
        'content-length': length,
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      });
      // All ASCII (an id may not be): latin1 says so, and is written without being encoded.
      res.end(text, length === text.length ? 'latin1' : 'utf8');
    } catch (error) {
      const traceId = traceOf(req.headers.traceparent as string | undefined);
      const problem = problemFrom(error, traceId, deps);
      if (problem.reason !== 'rate-limited') deps.metrics.refused(problem.reason);
      status = problem.status;
      const headers = {
        'content-type': PROBLEM_TYPE,
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      };
      res.writeHead(status, { ...headers, ...problem.headers }).end(problemBody(problem, traceId));
    }
    timer.observe(status, (performance.now() - begin) / 1000);
    return true;
  }

  function hot(req: IncomingMessage, res: ServerResponse): void {
    const begin = performance.now();
    let body: Buffer<ArrayBuffer> | null = null;
    req.on('data', (chunk: Buffer<ArrayBuffer>) => {
      body = body === null ? chunk : Buffer.concat([body, chunk]);
    });
    req.on('end', () => {
      const whole = body ?? Buffer.alloc(0);
      if (answer(req, res, whole, begin)) return;
      slow(req, res, whole).catch((error: unknown) => {
        deps.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'request failed');
        if (!res.headersSent) res.writeHead(500);
        res.end();
      });
    });
    // The client went away: there is nobody to answer.
    req.on('error', () => res.destroy());
  }

  return (req, res) => {
    if (req.url === PATH && req.method === 'POST' && Number(req.headers['content-length'] ?? HOT_BODY + 1) <= HOT_BODY)
      hot(req, res);
    else void honoListener(req, res);
  };
}

/** A node:http server with limits against slow and endless clients; the caller listens and closes. */
export function createHttpServer(app: App, deps: Deps): Server {
  const server = createServer(
    { keepAliveTimeout: 65_000, headersTimeout: 10_000, requestTimeout: 60_000 },
    createListener(app, deps),
  );
  server.maxRequestsPerSocket = 0;
  return server;
}
