// The NATS door for who wants the verdict: a request on `ask.<source>` is answered as the HTTP door answers, once all of it is stored or refused.
// `in.<source>` cannot say that: its acknowledgement is JetStream's, which knows only that the message waits (in-door.ts).
import { headers, type Msg, type NatsConnection } from '@nats-io/nats-core';
import type { StreamLog } from '../jetstream/link.ts';
import type { InMessage } from './in-door.ts';
import type { IngestAnswer } from './protocol.ts';

/** One queue for all gateways: the server hands each request to one of them. */
const QUEUE = 'gateway';
const IN_FLIGHT = 2_048;
/** As NATS services tell an error (nats.go micro, ADR-32); clients that know them need not read the body. */
const ERROR = 'Nats-Service-Error';
const ERROR_CODE = 'Nats-Service-Error-Code';

interface AskDoorOptions {
  nc: NatsConnection;
  log: StreamLog;
  /** Resolves when everything of the message is stored or quarantined. Throws what refuses it as a whole. */
  ask(message: InMessage): Promise<IngestAnswer>;
  /** The same of a message that nobody waits for an answer to: what refuses it as a whole is quarantined too. */
  take(message: InMessage): Promise<void>;
}

interface AskDoor {
  /** Takes nothing more and waits for what is on its way. */
  close(): Promise<void>;
}

export function openAskDoor({ nc, log, ask, take }: AskDoorOptions): AskDoor {
  const subscription = nc.subscribe('ask.*', { queue: QUEUE });
  const underWay = new Set<Promise<void>>();

  async function handle(message: Msg): Promise<void> {
    const asked = { source: message.subject.slice('ask.'.length), body: message.data };
    if (message.reply === undefined || message.reply === '') return await take(asked);
    if (underWay.size >= IN_FLIGHT) {
      refuse(message, 503, 'busy', `${IN_FLIGHT} requests are on their way; ask again`);
      return;
    }
    try {
      const { accepted, duplicates, rejected, lastSeq: seq } = await ask(asked);
      const told = headers();
      const [first] = rejected;
      if (first !== undefined) {
        told.set(ERROR, `refused ${rejected.length}: ${first.reason}`);
        told.set(ERROR_CODE, '422');
      }
      message.respond(JSON.stringify({ accepted, duplicates, rejected, seq }), { headers: told });
    } catch (error) {
      const { code, message: detail } = error as { code?: unknown; message?: unknown };
      const status = STATUS[String(code)];
      if (status === undefined) log.warn({ error: String(error) }, 'request on ask.> failed');
      if (status === undefined) refuse(message, 500, 'internal', 'the gateway failed at it');
      else refuse(message, status, String(code), String(detail));
    }
  }

  async function run(): Promise<void> {
    for await (const message of subscription) {
      const work = handle(message)
        .catch((error: unknown) => log.warn({ error: String(error) }, 'message of ask.> is lost'))
        .finally(() => underWay.delete(work));
      underWay.add(work);
    }
  }
  const running = run();
  return {
    async close() {
      // Not drained: that waits for a server that may be away. Who gets no answer asks again, and ids make that harmless.
      if (!nc.isClosed()) subscription.unsubscribe();
      await running;
      await Promise.all(underWay);
    },
  };
}

const STATUS: Readonly<Record<string, number>> = {
  'bad-json': 400,
  'too-large': 413,
  'unknown-source': 404,
  'keyring-unavailable': 503,
  'store-unavailable': 503,
};

function refuse(message: Msg, status: number, reason: string, detail: string): void {
  const told = headers();
  told.set(ERROR, reason);
  told.set(ERROR_CODE, String(status));
  const nothing = { accepted: 0, duplicates: 0, rejected: [], seq: 0 };
  message.respond(JSON.stringify({ ...nothing, error: { reason, detail } }), { headers: told });
}
