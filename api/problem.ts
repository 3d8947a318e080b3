// The one table from a reason to an HTTP status, and the shape of every refusal: RFC 9457 problem+json naming the field by JSON pointer.
import type { z } from 'zod';
import { jsonErrorPosition } from '#streams/gateway/json-position.ts';

/** reason → [status, title]. The domain knows reasons only; nothing outside this file knows a status. */
const table = {
  'not-json': [400, 'The body is not JSON'],
  'bad-json': [400, 'The body is not JSON'],
  'bad-field': [400, 'A field is missing or wrong'],
  'strict-rejected': [400, 'Refused as a whole: strict mode and at least one bad event'],
  'setup-token-invalid': [400, 'The setup link is wrong, used or older than 30 minutes'],
  'password-too-short': [400, 'The password is too short'],
  'password-too-common': [400, 'The password is one that guessing tools try first'],
  'bad-email': [400, 'The e-mail address is not one'],
  unauthenticated: [401, 'A credential is needed'],
  'wrong-password': [401, 'Not signed in'],
  'bad-credential': [401, 'The credential is wrong, expired or revoked'],
  forbidden: [403, 'This role may not do that'],
  'cross-origin': [403, 'The request comes from another site'],
  'not-loopback': [403, 'The local token is for this machine only'],
  'not-found': [404, 'There is no such thing here'],
  'unknown-customer': [404, 'No event of this customer is known'],
  'method-not-allowed': [405, 'This address answers another method'],
  conflict: [409, 'It contradicts what is there'],
  'version-conflict': [409, 'Somebody else changed it meanwhile'],
  'email-taken': [409, 'There is an account with this address'],
  'already-set-up': [409, 'An Administrator exists already'],
  'artefact-damaged': [409, 'The stored artefact was changed or is gone'],
  'job-ended': [409, 'The job has ended'],
  'job-not-ended': [409, 'The job has not ended'],
  'too-large': [413, 'The body is too large'],
  'too-many-items': [413, 'Too many items in one request'],
  'unsupported-media-type': [415, 'The content type is not accepted here'],
  'not-applicable': [422, 'The model does not apply'],
  'no-model': [422, 'No model is in force'],
  'as-of-future': [422, 'That moment has not come yet'],
  'as-of-before': [422, 'Nothing had happened yet at that moment'],
  'as-of-unknown': [422, 'The log does not reach that sequence'],
  'unknown-step': [422, 'The job cannot begin at that step'],
  'unknown-source': [422, 'No source of this name'],
  'idempotency-key-reused': [422, 'The idempotency key belongs to another request'],
  'gates-not-passed': [422, 'The version does not pass its gates'],
  'data-refused': [422, 'These data cannot answer that'],
  'bad-model': [422, 'The model file cannot be used'],
  erased: [410, 'The customer was erased'],
  'rate-limited': [429, 'Too many requests'],
  internal: [500, 'Something failed on our side'],
  'keyring-unavailable': [503, 'The keyring does not answer'],
  'store-unavailable': [503, 'The event store does not answer'],
  'objects-unavailable': [503, 'The object store does not answer'],
  'tables-unavailable': [503, 'The read models do not answer'],
  'past-busy': [503, 'Others wait for another past moment'],
  'export-busy': [503, 'Others read exports of theirs'],
  'not-ready': [503, 'Still starting'],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemReason = keyof typeof table;
/** Seconds after which asking again is worth it. */
const RETRY_AFTER: Partial<Record<ProblemReason, number>> = { 'past-busy': 10, 'export-busy': 10 };
export const isProblemReason = (code: unknown): code is ProblemReason =>
  typeof code === 'string' && Object.hasOwn(table, code);
export const statusOf = (reason: ProblemReason): number => table[reason][0];

export interface FieldProblem {
  /** RFC 6901 pointer into the body, or the name of a query or path parameter. */
  pointer: string;
  detail: string;
}

export class Problem extends Error {
  readonly reason: ProblemReason;
  readonly fields: FieldProblem[];
  readonly headers: Record<string, string>;
  readonly extra: Record<string, unknown>;
  constructor(
    reason: ProblemReason,
    detail: string,
    options: { fields?: FieldProblem[]; headers?: Record<string, string>; extra?: Record<string, unknown> } = {},
  ) {
    super(detail);
    this.name = 'Problem';
    this.reason = reason;
    this.fields = options.fields ?? [];
    const retryAfter = RETRY_AFTER[reason];
    this.headers = { ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }), ...options.headers };
    this.extra = options.extra ?? {};
  }
  get status(): number {
    return statusOf(this.reason);
  }
}

export const PROBLEM_TYPE = 'application/problem+json';

export function problemBody(problem: Problem, traceId: string): string {
  return JSON.stringify({
    type: `urn:axiom47:problem:${problem.reason}`,
    title: table[problem.reason][1],
    status: problem.status,
    detail: problem.message,
    reason: problem.reason,
    trace_id: traceId,
    ...(problem.fields.length > 0 && { errors: problem.fields }),
    ...problem.extra,
  });
}

export function problemResponse(problem: Problem, traceId: string): Response {
  return new Response(problemBody(problem, traceId), {
    status: problem.status,
    headers: {
      'content-type': PROBLEM_TYPE,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...problem.headers,
    },
  });
}

/** An error of another part that carries a known `code` keeps its meaning across threads; anything else is ours to mend. */
export function toProblem(error: unknown): Problem | null {
  if (error instanceof Problem) return error;
  const { code, message } = error as { code?: unknown; message?: string };
  return isProblemReason(code) && code !== 'internal' ? new Problem(code, message ?? code) : null;
}

const escapePointer = (part: PropertyKey): string => String(part).replaceAll('~', '~0').replaceAll('/', '~1');

/** zod's issues as pointers. `where` 'json' gives "/items/3/customer_id"; 'query' and 'param' give the parameter's name. */
export function validationProblem(error: z.core.$ZodError, where: string): Problem {
  const fields = error.issues.slice(0, 20).map((issue): FieldProblem => {
    const path = issue.path.map(escapePointer);
    return { pointer: where === 'json' ? `/${path.join('/')}` : path.join('.'), detail: issue.message };
  });
  const first = fields[0];
  return new Problem(
    'bad-field',
    first ? `${first.pointer || 'the body'}: ${first.detail}` : 'the request does not fit its schema',
    {
      fields,
    },
  );
}

/** JSON.parse with the position in the message, whatever the engine says. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const position = Math.max(0, jsonErrorPosition(text));
    const before = text.slice(0, position).split('\n');
    const what =
      text.trim() === ''
        ? 'the body is empty'
        : position >= text.length
          ? 'it ends too early'
          : 'this is where it stops being JSON';
    throw new Problem(
      'not-json',
      `position ${position} (line ${before.length}, column ${before.at(-1)!.length + 1}): ${what}`,
      {
        extra: { position },
      },
    );
  }
}
