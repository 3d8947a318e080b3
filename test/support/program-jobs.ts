// Jobs of a running program as its users have them: asked for, looked at, waited for.
import { type Program, until } from './program.ts';

/** GET /api/jobs/{id}, as far as tests look at it. */
export interface JobAnswer<Result = unknown> {
  id: string;
  kind: string;
  status: string;
  attempt: number;
  steps: string[];
  params: Record<string, unknown>;
  failure: { reason: string; code?: string; message: string } | null;
  progress: { note: string } | null;
  result?: Result;
  log?: { text: string }[];
}

/** @param program the one that runs now: a test may start another. */
export function jobsOf<Result>(program: () => Program, patienceMs: number) {
  const job = (id: string) => program().call<JobAnswer<Result>>('GET', `/api/jobs/${id}`);
  return {
    job,
    ask: (kind: string, body: object) => program().call<JobAnswer<Result>>('POST', `/api/jobs/${kind}`, body),
    ended: (id: string) =>
      until(
        `job ${id} has ended`,
        async () => {
          const now = await job(id);
          return now.status !== 'queued' && now.status !== 'running' && now;
        },
        patienceMs,
      ),
  };
}
