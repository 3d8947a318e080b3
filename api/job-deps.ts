// What the API is given of long work: jobs, their files, schedules.
import type { Readable } from 'node:stream';
import type { z } from 'zod';
import type { Permission } from '#domain/access.ts';
import type { Job, JobReason } from '#domain/job.ts';
import type { Result } from '#domain/result.ts';
import type { Schedule, ScheduleReason } from '#domain/schedule.ts';
import type { Examples } from './examples.ts';

/** How long work is asked for over HTTP: POST /api/jobs/<name>. */
export interface JobKind {
  name: string;
  summary: string;
  permission: Permission;
  /** The parsed body is the job's params, kept in the log: no personal data. */
  body: z.ZodType<Record<string, unknown>>;
  examples: Examples;
  /** What the asker must be allowed besides, for these params. */
  alsoNeeds?(params: Readonly<Record<string, unknown>>): Permission | null;
  /** What needs no job: an answer that keeps nothing, or why nobody need begin. Null: a job it is. */
  atOnce?(
    params: Readonly<Record<string, unknown>>,
  ): Promise<Result<unknown, { code: string; message: string }> | null>;
  /** The file a result speaks of; null: it has none. */
  file?(result: unknown): JobFile | null;
}

/** Lines that begin with who they are about: `ref` (api/job-file.ts). */
export interface JobFile {
  /** As it is handed out. */
  name: string;
  format: 'csv' | 'ndjson';
  /** Handed out as something else that is made of its lines. */
  as?: { type: string; of(lines: AsyncIterable<string>): AsyncIterable<Uint8Array> };
  /** To be handed out by customer_id. */
  identified: boolean;
  /** Gzip; null: it is gone. */
  open(): Promise<Readable | null>;
}

/** Held of every job, however many there were. */
export interface JobSummary extends Omit<Job, 'steps' | 'attempts'> {
  id: string;
  stepsFinished: number;
  progress: { done: number; total: number; note: string } | null;
}
export interface JobView extends JobSummary, Pick<Job, 'steps' | 'attempts'> {
  /** Steps a retry may begin at; none where a kind has no fixed ones. */
  retryFrom: readonly string[];
  lines: readonly { at: number; text: string }[];
}

export interface ScheduleView extends Schedule {
  id: string;
  /** ms, ascending; none while it is paused. */
  next: number[];
}

/** Jobs asked for by themselves (processors/schedules/scheduler.ts). */
export interface Schedules {
  /** When a plan would run next, ms. */
  nextOf(cron: string, zone: string): Result<number[], { field: 'cron' | 'zone'; message: string }>;
  /** Without those that were removed. */
  list(): ScheduleView[];
  show(id: string): ScheduleView | null;
  create(
    wanted: Pick<Schedule, 'cron' | 'zone' | 'kind' | 'params'>,
    by: string,
  ): Promise<Result<ScheduleView, { field: 'cron' | 'zone'; message: string }>>;
  change(
    id: string,
    type: 'PauseSchedule' | 'ResumeSchedule' | 'RemoveSchedule',
    by: string,
  ): Promise<Result<ScheduleView, ScheduleReason>>;
  /** Its job at once. */
  run(id: string, by: string): Promise<Result<{ id: string }, string>>;
}

/** Long work in the background (processors/jobs/runner.ts). */
export interface Jobs {
  /** The same key with the same params is the same job. */
  request(
    kind: string,
    params: Record<string, unknown>,
    key: string | null,
    by: string,
  ): Promise<Result<{ job: JobView; existing: boolean }, JobReason>>;
  /** Newest first. */
  list(): JobSummary[];
  show(id: string): JobSummary | null;
  /** Whole at once: a job that waits, runs or has ended lately. */
  lately(id: string): JobView | null;
  /** From the log, of one that ended a while ago. */
  whole(id: string): Promise<JobView | null>;
  /** Null until it has succeeded. */
  result(id: string): Promise<unknown>;
  cancel(id: string, by: string): Promise<Result<JobView, JobReason>>;
  /** @param step to begin at; null: after the last finished one. */
  retry(id: string, by: string, step?: string | null): Promise<Result<JobView, JobReason>>;
  listen(listener: (id: string) => void): () => void;
}
