// Does jobs one after the other, in the background. The log says what is to be done: what it calls queued is taken up, what it calls running at a
// start was left by a process that died, and is taken up again from its last finished step; one that stops in good order releases what it does.
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  job as decider,
  hasEnded,
  type Job,
  type JobCommand,
  type JobReason,
  MOST_TRIES,
  mayRetryFrom,
} from '#domain/job.ts';
import { ok, type Result, refuse } from '#domain/result.ts';
import { handle, load, loadAll } from '#streams/control.ts';
import { type EventStore, StoreUnavailable } from '#streams/event-store.ts';
import type { JobRefusal, JobWork } from './kind.ts';

export interface JobRunnerDeps {
  store: EventStore;
  kinds: readonly JobWork[];
  artefacts: {
    put(value: unknown): Promise<string>;
    /** Brings those that are missing here from where they are kept besides. */
    bring(digests: Iterable<string>): Promise<unknown>;
    get(digest: string): unknown;
  };
  now: () => number;
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

export interface JobProgress {
  done: number;
  total: number;
  note: string;
}
/** What is held of every job: its size does not grow with what the job does. */
export interface JobSummary extends Omit<Job, 'steps' | 'attempts'> {
  id: string;
  stepsFinished: number;
  /** Of the attempt that is running in this process; null otherwise. */
  progress: JobProgress | null;
}
export interface JobView extends JobSummary, Pick<Job, 'steps' | 'attempts'> {
  /** Steps a retry may begin at. */
  retryFrom: readonly string[];
  /** Lines of this process's attempts, of a job that is still held whole; an earlier process's are gone. */
  lines: readonly { at: number; text: string }[];
}

interface Held {
  summary: JobSummary;
  /** Null of a job that ended a while ago: the log has it. */
  whole: Job | null;
  /** Position in the log of what is in it. */
  seq: number;
  lines: { at: number; text: string }[];
}

const LINES_KEPT = 200;
/** Jobs that have ended and are held whole: those that somebody is still likely to look at. A scoring of a million customers is some 8 KB. */
const WHOLE_KEPT = 50;
const STORE_AGAIN_MS = 1_000;
/** Whoever watches is told of progress this often at most. */
const TELL_MS = 100;

/** One id a key, kind and asker; a new one without a key. The key itself may say anything and is not kept. */
const idOf = (by: string, kind: string, key: string | null): string =>
  key === null
    ? randomUUID().replaceAll('-', '')
    : createHash('sha256').update(`${by}\0${kind}\0${key}`).digest('hex').slice(0, 32);

export async function startJobs({ store, kinds, artefacts, now, log }: JobRunnerDeps) {
  const jobs = new Map<string, Held>();
  /** Of those held whole, in the order they ended in. */
  const endedLately = new Set<string>();
  const queue: string[] = [];
  const listeners = new Set<(id: string) => void>();
  let running: { id: string; abort: AbortController } | null = null;
  let stopping = false;
  let working: Promise<void> = Promise.resolve();

  const tell = (id: string) => {
    for (const listener of listeners) listener(id);
  };
  const stepsOf = (kind: string): readonly string[] => kinds.find(({ name }) => name === kind)?.steps ?? [];
  const viewOf = ({ summary, lines }: Held, whole: Job): JobView => ({
    ...summary,
    steps: whole.steps,
    attempts: whole.attempts,
    retryFrom: mayRetryFrom(whole, stepsOf(whole.kind)),
    lines,
  });

  function hold(id: string, whole: Job, seq: number): Held {
    const held = jobs.get(id) ?? { summary: summaryOf(id, whole, null), whole, seq, lines: [] };
    // Of two commands at once the later answer may be told first.
    if (held.seq > seq) return held;
    held.summary = summaryOf(id, whole, held.summary.progress);
    Object.assign(held, { whole, seq } satisfies Partial<Held>);
    jobs.set(id, held);
    endedLately.delete(id);
    if (hasEnded(whole)) endedLately.add(id);
    for (const oldest of endedLately) {
      if (endedLately.size <= WHOLE_KEPT) break;
      endedLately.delete(oldest);
      Object.assign(jobs.get(oldest)!, { whole: null, lines: [] } satisfies Partial<Held>);
    }
    return held;
  }

  async function command(id: string, asked: JobCommand, actor: string): Promise<Result<JobView, JobReason>> {
    const before = jobs.get(id);
    const known = before?.whole ? { state: before.whole, seq: before.seq } : undefined;
    const answer = await handle(store, decider, id, asked, { actor, now: now() }, known);
    if (!answer.ok) return answer;
    const whole = answer.value.state!;
    const held = hold(id, whole, answer.value.seq);
    if (answer.value.events.length > 0) tell(id);
    return ok(viewOf(held, whole));
  }
  /** What the runner has to say must be said: a store that is away is waited for. */
  async function say(id: string, said: JobCommand): Promise<Result<JobView, JobReason>> {
    for (;;)
      try {
        return await command(id, said, 'system');
      } catch (error) {
        if (!(error instanceof StoreUnavailable) || stopping) throw error;
        await sleep(STORE_AGAIN_MS);
      }
  }

  function enqueue(id: string): void {
    if (stopping || queue.includes(id)) return;
    queue.push(id);
    if (running === null && queue.length === 1) working = working.then(work);
  }
  async function work(): Promise<void> {
    for (let id = queue[0]; id !== undefined && !stopping; id = queue[0]) {
      const abort = new AbortController();
      running = { id, abort };
      queue.shift();
      try {
        await attempt(id, abort.signal);
      } catch (error) {
        log.warn({ job: id, error: String(error) }, 'a job is left as it is; the next start takes it up');
      }
      running = null;
    }
  }

  async function attempt(id: string, signal: AbortSignal): Promise<void> {
    const held = jobs.get(id)!;
    const number = held.summary.attempt + 1;
    const started = await say(id, { type: 'StartJob', attempt: number, at: now() });
    // Cancelled while it waited.
    if (!started.ok) return;
    const begun = now();
    log.info({ job: id, kind: held.summary.kind, attempt: number }, 'job started');
    const said = await outcome(held, started.value, signal);
    held.summary.progress = null;
    if (signal.aborted || said === null) {
      // Cancelled: the log says so already. Stopping: the next start goes on, and this attempt does not count as a death.
      if (stopping && held.summary.status === 'running')
        await say(id, { type: 'ReleaseJob', attempt: number, at: now() });
      return tell(id);
    }
    const ended = await say(id, said);
    const { status, failure, kind } = held.summary;
    log.info({ job: id, kind, status, ms: now() - begun, ...(failure && { reason: failure.reason }) }, 'job ended');
    if (!ended.ok) log.warn({ job: id, reason: ended.reason }, 'the end of a job was not wanted any more');
  }

  async function outcome(held: Held, started: JobView, signal: AbortSignal): Promise<JobCommand | null> {
    const { id, kind, params, by, attempt: number, steps: finished } = started;
    let toldAt = 0;
    /** Of this attempt: a step that begins anew at 0 does not take back what was done. */
    let furthest = { done: 0, total: 1 };
    const fail = (reason: 'refused' | 'error', why: JobRefusal): JobCommand => ({
      type: 'FailJob',
      attempt: number,
      reason,
      ...(typeof why === 'string' ? { message: why } : { code: why.code, message: why.message }),
      at: now(),
    });
    const work = kinds.find(({ name }) => name === kind);
    if (!work) return fail('error', `this program knows no jobs of kind ${kind}: it was asked of another version`);
    try {
      await artefacts.bring(finished.map(({ output }) => output));
      const steps = new Map(finished.map(({ step, output }) => [step, artefacts.get(output)]));
      const result = await work.run({
        id,
        by,
        params,
        steps,
        signal,
        async finishStep(step, output) {
          signal.throwIfAborted();
          const digest = await artefacts.put(output);
          const kept = await say(id, { type: 'FinishStep', attempt: number, step, output: digest, at: now() });
          if (!kept.ok) throw new Error(`step ${step} was not wanted any more (${kept.reason})`);
          steps.set(step, output);
        },
        progress(done, total, note) {
          const other = held.summary.progress?.note !== note;
          if (total > 0 && done / total >= furthest.done / furthest.total) furthest = { done, total };
          held.summary.progress = { ...furthest, note };
          if (!other && now() - toldAt < TELL_MS) return;
          toldAt = now();
          tell(id);
        },
        log(text) {
          held.lines.push({ at: now(), text });
          if (held.lines.length > LINES_KEPT) held.lines.shift();
          tell(id);
        },
      });
      if (!result.ok) return fail('refused', result.reason);
      return { type: 'SucceedJob', attempt: number, result: await artefacts.put(result.value), at: now() };
    } catch (error) {
      if (signal.aborted) return null;
      log.warn({ job: id, kind, error: error instanceof Error ? error.stack : String(error) }, 'a job failed');
      return fail('error', error instanceof Error ? error.message : String(error));
    }
  }

  const left: string[] = [];
  const told = [...(await loadAll(store, decider))].flatMap(([id, { state, seq }]) =>
    state === null ? [] : [{ id, state, seq }],
  );
  for (const { id, state, seq } of told.sort((a, b) => a.state.requestedAt - b.state.requestedAt)) {
    hold(id, state, seq);
    if (state.status === 'running' && state.tries >= MOST_TRIES)
      await say(id, {
        type: 'FailJob',
        attempt: state.attempt,
        reason: 'interrupted',
        message: `the server died ${MOST_TRIES} times while it ran; look at its log, then retry`,
        at: now(),
      });
    else if (state.status === 'queued' || state.status === 'running') left.push(id);
  }
  // Taken up when the caller has what this returns: a job may ask for its runner.
  working = new Promise((resolve) => setImmediate(resolve));
  for (const id of left) enqueue(id);

  return {
    /** The same key with the same params is the same job. */
    async request(
      kind: string,
      params: Record<string, unknown>,
      key: string | null,
      by: string,
    ): Promise<Result<{ job: JobView; existing: boolean }, JobReason>> {
      const id = idOf(by, kind, key);
      const existing = jobs.has(id);
      const asked = { type: 'RequestJob', kind, params, by, at: now() } as JobCommand;
      const answer = await command(id, asked, by);
      if (!answer.ok) return answer;
      if (answer.value.status === 'queued') enqueue(id);
      return ok({ job: answer.value, existing });
    },
    /** Newest first; of two that were asked for in one millisecond the one that came later. */
    list: (): JobSummary[] =>
      [...jobs.values()]
        .reverse()
        .map(({ summary }) => ({ ...summary }))
        .sort((a, b) => b.requestedAt - a.requestedAt),
    show(id: string): JobSummary | null {
      const held = jobs.get(id);
      return held ? { ...held.summary } : null;
    },
    /** Whole at once: a job that waits, runs or has ended lately. Null of any other. */
    lately(id: string): JobView | null {
      const held = jobs.get(id);
      return held?.whole ? viewOf(held, held.whole) : null;
    },
    /** Of one that ended a while ago, from the log. */
    async whole(id: string): Promise<JobView | null> {
      const held = jobs.get(id);
      if (!held) return null;
      const whole = held.whole ?? (await load(store, decider, id)).state;
      if (whole === null) throw new Error(`the log no longer has job ${id}`);
      return viewOf(held, whole);
    },
    /** Of a job that succeeded; null before. @throws Error when its artefact is missing. */
    async result(id: string): Promise<unknown> {
      const digest = jobs.get(id)?.summary.result ?? null;
      if (digest === null) return null;
      await artefacts.bring([digest]);
      return artefacts.get(digest);
    },
    async cancel(id: string, by: string): Promise<Result<JobView, JobReason>> {
      if (!jobs.has(id)) return refuse('job-unknown');
      const answer = await command(id, { type: 'CancelJob', at: now() }, by);
      if (!answer.ok) return answer;
      if (running?.id === id) running.abort.abort();
      const waiting = queue.indexOf(id);
      if (waiting >= 0) queue.splice(waiting, 1);
      return answer;
    },
    /** Once more, after its last finished step, or from the step named on: that one and all later ones are done again. */
    async retry(id: string, by: string, step: string | null = null): Promise<Result<JobView, JobReason>> {
      const held = jobs.get(id);
      if (!held) return refuse('job-unknown');
      const { attempt: after, kind } = held.summary;
      const from = step === null ? {} : { from: { step, steps: stepsOf(kind) } };
      const answer = await command(id, { type: 'RetryJob', after, ...from, at: now() }, by);
      if (answer.ok) enqueue(id);
      return answer;
    },
    /** Told the id of a job whenever something of it changes. */
    listen(listener: (id: string) => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** Resolves when nothing waits and nothing runs. */
    async idle(): Promise<void> {
      while (running !== null || queue.length > 0) await working;
    },
    /** What runs is released: the next start goes on with it. */
    async [Symbol.asyncDispose](): Promise<void> {
      stopping = true;
      (running as { abort: AbortController } | null)?.abort.abort();
      await working;
    },
  };
}

function summaryOf(id: string, { steps, attempts: _, ...held }: Job, progress: JobProgress | null): JobSummary {
  return { ...held, id, stepsFinished: steps.length, progress };
}
