// A log of packs with its chain, and stores that show it damaged.
import { PARTITIONS } from '#domain/envelope.ts';
import { startChainWriter } from '#streams/chain/writer.ts';
import { type EventStore, type Recorded, SequenceGap } from '#streams/event-store.ts';
import { silent } from '#streams/jetstream/link.ts';
import { PackWriter } from '#streams/pack.ts';
import { storedEvent } from '../../support/stored-event.ts';

const HEADER = { tenant: 'main', gateway: 'g1', epoch: 1, ingestedAt: 1_700_000_000_000 };

/** Message number `n` (from 0): a pack of one event. */
export function packNumber(n: number): Uint8Array {
  const writer = new PackWriter(1);
  const sid = new Uint8Array(16).fill(1);
  sid[0] = n % PARTITIONS;
  writer.add(storedEvent(n, { sid, counter: Math.floor(n / PARTITIONS) }));
  return writer.encode(HEADER);
}

/** Appends `count` messages and seals them, `perLink` in a link. */
export async function sealedLog(store: EventStore, count: number, perLink: number): Promise<void> {
  for (let n = 0; n < count; n++) await store.append(`evt.${n % 4}.main`, packNumber(n));
  await seal(store, count, perLink);
}

export async function seal(store: EventStore, to: number, perLink: number): Promise<void> {
  await using writer = await startChainWriter({ store, log: silent, linkMessages: perLink, sealAfterMs: 10 });
  await Promise.race([sealed(writer, to), writer.done]);
}

async function sealed(writer: { sealedTo: number }, to: number): Promise<void> {
  while (writer.sealedTo < to) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** The store with EVT (or AUD) changed as a whole, positions given anew where they are dense. */
export async function damaged(
  store: EventStore,
  change: (messages: Recorded[]) => Recorded[],
  stream: 'EVT' | 'AUD' = 'EVT',
): Promise<EventStore> {
  const messages: Recorded[] = [];
  for await (const message of store.read(stream)) messages.push(message);
  const now = change(messages);
  async function* read(range: { from?: number; to?: number } = {}): AsyncGenerator<Recorded> {
    const last = Math.min(range.to ?? Number.POSITIVE_INFINITY, now.at(-1)?.seq ?? 0);
    let expected = Math.max(1, range.from ?? 1);
    for (const message of now) {
      if (message.seq < expected || message.seq > last) continue;
      if (message.seq !== expected) throw new SequenceGap(stream, expected, message.seq);
      expected++;
      yield message;
    }
  }
  return {
    ...store,
    async get(of, seqs) {
      if (of !== stream) return store.get(of, seqs);
      return seqs.map((seq) => {
        const message = now.find((each) => each.seq === seq);
        if (!message) throw new SequenceGap(stream, seq, seq + 1);
        return message;
      });
    },
    read: (of, range) => (of === stream ? read(range) : store.read(of, range)),
    follow: (of, options) =>
      of === stream
        ? (async function* () {
            for await (const message of read({ from: options.from })) yield [message];
          })()
        : store.follow(of, options),
    lastSequence: async (of, subject) => (of === stream ? (now.at(-1)?.seq ?? 0) : store.lastSequence(of, subject)),
    [Symbol.asyncDispose]: async () => {},
  };
}
export const renumbered = (messages: Recorded[]): Recorded[] =>
  messages.map((message, index) => ({ ...message, seq: index + 1 }));
