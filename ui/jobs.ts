// Jobs as the console asks for them, starts them and follows them: what the tab's stream tells is written into what was read before.
import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { JobStatus } from '#domain/job.ts';
import { answer, api, post } from './client.ts';
import { feed, useLive } from './live.ts';
import { queryClient } from './queries.ts';

export type { JobStatus };
/** Written out: the domain's own list would bring the whole parser of events with it. */
export const JOB_STATUSES = [
  'queued',
  'running',
  'succeeded',
  'failed',
  'cancelled',
] as const satisfies readonly JobStatus[];
export interface JobsAsked {
  kind?: string | undefined;
  status?: JobStatus | undefined;
}
export const JOBS_SHOWN = 200;

const jobsPage = ({ kind, status }: JobsAsked) =>
  answer(api.api.jobs.$get({ query: { limit: JOBS_SHOWN, ...(kind && { kind }), ...(status && { status }) } }));
export type JobsPage = Awaited<ReturnType<typeof jobsPage>>;
export type JobRow = JobsPage['items'][number];
export const jobsQuery = (asked: JobsAsked) =>
  queryOptions({ queryKey: ['jobs', asked], queryFn: () => jobsPage(asked), placeholderData: keepPreviousData });

const jobOf = (id: string) => answer(api.api.jobs[':id'].$get({ param: { id } }));
export type Job = Awaited<ReturnType<typeof jobOf>>;
export const jobQuery = (id: string) => queryOptions({ queryKey: ['job', id], queryFn: () => jobOf(id) });

export const hasEnded = ({ status }: Pick<JobRow, 'status'>): boolean => status !== 'queued' && status !== 'running';

/** One key a press: whoever presses twice has asked once. Not of `randomUUID`, which exists on https and localhost only. */
export const newKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** @returns the job, or what was answered at once without one. */
export async function startJob(
  kind: string,
  params: Record<string, unknown>,
  key: string,
): Promise<{ job: JobRow } | { job: null; answer: unknown }> {
  const { status, body } = await post(`/api/jobs/${kind}`, params, { 'idempotency-key': key });
  if (status !== 202) return { job: null, answer: body };
  const job = body as JobRow;
  takeIn(job);
  return { job };
}
export const cancelJob = async (id: string) =>
  takeIn(await answer(api.api.jobs[':id'].cancel.$post({ param: { id } })));
/** @param from the step to begin at; without one after the last finished. */
export const retryJob = async (id: string, from?: string) =>
  takeIn(await answer(api.api.jobs[':id'].retry.$post({ param: { id }, json: from === undefined ? {} : { from } })));

/** The log of a job that is looked at is read again this often at most. */
const LOG_EVERY_MS = 700;
const readAgainAt = new Map<string, number>();

/** A job as it is now, into every list that holds it; the lists themselves are read again when it is new to them or has changed its state. */
export function takeIn(job: JobRow): void {
  let known: JobStatus | null = null;
  queryClient.setQueriesData<JobsPage>({ queryKey: ['jobs'] }, (page) => {
    if (!page) return page;
    const at = page.items.findIndex(({ id }) => id === job.id);
    if (at < 0) return page;
    known = page.items[at]!.status;
    return { ...page, items: page.items.with(at, job) };
  });
  const before = queryClient.getQueryData<Job>(['job', job.id]);
  if (before) queryClient.setQueryData<Job>(['job', job.id], { ...before, ...job });
  if (known !== job.status) void queryClient.invalidateQueries({ queryKey: ['jobs'] });
  const now = Date.now();
  const changed = before !== undefined && before.status !== job.status;
  if (changed || now - (readAgainAt.get(job.id) ?? 0) > LOG_EVERY_MS) {
    readAgainAt.set(job.id, now);
    void queryClient.invalidateQueries({ queryKey: ['job', job.id] });
  }
  if (job.status === 'succeeded' && (changed || known !== job.status))
    void queryClient.invalidateQueries({ queryKey: ['models'] });
}

/** Once in the shell: what the stream tells of jobs, and, after it was away, everything anew. */
export function useJobsLive(): void {
  const { state } = useLive();
  useEffect(() => feed.onJob((job) => takeIn(job as JobRow)), []);
  useEffect(() => {
    if (state !== 'live') return;
    void queryClient.invalidateQueries({ queryKey: ['jobs'] });
    void queryClient.invalidateQueries({ queryKey: ['job'] });
  }, [state]);
}
