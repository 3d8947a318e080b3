// Orders that came twice with different content at one revision (facts §2): the fold decides which content stays, and what it refused is put
// into the quarantine here, once each. The fold numbers them, the same in every process that folds the log; the greatest number in the quarantine
// says where to go on after a restart, and the sequence that is expected before each message lets one of several writers put it.
import { formatMinor } from '#domain/money.ts';
import { DAY_MS } from '#domain/time.ts';
import type { Conflict } from '#projections/memory/conflicts.ts';
import { VersionConflict } from '#streams/event-store.ts';
import type { Quarantine } from '#streams/quarantine.ts';
import { type Rounds, startRounds } from './rounds.ts';

export interface ConflictDeps {
  conflicts(after: number, limit: number): Promise<Conflict[]>;
  quarantine: Pick<Quarantine, 'putNext' | 'lastOf' | 'list'>;
  now: () => number;
  log: { warn(fields: object, message: string): void };
}

const REASON = 'conflict';
const PAGE = 1_000;
const EVERY_MS = 1_000;

export async function startConflictWriter(deps: ConflictDeps): Promise<Rounds> {
  let { last, seq } = await head(deps.quarantine);

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
      try {
        for (const group of stretchesOf(found)) {
          const { source, run } = group[0]!;
          const rows = group.filter(({ sid }) => sid !== '').map(rowOf);
          if (rows.length > 0) seq = await deps.quarantine.putNext({ at: deps.now(), source, run, rows }, seq);
          last = group.at(-1)!.number;
        }
      } catch (error) {
        if (!(error instanceof VersionConflict)) throw error;
        // Another process has put them, or an erasure has rewritten one: on behind what is there, and never back.
        const there = await head(deps.quarantine);
        last = Math.max(last, there.last);
        seq = there.seq;
      }
    }
  }
  return startRounds(round, EVERY_MS, (error) =>
    deps.log.warn({ error: String(error) }, 'conflicts are not in the quarantine yet'),
  );
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

/** In the order of their numbers, so that the greatest number there says that all before it are there: one source and run each, as a message is. */
function stretchesOf(found: readonly Conflict[]): Conflict[][] {
  const stretches: Conflict[][] = [];
  for (const each of found) {
    const open = stretches.at(-1);
    const first = open?.[0];
    if (open && first?.source === each.source && first.run === each.run) open.push(each);
    else stretches.push([each]);
  }
  return stretches;
}

/**
 * The greatest number that is put, and the sequence it ends at: read before the rows, so that whatever comes between is met as a conflict. All rows
 * are looked at: an erasure writes what it leaves of an old message behind the newer ones.
 */
async function head(quarantine: ConflictDeps['quarantine']): Promise<{ last: number; seq: number }> {
  const seq = await quarantine.lastOf(REASON);
  let last = 0;
  for (let cursor: string | undefined; ; ) {
    const { rows, next } = await quarantine.list({ reason: REASON, limit: PAGE, cursor });
    for (const { raw } of rows) last = Math.max(last, numberOf(raw));
    if (next === null) return { last, seq };
    cursor = next;
  }
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
