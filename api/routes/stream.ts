// One SSE stream per tab. It begins with a snapshot (or with what was missed since `Last-Event-ID`), beats every 15 s, and ends when the
// reader's rights may have changed: the console reconnects and is judged anew.
import { streamSSE } from 'hono/streaming';
import type { Authenticator } from '../auth.ts';
import type { Deps } from '../deps.ts';
import type { LiveFeed, LiveMessage } from '../live.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';

const BEAT_MS = 15_000;
/** A reader this far behind is cut off; it comes back and gets a snapshot. */
const MAX_WAITING = 64;
const MAX_STREAMS = 500;

export function streamRoutes(deps: Deps, live: LiveFeed, authenticator: Authenticator) {
  let open = 0;
  return createRouter().openapi(
    route({
      method: 'get',
      path: '/api/stream',
      permission: 'demo:read',
      tags: ['live'],
      summary: 'Live counters by server-sent events; resumes by Last-Event-ID',
      responses: { 200: { description: 'text/event-stream: `counters` and `model` messages' } },
    }),
    (c) => {
      if (open >= MAX_STREAMS)
        throw new Problem('rate-limited', 'too many live streams are open', { headers: { 'retry-after': '10' } });
      const lastId = c.req.header('last-event-id');
      c.header('x-accel-buffering', 'no');
      return streamSSE(c, async (stream) => {
        open++;
        deps.metrics.streams.set(open);
        const waiting: LiveMessage[] = [];
        let wake: () => void = () => undefined;
        let ended = false;
        const end = () => {
          ended = true;
          wake();
        };
        const stopListening = live.listen((message) => {
          if (waiting.push(message) > MAX_WAITING) end();
          wake();
        });
        const stopWatching = authenticator.onRevocation(end);
        stream.onAbort(end);
        try {
          const missed = live.since(lastId);
          if (missed) waiting.unshift(...missed);
          else
            await stream.writeSSE({
              id: live.position(),
              event: 'counters',
              data: JSON.stringify(await live.counters()),
            });
          while (!ended) {
            for (let message = waiting.shift(); message && !ended; message = waiting.shift())
              await stream.writeSSE({ id: message.id, event: message.event, data: JSON.stringify(message.data) });
            if (ended) break;
            const beat = await new Promise<boolean>((resolve) => {
              const timer = setTimeout(() => resolve(true), BEAT_MS);
              wake = () => {
                clearTimeout(timer);
                resolve(false);
              };
              if (waiting.length > 0 || ended) wake();
            });
            if (beat) await stream.write(': still here\n\n');
          }
        } finally {
          stopListening();
          stopWatching();
          open--;
          deps.metrics.streams.set(open);
        }
      });
    },
  );
}
