// Orders that came twice with different content at one revision (facts §2): the fold decides which content stays, and what it refused is put
// into the quarantine here, once each. The fold numbers them; the newest number in the quarantine says where to go on after a restart.
import { formatMinor } from '#domain/money.ts';
import { DAY_MS } from '#domain/time.ts';
import type { Conflict } from '#projections/memory/conflicts.ts';
import type { Quarantine } from '#streams/quarantine.ts';

export interface ConflictDeps {
  conflicts(after: number, limit: number): Promise<Conflict[]>;
  quarantine: Pick<Quarantine, 'put' | 'list'>;
  now: () => number;
  log: { warn(fields: object, message: string): void };
}

const REASON = 'conflict';
const PAGE = 1_000;
const EVERY_MS = 1_000;

export interface ConflictWriter extends AsyncDisposable {
  /** Writes what is new now. */
  settle(): Promise<void>;
}

export async function startConflictWriter(deps: ConflictDeps): Promise<ConflictWriter> {
  let last = await lastWritten(deps.quarantine);
  let running: Promise<void> | null = null;
  let stopped = false;
  let failing = false;

  async function round(): Promise<void> {
    for (;;) {
      const found = await deps.conflicts(last, PAGE);
      if (found.length === 0) return;
      const missed = found[0]!.number - last - 1;
      if (missed > 0)
        deps.log.warn(
          { missed },
          'conflicts came faster than they were put away; they are counted, the log holds them',
        );
      // One message holds rows of one source and run.
      for (const [, group] of Map.groupBy(found, ({ source, run }) => `${source}\0${run ?? ''}`)) {
        const { source, run } = group[0]!;
        await deps.quarantine.put({ at: deps.now(), source, run, rows: group.map(rowOf) });
      }
      last = found.at(-1)!.number;
    }
  }
  const settle = (): Promise<void> => {
    running ??= round()
      .then(() => {
        failing = false;
      })
      .finally(() => {
        running = null;
      });
    return running;
  };
  const timer = setInterval(() => {
    if (stopped) return;
    settle().catch((error: unknown) => {
      // Tried again every second; said once.
      if (!failing) deps.log.warn({ error: String(error) }, 'conflicts are not in the quarantine yet');
      failing = true;
    });
  }, EVERY_MS);
  return {
    settle,
    async [Symbol.asyncDispose]() {
      stopped = true;
      clearInterval(timer);
      await running?.catch(() => undefined);
    },
  };
}

/** The content that was refused is not in the log in a readable form: what is known of it is said, under the order's hash. */
function rowOf(conflict: Conflict) {
  const { number, producerNumber, lines, kind, day, minor, currency, stays, key, sid, seq } = conflict;
  const content = `${new Date(day * DAY_MS).toISOString().slice(0, 10)}, ${minor === null || currency === null ? 'no money' : `${formatMinor(minor, currency)} ${currency}`}`;
  return {
    rowNumber: producerNumber,
    reason: REASON,
    detail: `this ${kind} is known with another content at the same revision (here ${content}); ${stays ? 'this one' : 'the other'} stays. Correct it with a higher revision (import --amend)`,
    raw: JSON.stringify({ number, kind, key, sid, seq, day, minor, currency, stays }),
    rows: lines,
  };
}

async function lastWritten(quarantine: Pick<Quarantine, 'list'>): Promise<number> {
  const { rows } = await quarantine.list({ reason: REASON, limit: 100 });
  return Math.max(0, ...rows.map((row) => numberOf(row.raw)));
}

/** 0 for a row that is not one of ours. */
function numberOf(raw: string): number {
  try {
    const { number, key } = JSON.parse(raw) as { number?: unknown; key?: unknown };
    return Number.isSafeInteger(number) && typeof key === 'string' ? (number as number) : 0;
  } catch {
    return 0;
  }
}
