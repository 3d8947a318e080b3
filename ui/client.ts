// The API as typed functions (Hono's `hc` over the type of the app) and its refusals as one error class. What comes back is either the answer
// or a problem+json with a title, a detail and a trace id to quote.
import { hc } from 'hono/client';
import type { App } from '#api/app.ts';

export const api = hc<App>('/');

export class Refused extends Error {
  readonly status: number;
  readonly title: string;
  readonly reason: string;
  readonly traceId: string | null;
  readonly fields: { pointer: string; detail: string }[];
  /** Seconds, when the server says how long to wait. */
  readonly retryAfter: number | null;
  constructor(problem: {
    status: number;
    title: string;
    detail: string;
    reason: string;
    traceId?: string | null;
    fields?: { pointer: string; detail: string }[];
    retryAfter?: number | null;
  }) {
    super(problem.detail);
    this.name = 'Refused';
    this.status = problem.status;
    this.title = problem.title;
    this.reason = problem.reason;
    this.traceId = problem.traceId ?? null;
    this.fields = problem.fields ?? [];
    this.retryAfter = problem.retryAfter ?? null;
  }
}

interface ProblemBody {
  title?: string;
  detail?: string;
  reason?: string;
  trace_id?: string;
  errors?: { pointer: string; detail: string }[];
}

async function refusalOf(response: { status: number; headers: Headers; text(): Promise<string> }): Promise<Refused> {
  const text = await response.text();
  let body: ProblemBody = {};
  try {
    body = JSON.parse(text) as ProblemBody;
  } catch {
    // Not ours: a proxy's page. Its status is all there is to say.
  }
  const wait = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new Refused({
    status: response.status,
    title: body.title ?? `The server answered ${response.status}`,
    detail: body.detail ?? 'no further word from the server',
    reason: body.reason ?? `http-${response.status}`,
    traceId: body.trace_id ?? null,
    fields: body.errors ?? [],
    retryAfter: Number.isFinite(wait) ? wait : null,
  });
}

/** What an `hc` call promises: a response of one of several statuses, whose 200, 201 or 202 carries the answer. */
interface Answerable {
  ok: boolean;
  status: number;
  headers: Headers;
  text(): Promise<string>;
  json(): Promise<unknown>;
}
type AnswerOf<R extends Answerable> = Awaited<ReturnType<Extract<R, { status: 200 | 201 | 202 }>['json']>>;

const unreachable = (error: unknown): Refused =>
  new Refused({
    status: 0,
    title: 'The server does not answer',
    detail: `${error instanceof Error ? error.message : String(error)}; is it running?`,
    reason: 'unreachable',
  });

/** A network without answer is a refusal too; so is one that breaks off amid the answer. */
const reached = <T>(asked: Promise<T>): Promise<T> =>
  asked.catch((error: unknown) => {
    // What is no JSON was an answer, if not ours.
    throw error instanceof SyntaxError ? error : unreachable(error);
  });

async function accepted<R extends Answerable>(call: Promise<R>): Promise<R> {
  const response = await reached(call);
  if (!response.ok) throw await reached(refusalOf(response));
  return response;
}

/** The answer of a call, or the refusal thrown. */
export async function answer<R extends Answerable>(call: Promise<R>): Promise<AnswerOf<R>> {
  const response = await accepted(call);
  return (await reached(response.json())) as AnswerOf<R>;
}

/** Of a route that the type of the app does not name (kinds of jobs are added at run time). @returns the answer's status and body. */
export async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  const sent = {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  };
  const response = await accepted(fetch(path, sent));
  return { status: response.status, body: (await reached(response.json())) as unknown };
}

/** For calls that answer without a body. */
export async function done(call: Promise<Answerable>): Promise<void> {
  await accepted(call);
}
