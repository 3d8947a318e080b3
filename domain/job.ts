// Long work somebody asked for (a backtest, later a training or a scoring) as a stream of events: asked, taken up, step by step, ended. The log
// says what state it is in; progress in between is nobody's fact. Its id is made of the idempotency key, so the stream itself keeps one key
// from asking twice.
import { z } from 'zod';
import { canonicalJson } from './canonical-json.ts';
import type { Decider, EventOf } from './decider.ts';
import { ok, type Result, refuse } from './result.ts';

/** ms. */
const at = z.number();
/** 1 for the first time it is taken up; whoever took up an earlier one has no say any more. */
const attempt = z.int().min(1);
/** SHA-256 of an artefact, hex. */
const digest = z.string().regex(/^[0-9a-f]{64}$/);

const requested = z.object({
  kind: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  /** As they were asked with; no personal data. */
  params: z.record(z.string(), z.json()),
  /** Who asked: a user's or key's id, or 'cli'. */
  by: z.string(),
  at,
});
/** refused: what was asked cannot be done with these data. error: it went wrong. interrupted: the process died under it too often. */
export const JOB_FAILURES = ['refused', 'error', 'interrupted'] as const;
const failure = z.object({
  reason: z.enum(JOB_FAILURES),
  /** For programs, where the kind of job tells its refusals apart. */
  code: z.string().optional(),
  message: z.string(),
});

export const events = {
  'job.requested': { version: 1, data: requested },
  'job.started': { version: 1, data: z.object({ attempt, at }) },
  /** Its output is an artefact: a later attempt takes it from there instead of doing it again. */
  'job.step-finished': { version: 1, data: z.object({ attempt, step: z.string().min(1), output: digest, at }) },
  'job.succeeded': { version: 1, data: z.object({ attempt, result: digest, at }) },
  'job.failed': { version: 1, data: failure.extend({ attempt, at }) },
  'job.cancelled': { version: 1, data: z.object({ at }) },
  /** Its process was stopped in good order and leaves it to the next one: that attempt is no sign that the job kills it. */
  'job.released': { version: 1, data: z.object({ attempt, at }) },
  /** To be done once more, after that attempt; finished steps stay, but for those to be done again: from the one it was asked to begin at. */
  'job.retried': {
    version: 2,
    data: z.object({ after: z.int().min(0), at, again: z.array(z.string().min(1)) }),
    upcast: (data: unknown) => ({ again: [], ...(data as object) }),
  },
} as const;
export type JobEvent = EventOf<typeof events>;

export const JOB_STATUSES = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];
/** One time it was taken up. */
export interface JobAttempt {
  attempt: number;
  startedAt: number;
  /** Null while it runs, and for ever when its process died without a word. */
  endedAt: number | null;
}
export interface Job {
  kind: string;
  params: Readonly<Record<string, unknown>>;
  by: string;
  status: JobStatus;
  /** The last one that was taken up; 0 before the first. */
  attempt: number;
  /** How often it was taken up since it was asked for, or asked for again, and not released. */
  tries: number;
  attempts: readonly JobAttempt[];
  /** In the order they were finished in, without those that are to be done again; `at` is then. */
  steps: readonly { step: string; output: string; attempt: number; at: number }[];
  result: string | null;
  failure: z.infer<typeof failure> | null;
  requestedAt: number;
  startedAt: number | null;
  endedAt: number | null;
}

export type JobCommand =
  | { type: 'RequestJob'; kind: string; params: z.infer<typeof requested>['params']; by: string; at: number }
  | { type: 'StartJob'; attempt: number; at: number }
  | { type: 'FinishStep'; attempt: number; step: string; output: string; at: number }
  | { type: 'SucceedJob'; attempt: number; result: string; at: number }
  | ({ type: 'FailJob'; attempt: number; at: number } & z.infer<typeof failure>)
  | { type: 'CancelJob'; at: number }
  | { type: 'ReleaseJob'; attempt: number; at: number }
  /** `from`: not from the last finished step but from this one of the kind's `steps` on. */
  | { type: 'RetryJob'; after: number; from?: { step: string; steps: readonly string[] }; at: number };
export type JobReason =
  | 'idempotency-key-reused'
  | 'job-unknown'
  | 'job-ended'
  | 'job-not-ended'
  | 'other-attempt'
  | 'step-unknown'
  | 'step-not-reached';

/** A job under which the process died this often is not taken up by itself again: it may be what kills it. */
export const MOST_TRIES = 3;

export const hasEnded = ({ status }: Pick<Job, 'status'>): boolean => status !== 'queued' && status !== 'running';

/** Of a kind's steps, in their order, those a retry may begin at: each whose predecessors are all finished. None of one that runs or has succeeded. */
export function mayRetryFrom({ status, steps }: Pick<Job, 'status' | 'steps'>, all: readonly string[]): string[] {
  if (status === 'running' || status === 'succeeded') return [];
  const finished = new Set(steps.map(({ step }) => step));
  const next = all.findIndex((name) => !finished.has(name));
  return next < 0 ? [...all] : all.slice(0, next + 1);
}

/** With its last attempt, if that has begun and not ended. */
function ended({ attempts, startedAt }: Job, endedAt: number): Pick<Job, 'endedAt' | 'attempts'> {
  const last = attempts.at(-1);
  const runs = last !== undefined && last.endedAt === null && startedAt !== null;
  return { endedAt, attempts: runs ? [...attempts.slice(0, -1), { ...last, endedAt }] : attempts };
}

