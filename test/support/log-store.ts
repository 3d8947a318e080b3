// A log in memory, made of readable events: what a replay reads.
import type { StoredEvent } from '#domain/envelope.ts';
import type { EventStore } from '#streams/event-store.ts';
import { decodeMessage } from '#streams/pack.ts';
import { createWriter, order } from '../projections/memory/scenario.ts';
import { csvRows, dayOf } from './histories.ts';

export interface LogInMemory {
  store: Pick<EventStore, 'read' | 'lastSequence'>;
  seq: number;
}

export interface Batch {
  /** ms; of a backfill it does not matter: its events were known when they happened. */
  ingestedAt: number;
  events: StoredEvent[];
  backfill?: boolean;
}

/** A log of batches, each taken in at its moment; a backfill's events were known when they happened (facts §4). */
export function logOf(batches: readonly Batch[]): ReturnType<typeof storeOf> {
  const writer = createWriter();
  const messages: Uint8Array[] = [];
  batches.forEach(({ ingestedAt, events, backfill }, i) => {
    writer.ingestedAt = ingestedAt;
    const run = backfill ? `run-${i}` : null;
    if (run !== null)
      messages.push(
        writer.fact({
          type: 'import.started',
          run,
          source: 'shop',
          digest: '',
          backfill: true,
          amend: false,
          startedAt: 0,
          coverage: 'complete',
        }),
      );
    for (let at = 0; at < events.length; at += PACK)
      messages.push(writer.pack(events.slice(at, at + PACK).map((each) => ({ ...each, run }))));
  });
  return storeOf(messages);
}

/** A log of these messages. */
export function storeOf(messages: readonly Uint8Array[]): LogInMemory & { messages: readonly Uint8Array[] } {
  const subjectOf = (bytes: Uint8Array) => (decodeMessage(bytes).kind === 'fact' ? 'evt.all.main' : 'evt.0.main');
  const store = {
    lastSequence: async () => messages.length,
    async *read(
      _stream: string,
      { from = 1, to = messages.length, subject }: { from?: number; to?: number; subject?: string } = {},
    ) {
      for (let seq = from; seq <= to; seq++) {
        const bytes = messages[seq - 1]!;
        if (subject === 'evt.all.*' && subjectOf(bytes) !== 'evt.all.main') continue;
        yield { seq, subject: 'evt.0.main', at: 0, bytes, id: null };
      }
    },
  } as unknown as LogInMemory['store'];
  return { store, seq: messages.length, messages };
}
const PACK = 500;

/** A file of orders, imported as a backfill. Rows are orders of their own, without ids. */
export function logOfCsv(
  path: string,
  names: { customer: string; date: string; amount?: string },
): ReturnType<typeof storeOf> & { today: number } {
  const events = csvRows(path).map((row, i) =>
    order(
      row[names.customer]!,
      String(i),
      dayOf(row[names.date]!),
      names.amount === undefined ? null : Math.round(Number(row[names.amount]) * 100),
    ),
  );
  const today = events.reduce((last, { day }) => Math.max(last, day), 0);
  return { ...logOf([{ ingestedAt: 0, events, backfill: true }]), today };
}
