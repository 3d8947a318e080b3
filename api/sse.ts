// Server-sent events as every stream here has them: beats every 15 s, a bound on how many are open and on how far a reader may fall behind, and an
// end when the reader's rights may have changed: it reconnects and is judged anew.
import type { Context } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import type { Authenticator } from './auth.ts';
import type { Metrics } from './metrics.ts';
import { Problem } from './problem.ts';
import type { Env } from './route.ts';

const BEAT_MS = 15_000;
/** A reader this far behind is cut off; it comes back and gets a snapshot. */
const MAX_WAITING = 64;
const MAX_STREAMS = 500;

export interface SseMessage {
  id: string;
  event: string;
  data: unknown;
}

export interface Feed {
  /** Sent first; listening has begun by then, so nothing is missed. */
  begin(): SseMessage[] | Promise<SseMessage[]>;
  listen(listener: (message: SseMessage) => void): () => void;
  /** The stream ends after this one. */
  isLast?(message: SseMessage): boolean;
}

export type EventStreams = (c: Context<Env>, feed: Feed) => Response;

export function createEventStreams(metrics: Pick<Metrics, 'streams'>, authenticator: Authenticator): EventStreams {
  let open = 0;
  return (c, feed) => {
    if (open >= MAX_STREAMS)
      throw new Problem('rate-limited', 'too many live streams are open', { headers: { 'retry-after': '10' } });
    c.header('x-accel-buffering', 'no');
    return streamSSE(c, async (stream) => {
      open++;
      metrics.streams.set(open);
      try {
        await run(stream, feed, authenticator);
      } finally {
        open--;
        metrics.streams.set(open);
      }
    });
  };
}

async function run(stream: SSEStreamingApi, feed: Feed, authenticator: Authenticator): Promise<void> {
  const waiting: SseMessage[] = [];
  let wake: () => void = () => undefined;
  let ended = false;
  const end = () => {
    ended = true;
    wake();
  };
  const stopListening = feed.listen((message) => {
    if (waiting.push(message) > MAX_WAITING) end();
    wake();
  });
  const stopWatching = authenticator.onRevocation(end);
  stream.onAbort(end);
  try {
    waiting.unshift(...(await feed.begin()));
    while (!ended) {
      for (let message = waiting.shift(); message && !ended; message = waiting.shift()) {
        await stream.writeSSE({ id: message.id, event: message.event, data: JSON.stringify(message.data) });
        if (feed.isLast?.(message)) return;
      }
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
  }
}
