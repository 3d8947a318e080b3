// How the fold's thread tells the past's of what it has applied: chunks one way, and word that they are on the disk the other.
import type { MessagePort } from 'node:worker_threads';
import type { Past } from './past.ts';
import type { Beginning, FeedMessage, Flushed } from './protocol.ts';
import { type Chunk, transferOf } from './recorder.ts';

/** The fold's side. */
export interface PastFeed {
  begin(beginning: Beginning): void;
  add(chunk: Chunk): void;
  /** Resolves when everything told so far is on the disk; rejects when that does not happen in time. */
  flush(): Promise<void>;
  close(): void;
}

/** A snapshot waits no longer than this for the index: a restart then makes more of it again. */
const FLUSH_MS = 30_000;

export function pastFeed(port: MessagePort): PastFeed {
  const waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  let number = 0;
  port.on('message', ({ flushed, error }: Flushed) => {
    const entry = waiting.get(flushed);
    waiting.delete(flushed);
    if (error === null) entry?.resolve();
    else entry?.reject(new Error(error));
  });
  port.on('close', () => {
    for (const { reject } of waiting.values()) reject(new Error('the thread of the past has ended'));
    waiting.clear();
  });
  port.unref();
  const post = (message: FeedMessage, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  return {
    begin: (begin) => post({ begin }),
    add: (chunk) => post({ chunk }, transferOf(chunk)),
    flush() {
      const id = ++number;
      return new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          if (waiting.delete(id)) reject(new Error(`the event index was not written within ${FLUSH_MS / 1_000} s`));
        }, FLUSH_MS);
        const settled = (done: () => void) => () => {
          clearTimeout(timer);
          done();
        };
        waiting.set(id, { resolve: settled(resolve), reject: (error) => settled(() => reject(error))() });
        post({ flush: id });
      });
    },
    close: () => port.close(),
  };
}

/** The past's side. */
export function hearFold(port: MessagePort, past: Pick<Past, 'begin' | 'add' | 'flush'>): void {
  port.on('message', (message: FeedMessage) => {
    if ('begin' in message) past.begin(message.begin);
    else if ('chunk' in message) past.add(message.chunk);
    else {
      const say = (error: string | null) => port.postMessage({ flushed: message.flush, error } satisfies Flushed);
      past.flush().then(
        () => say(null),
        (error: Error) => say(error.message),
      );
    }
  });
}