function evolve(state: Job | null, event: JobEvent): Job | null {
  if (event.type === 'job.requested') {
    const { kind, params, by, at: requestedAt } = event.data;
    const unstarted = {
      attempt: 0,
      tries: 0,
      attempts: [],
      steps: [],
      result: null,
      failure: null,
      startedAt: null,
      endedAt: null,
    };
    return { kind, params, by, status: 'queued', requestedAt, ...unstarted };
  }
  if (state === null) throw new RangeError(`${event.type} of a job that nobody asked for`);
  switch (event.type) {
    case 'job.started':
      return {
        ...state,
        status: 'running',
        attempt: event.data.attempt,
        tries: state.tries + 1,
        attempts: [...state.attempts, { attempt: event.data.attempt, startedAt: event.data.at, endedAt: null }],
        startedAt: event.data.at,
      };
    case 'job.step-finished': {
      const { step } = event.data;
      return { ...state, steps: [...state.steps.filter((each) => each.step !== step), event.data] };
    }
    case 'job.succeeded':
      return { ...state, ...ended(state, event.data.at), status: 'succeeded', result: event.data.result };
    case 'job.failed': {
      const { at: endedAt, attempt: _, ...told } = event.data;
      return { ...state, ...ended(state, endedAt), status: 'failed', failure: told };
    }
    case 'job.cancelled':
      return { ...state, ...ended(state, event.data.at), status: 'cancelled' };
    case 'job.released':
      return {
        ...state,
        ...ended(state, event.data.at),
        status: 'queued',
        tries: Math.max(0, state.tries - 1),
        startedAt: null,
        endedAt: null,
      };
    case 'job.retried': {
      const steps = state.steps.filter(({ step }) => !event.data.again.includes(step));
      return { ...state, steps, status: 'queued', tries: 0, failure: null, startedAt: null, endedAt: null };
    }
  }
}

function decide(command: JobCommand, state: Job | null): Result<JobEvent[], JobReason> {
  if (command.type === 'RequestJob') {
    const { type: _, ...data } = command;
    if (state === null) return ok([{ type: 'job.requested', data }]);
    const same = state.kind === data.kind && canonicalJson(state.params) === canonicalJson(data.params);
    return same ? ok([]) : refuse('idempotency-key-reused');
  }
  if (state === null) return refuse('job-unknown');
  switch (command.type) {
    case 'StartJob': {
      const { attempt, at } = command;
      if (hasEnded(state)) return refuse('job-ended');
      if (state.status === 'running' && state.attempt === attempt) return ok([]);
      return attempt === state.attempt + 1
        ? ok([{ type: 'job.started', data: { attempt, at } }])
        : refuse('other-attempt');
    }
    case 'CancelJob':
      if (state.status === 'cancelled') return ok([]);
      return hasEnded(state) ? refuse('job-ended') : ok([{ type: 'job.cancelled', data: { at: command.at } }]);
    case 'RetryJob':
      return retry(command, state);
    case 'ReleaseJob': {
      const { attempt, at } = command;
      if (hasEnded(state)) return refuse('job-ended');
      if (state.attempt !== attempt) return refuse('other-attempt');
      return ok(state.status === 'queued' ? [] : [{ type: 'job.released', data: { attempt, at } }]);
    }
    case 'FinishStep':
    case 'SucceedJob':
    case 'FailJob':
      return report(command, state);
  }
}

function retry(
  { after, from, at }: Extract<JobCommand, { type: 'RetryJob' }>,
  state: Job,
): Result<JobEvent[], JobReason> {
  if (state.attempt !== after) return refuse('other-attempt');
  if (state.status === 'running') return refuse('job-not-ended');
  if (state.status === 'succeeded') return refuse('job-ended');
  if (from === undefined)
    return ok(state.status === 'queued' ? [] : [{ type: 'job.retried', data: { after, at, again: [] } }]);
  if (!from.steps.includes(from.step)) return refuse('step-unknown');
  if (!mayRetryFrom(state, from.steps).includes(from.step)) return refuse('step-not-reached');
  const again = from.steps.slice(from.steps.indexOf(from.step));
  // Asked for again while it waits: it may begin earlier than it was to.
  if (state.status === 'queued' && !state.steps.some(({ step }) => again.includes(step))) return ok([]);
  return ok([{ type: 'job.retried', data: { after, at, again } }]);
}

/** What whoever does the job says of it; only the attempt that is running is heard. */
function report(
  command: Extract<JobCommand, { type: 'FinishStep' | 'SucceedJob' | 'FailJob' }>,
  state: Job,
): Result<JobEvent[], JobReason> {
  const { type, ...data } = command;
  if (state.attempt === command.attempt && isSaid(command, state)) return ok([]);
  if (hasEnded(state)) return refuse('job-ended');
  if (state.status !== 'running' || state.attempt !== command.attempt) return refuse('other-attempt');
  const event = { FinishStep: 'job.step-finished', SucceedJob: 'job.succeeded', FailJob: 'job.failed' } as const;
  return ok([{ type: event[type], data } as JobEvent]);
}

function isSaid(command: Parameters<typeof report>[0], state: Job): boolean {
  switch (command.type) {
    case 'FinishStep':
      return state.steps.some(({ step, output }) => step === command.step && output === command.output);
    case 'SucceedJob':
      return state.status === 'succeeded' && state.result === command.result;
    case 'FailJob':
      return state.status === 'failed' && state.failure?.reason === command.reason;
  }
}

/** The aggregate's id is made of who asked, the kind and the idempotency key. */
export const job: Decider<Job | null, JobCommand, JobEvent, JobReason> = {
  aggregate: 'job',
  events,
  initial: null,
  evolve,
  decide,
};
