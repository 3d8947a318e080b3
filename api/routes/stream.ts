// The console's stream: live counters. It begins with a snapshot, or with what was missed since `Last-Event-ID`.
import type { LiveFeed } from '../live.ts';
import { createRouter, route } from '../route.ts';
import type { EventStreams } from '../sse.ts';

export function streamRoutes(live: LiveFeed, streams: EventStreams) {
  return createRouter().openapi(
    route({
      method: 'get',
      path: '/api/stream',
      permission: 'demo:read',
      tags: ['live'],
      summary: 'Live counters by server-sent events; resumes by Last-Event-ID',
      responses: { 200: { description: 'text/event-stream: `counters` and `model` messages' } },
    }),
    (c) =>
      streams(c, {
        begin: async () =>
          live.since(c.req.header('last-event-id')) ?? [
            { id: live.position(), event: 'counters', data: await live.counters() },
          ],
        listen: (listener) => live.listen(listener),
      }),
  );
}
