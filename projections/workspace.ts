// What the tables know of the workspace: whose log they hold, its clock, and the first day of the event window.
import type { ClientBase } from 'pg';
import { DAY_MS } from '#domain/time.ts';
import type { EventStore } from '#streams/event-store.ts';
import { decodeMessage } from '#streams/pack.ts';
import type { EventWindow } from './window.ts';

export interface MetaChange {
  workspaceId?: string;
  reportingCurrency?: string;
  clockMode?: 'log' | 'wall';
  /** Largest event time (ms) and event day of the batch. */
  clockAt: number | null;
  clockDay: number | null;
}

/** The tables hold another workspace's log. */
class ForeignTables extends Error {
  readonly code = 'foreign-tables';
  constructor(found: string, wanted: string) {
    super(
      `read models: this database holds workspace ${found}, the log is of workspace ${wanted}; ` +
        'name another database in DATABASE_URL, or drop its schema rm to fill it from this log',
    );
    this.name = 'ForeignTables';
  }
}

/** @returns first day of the window at the end of the batch; it never moves back, what is gone stays gone until a rebuild. */
export async function advanceMeta(
  client: ClientBase,
  change: MetaChange,
  window: EventWindow,
  now: number,
): Promise<number> {
  const { rows } = await client.query<{
    workspace_id: string | null;
    clock_mode: 'log' | 'wall';
    clock_day: number | null;
    window_start: number;
  }>({ name: 'meta', text: 'select workspace_id, clock_mode, clock_day, window_start from rm.meta' });
  const known = rows[0]!;
  if (change.workspaceId !== undefined && known.workspace_id !== null && known.workspace_id !== change.workspaceId)
    throw new ForeignTables(known.workspace_id, change.workspaceId);
  const mode = change.clockMode ?? known.clock_mode;
  const lastDay = mode === 'wall' ? Math.floor(now / DAY_MS) : (change.clockDay ?? known.clock_day);
  const wanted = lastDay === null ? known.window_start : window.startFor(Math.max(lastDay, known.clock_day ?? lastDay));
  const windowStart = Math.max(known.window_start, wanted);
  await client.query({
    name: 'advance-meta',
    text: `update rm.meta set workspace_id = coalesce($1, workspace_id), reporting_currency = coalesce($2, reporting_currency),
      clock_mode = $3, clock_at = greatest(clock_at, $4::bigint), clock_day = greatest(clock_day, $5::integer), window_start = $6`,
    values: [
      change.workspaceId ?? null,
      change.reportingCurrency ?? null,
      mode,
      change.clockAt,
      change.clockDay,
      windowStart,
    ],
  });
  return windowStart;
}

/** Before the first batch: the log's own first message says whose it is. */
export async function checkWorkspace(client: ClientBase, store: EventStore): Promise<void> {
  const { rows } = await client.query<{ workspace_id: string | null }>('select workspace_id from rm.meta');
  const known = rows[0]!.workspace_id;
  if (known === null) return;
  for await (const record of store.read('EVT', { from: 1, to: 1 })) {
    const message = decodeMessage(record.bytes);
    if (message.kind === 'fact' && message.fact.type === 'workspace.created' && message.fact.workspaceId !== known)
      throw new ForeignTables(known, message.fact.workspaceId);
  }
}
