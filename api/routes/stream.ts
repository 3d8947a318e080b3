// The console's one stream a tab: live counters and, for whom may read them, jobs as they move. It begins with a snapshot of the counters, or with what
// was missed since `Last-Event-ID`; of jobs nothing is kept: whoever comes back asks the list.
import type { Deps } from '../deps.ts';
import type { LiveFeed } from '../live.ts';
import { createRouter, route } from '../route.ts';
import type { EventStreams, SseMessage } from '../sse.ts';
import { shown } from './jobs.ts';

/** A job that tells much is heard this often at most. */
const JOBS_EVERY_MS = 100;

export function streamRoutes(live: LiveFeed, jobs: Pick<Deps['jobs'], 'lately' | 'listen'>, streams: EventStreams) {
  function listenToJobs(listener: (message: SseMessage) => void): () => void {
    const moved = new Set<string>();
    let timer: NodeJS.Timeout | null = null;
    const flush = () => {
      timer = null;
      for (const id of moved) {
        const job = jobs.lately(id);
        if (job) listener({ id: live.position(), event: 'job', data: shown(job) });
      }
      moved.clear();
    };
    const stop = jobs.listen((id) => {
      moved.add(id);
      timer ??= setTimeout(flush, JOBS_EVERY_MS);
    });
    return () => {
      stop();
      if (timer) clearTimeout(timer);
    };
  }
  return createRouter().openapi(
    route({
      method: 'get',
      path: '/api/stream',
      permission: 'demo:read',
      tags: ['live'],
      summary: 'Live counters, and jobs as they move, by server-sent events; resumes by Last-Event-ID',
      responses: {
        200: { description: 'text/event-stream: `counters`, `model` and, with model:read, `job` messages' },
      },
    }),
    (c) => {
      const mayReadJobs = c.var.principal.permissions.has('model:read');
      return streams(c, {
        begin: async () =>
          live.since(c.req.header('last-event-id')) ?? [
            { id: live.position(), event: 'counters', data: await live.counters() },
          ],
        listen(listener) {
          const stops = [live.listen(listener), ...(mayReadJobs ? [listenToJobs(listener)] : [])];
          return () => {
            for (const stop of stops) stop();
          };
        },
      });
    },
  );
}
