// Stateless reads: one request, many messages back ("direct batch get", NATS ADR-31). Nothing lives on the server between two requests,
// so nothing can stall there. An inbox of our own, because the client's `direct.getBatch` leaves a subscription behind at every call (3.4.0).
import { createInbox, type Msg, type NatsConnection } from '@nats-io/nats-core';
import type { NatsConnectionImpl } from '@nats-io/nats-core/internal';
import { type Recorded, StoreUnavailable, type StreamName } from '../event-store.ts';
import { linkOf } from './link.ts';

export interface PageRequest {
  /** First sequence wanted. */
  seq: number;
  /** At most so many messages. */
  batch: number;
  /** The server stops after the message that reaches it. */
  maxBytes: number;
  /** Only this subject (wildcards allowed). */
  subject?: string | undefined;
}

export interface Page {
  messages: Recorded[];
  /** How many more there were behind the last one when it was sent. */
  pending: number;
  /** false: the answer broke off; what is here is a true beginning of it. */
  complete: boolean;
}

export interface DirectGet {
  /** Throws StoreUnavailable when nothing at all is answered. */
  page(stream: StreamName, request: PageRequest): Promise<Page>;
  close(): void;
}

interface Waiting {
  page: Page;
  last: number;
  heardAt: number;
  resolve: (page: Page) => void;
  reject: (error: Error) => void;
}

export function createDirectGet(nc: NatsConnection, silenceMs = 3_000): DirectGet {
  const link = linkOf(nc);
  // The connection's own prefix: an identity may be allowed to listen nowhere else.
  const inbox = createInbox((nc as NatsConnectionImpl).options.inboxPrefix);
  const waiting = new Map<string, Waiting>();
  let number = 0;

  const breakOff = (token: string, reason: string) => {
    const entry = waiting.get(token);
    if (!entry) return;
    waiting.delete(token);
    if (entry.page.messages.length > 0) entry.resolve(entry.page);
    else entry.reject(new StoreUnavailable(reason));
  };
  const stopListening = link.onLoss(() => {
    for (const token of [...waiting.keys()]) breakOff(token, 'the connection to nats-server was lost during a read');
  });
  const watchdog = setInterval(() => {
    const limit = performance.now() - silenceMs;
    for (const [token, entry] of waiting)
      if (entry.heardAt < limit) breakOff(token, `nats-server has not answered a read for ${silenceMs / 1000} s`);
  }, 250);
  watchdog.unref();

  const subscription = nc.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      if (error) return;
      const token = message.subject.slice(inbox.length + 1);
      const entry = waiting.get(token);
      if (!entry) return;
      entry.heardAt = performance.now();
      const headers = message.headers;
      const code = headers?.code ?? 0;
      if (code === 0) return receive(token, entry, message);
      waiting.delete(token);
      // 204 = end of batch, 404 = nothing at or after `seq`.
      if (code === 204 || code === 404) {
        entry.page.complete = true;
        if (code === 404) entry.page.pending = 0;
        entry.resolve(entry.page);
      } else if (code === 503) entry.reject(new StoreUnavailable('the stream does not exist or has no leader'));
      else entry.reject(new Error(`nats-server refused a read: ${code} ${headers?.description ?? ''}`));
    },
  });

  const receive = (token: string, entry: Waiting, message: Msg) => {
    const headers = message.headers;
    const seq = Number(headers?.get('Nats-Sequence'));
    // Each message names the one sent before it: a message lost on the way ends the page here.
    const before = Number(headers?.get('Nats-Last-Sequence') || 0);
    if (!(seq > entry.last) || (entry.last > 0 && before !== entry.last))
      return breakOff(token, 'a read was answered out of order');
    entry.last = seq;
    entry.page.pending = Number(headers?.get('Nats-Num-Pending') || 0);
    entry.page.messages.push({
      seq,
      subject: headers?.get('Nats-Subject') ?? '',
      bytes: message.data,
      storedAt: Date.parse(headers?.get('Nats-Time-Stamp') ?? ''),
    });
  };

  return {
    page: (stream, request) =>
      new Promise((resolve, reject) => {
        const token = String(++number);
        const page: Page = { messages: [], pending: 0, complete: false };
        waiting.set(token, { page, last: 0, heardAt: performance.now(), resolve, reject });
        try {
          // `next_by_subj` finds the next message at or after `seq`; a bare `seq` would answer 404 for a hole as well as for the end.
          const wanted = {
            seq: request.seq,
            batch: request.batch,
            max_bytes: request.maxBytes,
            next_by_subj: request.subject ?? '>',
          };
          nc.publish(`$JS.API.DIRECT.GET.${stream}`, JSON.stringify(wanted), { reply: `${inbox}.${token}` });
        } catch (cause) {
          waiting.delete(token);
          reject(new StoreUnavailable('the connection to nats-server is closed', cause));
        }
      }),
    close() {
      clearInterval(watchdog);
      stopListening();
      subscription.unsubscribe();
      for (const token of [...waiting.keys()]) breakOff(token, 'the reader was closed');
    },
  };
}
