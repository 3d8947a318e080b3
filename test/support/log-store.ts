// A log in memory, made of readable events: what a replay reads.
import type { StoredEvent } from '#domain/envelope.ts';
import type { EventStore } from '#streams/event-store.ts';
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
export function logOf(batches: readonly Batch[]): LogInMemory {
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
  const store = {
    async *read(_stream: string, { from = 1, to = messages.length }: { from?: number; to?: number } = {}) {
      for (let seq = from; seq <= to; seq++)
        yield { seq, subject: 'evt.0.main', at: 0, bytes: messages[seq - 1]!, id: null };
    },
  } as unknown as LogInMemory['store'];
  return { store, seq: messages.length };
}
const PACK = 500;

/** A file of orders, imported as a backfill. Rows are orders of their own, without ids. */
export function logOfCsv(
  path: string,
  names: { customer: string; date: string; amount?: string },
): LogInMemory & { today: number } {
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
