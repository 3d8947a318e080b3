// Sends one message until it is stored: same bytes, same Nats-Msg-Id, however long the server is away.
import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { linkOf, pause, type StreamLog } from './link.ts';
import { appendError } from './store.ts';

/** A lost acknowledgement costs one more copy on the wire, which the server recognises; so this may be short. */
const ACK_TIMEOUT_MS = 3_000;
const LONGEST_PAUSE_MS = 2_000;

interface Message {
  subject: string;
  id: string;
  bytes: Uint8Array;
}

/** Answers with the sequence, or null when `signal` aborted or the connection was closed for good. */
export function createDelivery(nc: NatsConnection, log: StreamLog, signal: AbortSignal) {
  const js = jetstream(nc, { timeout: ACK_TIMEOUT_MS });
  const link = linkOf(nc);

  /** One attempt. A lost connection ends it at once instead of at the timeout. */
  async function attempt(message: Message): Promise<number> {
    let forget = () => {};
    const lost = new Promise<never>((_, reject) => {
      forget = link.onLoss(() => reject(new Error('the connection was lost before the acknowledgement')));
    });
    const ack = js.publish(message.subject, message.bytes, { msgID: message.id });
    ack.catch(() => {}); // when the loss wins, its own timeout comes later
    try {
      return (await Promise.race([ack, lost])).seq;
    } finally {
      forget();
    }
  }

  return async function deliver(message: Message, onResend: () => void): Promise<number | null> {
    for (let attempts = 0; ; attempts++) {
      if (attempts > 0) {
        onResend();
        await pause(Math.min(100 * 2 ** attempts, LONGEST_PAUSE_MS), signal);
      }
      await link.whenUp(signal);
      if (signal.aborted) return null;
      try {
        return await attempt(message);
      } catch (error) {
        if (nc.isClosed()) return null;
        const { message: why } = appendError(message.subject, error);
        log.warn({ message: message.id, attempts, error: why }, 'not acknowledged; sending it again');
      }
    }
  };
}
