// The NATS door: publishers' messages on `in.<source>`, taken from the work queue IN and acknowledged only when they are stored or quarantined.
// Short fetches instead of one long consume: a fetch ends by itself, so a lost server or leader cannot stall it.
import { AckPolicy, type Consumer, type JsMsg, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/nats-core';
import { linkOf, pause, type StreamLog } from '../jetstream/link.ts';

const DURABLE = 'gateway';
/** Longer than keyring and store take to say that they do not answer. */
const ACK_WAIT_MS = 15_000;
const FETCH_MS = 2_000;
const FETCH_MESSAGES = 256;
/** Bytes of messages that may be on their way through the gateway. */
const IN_FLIGHT_BYTES = 16 * 2 ** 20;
const IN_FLIGHT_MESSAGES = 2_048;
/** How soon a message that could not be stored comes again. */
const AGAIN_MS = 1_000;
/** A message that fails so often, while keyring and store answer, is not the outage's fault. */
const MAX_DELIVERIES = 5;

export interface InMessage {
  source: string;
  body: Uint8Array;
}

export interface InDoorOptions {
  nc: NatsConnection;
  log: StreamLog;
  /** Resolves when everything of the message is stored or quarantined. Throws with code keyring- or store-unavailable when it must wait. */
  take(message: InMessage): Promise<void>;
  /** For what `take` fails at again and again for another reason. */
  giveUp(message: InMessage, error: unknown): Promise<void>;
}

export interface InDoor {
  readonly inFlight: number;
  readonly messages: number;
  /** Takes nothing more and waits for what is on its way. */
  close(): Promise<void>;
}

const isOutage = (error: unknown): boolean =>
  ['keyring-unavailable', 'store-unavailable'].includes(String((error as { code?: unknown }).code));

export function openInDoor({ nc, log, take, giveUp }: InDoorOptions): InDoor {
  const stop = new AbortController();
  const link = linkOf(nc);
  let inFlight = 0;
  let bytes = 0;
  let messages = 0;
  /** Set by a message that hit an outage: the next fetch waits. */
  let outage = false;
  let wake: (() => void) | null = null;

  const finish = (size: number): void => {
    inFlight--;
    bytes -= size;
    wake?.();
  };
  const room = async (limit: () => boolean): Promise<void> => {
    while (limit()) await new Promise<void>((resolve) => (wake = resolve));
    wake = null;
  };

  async function handle(message: JsMsg): Promise<void> {
    const body = message.data;
    const taken = { source: message.subject.slice('in.'.length), body };
    inFlight++;
    bytes += body.length;
    messages++;
    try {
      await take(taken);
      message.ack();
    } catch (error) {
      if (isOutage(error)) outage = true;
      else log.warn({ deliveries: message.info.deliveryCount, error: String(error) }, 'message of in.> failed');
      if (!isOutage(error) && message.info.deliveryCount >= MAX_DELIVERIES)
        await giveUp(taken, error).then(
          () => message.ack(),
          () => message.nak(AGAIN_MS),
        );
      else message.nak(AGAIN_MS);
    } finally {
      finish(body.length);
    }
  }

  async function run(): Promise<void> {
    let consumer: Consumer | null = null;
    while (!stop.signal.aborted && !nc.isClosed()) {
      try {
        await link.whenUp(stop.signal);
        if (outage) {
          outage = false;
          await pause(AGAIN_MS, stop.signal);
        }
        await room(() => inFlight >= IN_FLIGHT_MESSAGES || bytes >= IN_FLIGHT_BYTES);
        if (stop.signal.aborted) break;
        consumer ??= await openConsumer(nc);
        const batch = await consumer.fetch({ max_messages: FETCH_MESSAGES, expires: FETCH_MS });
        const end = () => batch.stop();
        stop.signal.addEventListener('abort', end);
        const forget = link.onLoss(end);
        try {
          for await (const message of batch) {
            // What arrives after the end comes again: it is not acknowledged.
            if (stop.signal.aborted) message.nak();
            else
              handle(message).catch((error: unknown) =>
                log.warn({ error: String(error) }, 'message of in.> left unacknowledged'),
              );
            await room(() => bytes >= IN_FLIGHT_BYTES);
          }
        } finally {
          forget();
          stop.signal.removeEventListener('abort', end);
        }
      } catch (error) {
        log.warn({ error: String(error) }, 'in.> cannot be read; trying again');
        consumer = null;
        await pause(500, stop.signal);
      }
    }
  }

  const running = run();
  return {
    get inFlight() {
      return inFlight;
    },
    get messages() {
      return messages;
    },
    async close() {
      stop.abort();
      wake?.();
      await running;
      await room(() => inFlight > 0);
    },
  };
}

/** One durable consumer for all gateways: the server hands each message to one of them. */
async function openConsumer(nc: NatsConnection): Promise<Consumer> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  await jsm.consumers.add('IN', {
    durable_name: DURABLE,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ACK_WAIT_MS),
    max_deliver: -1,
    max_ack_pending: IN_FLIGHT_MESSAGES * 2,
    filter_subject: 'in.>',
  });
  return jetstream(nc).consumers.get('IN', DURABLE);
}
