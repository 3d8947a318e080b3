// A job as a command has it: asked for, watched with a progress bar until it ends, its failure said in one line.
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobStatus } from '#domain/job.ts';
import type { Client } from '../client.ts';
import type { Io } from '../commands/command.ts';
import { createProgress } from '../progress.ts';

const LOOK_MS = 150;

interface Watched<Result> {
  id: string;
  status: JobStatus;
  progress: { done: number; total: number; note: string } | null;
  failure: { reason: string; message: string } | null;
  result?: Result;
}

type Ended<Result> = { id: string; result: Result } | { result: null; code: 1 | 2 };

/** @returns the result; else null and the exit code: 2 for what these data cannot answer, 1 for what went wrong. */
export async function doJob<Result>(client: Client, kind: string, body: object, io: Io): Promise<Ended<Result>> {
  const { id } = await client.call<Watched<Result>>('POST', `/api/jobs/${kind}`, body);
  return await watchJob(client, id, kind, io);
}

/** The same of one that was asked for already. */
export async function watchJob<Result>(client: Client, id: string, kind: string, io: Io): Promise<Ended<Result>> {
  const bar = createProgress(kind, io);
  for (;;) {
    const job = await client.call<Watched<Result>>('GET', `/api/jobs/${id}`);
    if (job.status === 'queued' || job.status === 'running') {
      if (job.progress) bar.update(job.progress.done, job.progress.total, job.progress.note);
      await sleep(LOOK_MS);
      continue;
    }
    bar.finish(job.status === 'succeeded' ? '' : `(${job.status})`);
    if (job.status === 'succeeded' && job.result !== undefined) return { id, result: job.result };
    const { failure } = job;
    io.stderr(`axiom47: ${kind}: ${failure ? failure.message : `job ${id} was ${job.status}`}\n`);
    return { result: null, code: failure?.reason === 'refused' ? 2 : 1 };
  }
}
