// The NATS door for who wants the verdict: a request on `ask.<source>` is answered as the HTTP door answers, once all of it is stored or refused.
// `in.<source>` cannot say that: its acknowledgement is JetStream's, which knows only that the message waits (in-door.ts).
import { headers, type Msg, type NatsConnection } from '@nats-io/nats-core';
import type { StreamLog } from '../jetstream/link.ts';
import { MAX_BODY_BYTES } from './body.ts';
import type { InMessage } from './in-door.ts';
import type { IngestAnswer } from './protocol.ts';

/** One queue for all gateways: the server hands each request to one of them. */
const QUEUE = 'gateway';
const IN_FLIGHT = 2_048;
/** Bytes of requests that may be on their way through the gateway. */
const IN_FLIGHT_BYTES = 16 * 2 ** 20;
/** Of an answer, for its headers and subject. */
const HEADER_BYTES = 1_024;
/**
 * Where answers go: clients' own inboxes and nowhere else. The requester writes this subject, and the answer is published with our rights: any other
 * could be a stream of ours, a lease, or another source's queue.
 */
const INBOX = /^_INBOX\.[^\s*>]+$/;
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
  let bytes = 0;

  async function handle(message: Msg): Promise<void> {
    const source = message.subject.slice('ask.'.length);
    const { reply = '', data: body } = message;
    if (reply !== '' && !INBOX.test(reply)) {
      log.warn({ source }, 'request on ask.> refused unanswered: its reply subject is not one of _INBOX.>');
      return;
    }
    const full = underWay.size >= IN_FLIGHT || bytes + body.length > IN_FLIGHT_BYTES;
    if (full || body.length > MAX_BODY_BYTES) {
      if (reply === '')
        log.warn({ source, bytes: body.length, full }, 'message of ask.> dropped: too long, or too many under way');
      else if (full) refuse(message, 503, 'busy', 'too many requests are on their way; ask again');
      else refuse(message, 413, 'too-large', `the body has ${body.length} bytes; at most ${MAX_BODY_BYTES}`);
      return;
    }
    bytes += body.length;
    try {
      if (reply === '') await take({ source, body });
      else await answer(message, { source, body });
    } finally {
      bytes -= body.length;
    }
  }

  async function answer(message: Msg, asked: InMessage): Promise<void> {
    try {
      const { accepted, duplicates, rejected, lastSeq: seq } = await ask(asked);
      const told = headers();
      const [first] = rejected;
      if (first !== undefined) {
        told.set(ERROR, `refused ${rejected.length}: ${first.reason}`);
        told.set(ERROR_CODE, '422');
      }
      const limit = (nc.info?.max_payload ?? 2 ** 20) - HEADER_BYTES;
      message.respond(answerText({ accepted, duplicates, rejected, seq }, limit), { headers: told });
    } catch (error) {
      const { code, message: detail } = error as { code?: unknown; message?: unknown };
      const status = STATUS[String(code)];
      if (status === undefined) log.warn({ error: String(error) }, 'request on ask.> failed');
      if (status === undefined) refuse(message, 500, 'internal', 'the gateway failed at it');
      else refuse(message, status, String(code), String(detail));
    }
  }

  /** Ends without a throw: a user who may not subscribe has the other doors still. */
  async function run(): Promise<void> {
    try {
      for await (const message of subscription) {
        const work = handle(message)
          .catch((error: unknown) => log.warn({ error: String(error) }, 'message of ask.> is lost'))
          .finally(() => underWay.delete(work));
        underWay.add(work);
      }
    } catch (error) {
      log.warn(
        { error: String(error) },
        'requests on ask.<source> are not answered: allow our NATS user to subscribe "ask.*" and to publish "_INBOX.>", then start again',
      );
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

interface Answer {
  accepted: number;
  duplicates: number;
  rejected: readonly unknown[];
  seq: number;
}

/** The answer as JSON of at most `limit` bytes: of more rejections than fit the first are told, and `moreRejected` counts the others. */
export function answerText(answer: Answer, limit: number): string {
  for (let told = answer.rejected.length; ; told >>= 1) {
    const more = answer.rejected.length - told;
    const text = JSON.stringify(
      more === 0 ? answer : { ...answer, rejected: answer.rejected.slice(0, told), moreRejected: more },
    );
    if (told === 0 || Buffer.byteLength(text) <= limit) return text;
  }
}

function refuse(message: Msg, status: number, reason: string, detail: string): void {
  const told = headers();
  told.set(ERROR, reason);
  told.set(ERROR_CODE, String(status));
  const nothing = { accepted: 0, duplicates: 0, rejected: [], seq: 0 };
  message.respond(JSON.stringify({ ...nothing, error: { reason, detail } }), { headers: told });
}
