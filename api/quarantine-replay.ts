// What was refused goes through today's rules again: after a source was added, a policy or a program was mended, or a future day has come.
// Twice is as good as once: what is stored is known by its id or content, and only then is its refusal taken out.

import type { Door } from '#domain/adapters/doors.ts';
import type { Quarantine, QuarantinedRow, QuarantineFilter } from '#streams/quarantine.ts';
import type { GatewayCalls } from './deps.ts';

export interface QuarantineReplay {
  /** Refusals tried again. One may hold several events: a message that was refused as a whole. */
  rows: number;
  /** Events. */
  accepted: number;
  duplicates: number;
  /** Refusals refused again, by today's reason; they stay where they are. */
  refused: Record<string, number>;
  /** Not tried: rows of an import (import the file again: nothing counts twice), and what was no input or is not kept. */
  left: { imports: number; others: number };
  /** Position of the log by which all of it is stored; 0 when nothing was. */
  seq: number;
}

const PAGE = 500;
/** Not input but the fold's finding, or kept without what was sent. */
const NO_INPUT = new Set(['conflict', 'erased']);
const SEGMENT_CALLS = new Set(['track', 'identify', 'page', 'screen', 'group', 'alias']);

export async function replayQuarantine(
  deps: { quarantine: Pick<Quarantine, 'list' | 'resolve'>; gateway: Pick<GatewayCalls, 'ingest'> },
  filter: QuarantineFilter,
): Promise<QuarantineReplay> {
  const { quarantine } = deps;
  const total: QuarantineReplay = {
    rows: 0,
    accepted: 0,
    duplicates: 0,
    refused: {},
    left: { imports: 0, others: 0 },
    seq: 0,
  };
  // Rows of one message came in one batch, in which twins without ids are counted: they go in together again.
  let batch: QuarantinedRow[] = [];
  let cursor: string | undefined;
  do {
    const page = await quarantine.list({ ...filter, cursor, limit: PAGE });
    for (const row of page.rows) {
      if (batch.length > 0 && batchOf(batch[0]!) !== batchOf(row)) {
        await replayBatch(deps, batch, total);
        batch = [];
      }
      if (row.run !== null) total.left.imports++;
      else if (NO_INPUT.has(row.reason)) total.left.others++;
      else batch.push(row);
    }
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  if (batch.length > 0) await replayBatch(deps, batch, total);
  return total;
}

const batchOf = ({ id }: QuarantinedRow): string => id.slice(0, id.indexOf('-'));

async function replayBatch(
  { quarantine, gateway }: Parameters<typeof replayQuarantine>[0],
  newestFirst: readonly QuarantinedRow[],
  total: QuarantineReplay,
): Promise<void> {
  const rows = newestFirst.toReversed();
  const refuse = (reason: string) => {
    total.refused[reason] = (total.refused[reason] ?? 0) + 1;
  };
  total.rows += rows.length;
  const byDoor = Map.groupBy(
    rows.map((row) => ({ row, value: parsed(row.raw) })),
    ({ value }) => (value === undefined ? null : doorOf(value)),
  );
  for (const [door, items] of byDoor) {
    if (door === null) {
      for (const _ of items) refuse('not-json');
      continue;
    }
    // A message that was refused as a whole may hold several events.
    const values = items.flatMap(({ row, value }) =>
      (Array.isArray(value) ? value : [value]).map((each) => ({ row, each })),
    );
    const [first] = items;
    const body = values.map(({ each }) => each);
    try {
      const answer = await gateway.ingest({
        door,
        source: first!.row.source,
        body: new TextEncoder().encode(JSON.stringify(door === 'segment' ? { batch: body } : body)),
        contentType: 'json',
        strict: false,
        traceId: null,
        replayOf: first!.row.at,
      });
      const still = new Map(answer.rejected.map(({ index, reason }) => [values[index]!.row.id, reason]));
      for (const reason of still.values()) refuse(reason);
      total.accepted += answer.accepted;
      total.duplicates += answer.duplicates;
      total.seq = Math.max(total.seq, answer.lastSeq);
      await quarantine.resolve(items.flatMap(({ row }) => (still.has(row.id) ? [] : [row.id])));
    } catch (error) {
      // What is not there or too large for one request stays, with its reason; an outage ends the replay, which may be begun again.
      const code = (error as { code?: unknown }).code;
      if (code !== 'unknown-source' && code !== 'too-large') throw error;
      for (const _ of items) refuse(code);
    }
  }
}

const doorOf = (value: unknown): Door => {
  const [first] = Array.isArray(value) ? value : [value];
  const type = (first as { type?: unknown } | null | undefined)?.type;
  return typeof type === 'string' && SEGMENT_CALLS.has(type) ? 'segment' : 'http';
};

function parsed(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return undefined; // Refused again as what it is: not JSON.
  }
}
