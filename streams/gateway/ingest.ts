// One body through parser, pipeline and quarantine: what an HTTP request and a message on `in.<source>` have in common.
import { type Door, parseBatch } from '#domain/adapters/doors.ts';
import { segmentMessages } from '#domain/adapters/segment.ts';
import { type InputEvent, REJECT_AFTER_MS, type Rejection } from '#domain/events.ts';
import type { Quarantine, QuarantineRow } from '../quarantine.ts';
import type { Counters } from './counters.ts';
import type { Batch, Pipeline } from './pipeline.ts';
import type { IngestAnswer } from './protocol.ts';
import type { Source } from './sources.ts';

export interface IngestDeps {
  pipeline: Pipeline;
  quarantine: Pick<Quarantine, 'put'>;
  counters: Counters;
  now(): number;
}

interface Taken {
  source: Source;
  door: Door;
  /** The parsed body. */
  value: unknown;
  strict: boolean;
  traceId: string | null;
  /** Received then and refused, ms: it is in the quarantine already. Null: it came just now. */
  replayOf: number | null;
}

/** Resolves when every event of the body is stored or quarantined. */
export type Ingest = (taken: Taken) => Promise<IngestAnswer>;

/** The events a body holds, in order: what a rejection's `index` counts. */
export const valuesOf = (door: Door, value: unknown): unknown[] =>
  door === 'segment' ? segmentMessages(value) : Array.isArray(value) ? value : [value];

export function createIngest({ pipeline, quarantine, counters, now }: IngestDeps): Ingest {
  return async ({ source, door, value, strict, traceId, replayOf }) => {
    const { name, zoneOffsets, defaultCurrency, policy } = source.config;
    const received = replayOf ?? now();
    const results = parseBatch(door, value, {
      source: name,
      zoneOffsets,
      defaultCurrency,
      policy,
      policyState: source.labels,
      // A device's clock is corrected by when its message came, and without a time it happened then; what is future, today says.
      now: received,
      rejectAfterMs: REJECT_AFTER_MS + (now() - received),
    });
    const events: InputEvent[] = [];
    const rejected: Rejection[] = [];
    const positions: number[] = [];
    for (let i = 0; i < results.length; i++) {
      const result = results[i]!;
      if (result.ok) {
        events.push(result.value);
        positions.push(i);
      } else rejected.push(result.reason);
    }
    if (strict && rejected.length > 0) return { accepted: 0, duplicates: 0, rejected, lastSeq: 0, money: [] };
    const batch: Batch = { source, run: null, events, positions, strict, traceId };
    const stored = await pipeline(batch);
    rejected.push(...stored.rejected);
    rejected.sort((a, b) => a.index - b.index);
    if (rejected.length > 0 && !strict && replayOf === null) {
      const values = valuesOf(door, value);
      const rows = rejected.map((rejection) => rowOf(rejection, values[rejection.index]));
      await quarantine.put({ at: now(), source: name, run: null, rows });
      for (const rejection of rejected) counters.reject(rejection.reason);
    }
    const { appended: accepted, duplicates, lastSeq, money } = stored;
    return { accepted, duplicates, rejected, lastSeq, money };
  };
}

function rowOf(rejection: Rejection, value: unknown): QuarantineRow {
  const { index, reason, detail, column } = rejection;
  return {
    rowNumber: index,
    reason,
    column: column ?? null,
    detail,
    // An erased person's data is not kept anew.
    raw: reason === 'erased' ? '' : rawText(value),
    rows: 1,
  };
}

/** JSON of what came; msgpack knows values JSON does not. */
export function rawText(value: unknown): string {
  return (
    JSON.stringify(value, (_, item: unknown) =>
      typeof item === 'bigint'
        ? String(item)
        : item instanceof Uint8Array
          ? `base64:${Buffer.from(item).toString('base64')}`
          : item,
    ) ?? 'null'
  );
}
