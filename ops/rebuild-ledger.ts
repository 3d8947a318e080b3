// The ledger folded anew from the start of the log, in a thread beside the one that serves, and compared with it customer by customer. The one
// that serves is not exchanged: a difference means damage in memory or in its snapshot, and a start without snapshots folds the log again.
import type { RebuildState } from '#api/deps.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import type { CustomerState } from '#projections/customers.ts';

interface Fold {
  waitFor(seq: number): Promise<void>;
  entriesOf(sids: Uint8Array[]): Promise<(CustomerEntries | null)[]>;
}
export interface RefoldToCompare extends AsyncDisposable {
  calls: Fold & { position(): Promise<{ seq: number; events: number; failure: { message: string } | null }> };
}

const PAGE = 2_000;
const LOOK_MS = 100;
const NAMED = 20;
/** A customer that changes at every look is compared at the next change. */
const LOOKS = 5;

export async function rebuildLedger(deps: {
  fold: Fold & { dirtyRows(since: number, limit: number): Promise<{ rows: CustomerState; seq: number }> };
  startFold: () => Promise<RefoldToCompare>;
  lastSequence: () => Promise<number>;
  step: (change: Partial<RebuildState>) => void;
  orStop: () => void;
  now: () => number;
}): Promise<void> {
  const { fold, step, orStop } = deps;
  const started = deps.now();
  await using other = await deps.startFold();
  const end = await deps.lastSequence();
  for (;;) {
    orStop();
    const { seq, events, failure } = await other.calls.position();
    if (failure) throw new Error(failure.message);
    step({ seq, of: end, rows: events, ms: deps.now() - started });
    if (seq >= end) break;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  step({ step: 'comparing' });
  const first: string[] = [];
  let compared = 0;
  let differs = 0;
  for (let since = 0; since < end; ) {
    orStop();
    const { rows, seq } = await fold.dirtyRows(since, PAGE);
    for (let from = 0; from < rows.sids.length / 16; from += PAGE) {
      const sids = Array.from({ length: Math.min(PAGE, rows.sids.length / 16 - from) }, (_, i) =>
        rows.sids.slice((from + i) * 16, (from + i + 1) * 16),
      );
      for (const sid of await different(fold, other.calls, sids)) {
        differs++;
        if (first.length < NAMED) first.push(Buffer.from(sid).toString('hex'));
      }
      compared += sids.length;
      step({ compared, seq, of: end, differs, first });
    }
    since = seq;
  }
  step({
    step: 'done',
    seq: end,
    differs,
    first,
    detail:
      differs === 0
        ? 'the ledger that serves equals one folded from the start of the log'
        : 'the ledger that serves is another than the log makes: stop the server, remove the files in its folder snapshots, and start it; it folds the log again',
  });
}

/** Those of whom the two folds say another thing at the same change. */
async function different(one: Fold, other: Fold, sids: Uint8Array[]): Promise<Uint8Array[]> {
  let left = sids;
  const found: Uint8Array[] = [];
  for (let look = 0; look < LOOKS && left.length > 0; look++) {
    const mine = await one.entriesOf(left);
    await other.waitFor(Math.max(0, ...mine.map((each) => each?.seq ?? 0)));
    const others = await other.entriesOf(left);
    left = left.filter((sid, i) => {
      const [a, b] = [mine[i], others[i]];
      if (contentOf(a) === contentOf(b)) return false;
      // Changed between the two looks: once more.
      if (a && b && b.seq > a.seq) return true;
      found.push(sid);
      return false;
    });
  }
  return found;
}

/** Without the position of the last change: what had been parked was applied where it was replayed here, and in its place there. */
function contentOf(entries: CustomerEntries | null | undefined): string {
  const { seq: _, ...content } = entries ?? { seq: 0 };
  return JSON.stringify(content);
}
