// The ledger folded anew from the start of the log, in a thread beside the one that serves, compared with it customer by customer, and put in its place.
// Where the two differ the tables decide, which are a fold of their own: what is rebuilt takes the place only when it equals them.
import type { RebuildState } from '#api/integrity-deps.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import type { FoldToCompare, TableDifference } from '#projections/compare.ts';
import type { CustomerState } from '#projections/customers.ts';

interface Fold {
  waitFor(seq: number): Promise<void>;
  entriesOf(sids: Uint8Array[]): Promise<(CustomerEntries | null)[]>;
}
export interface RefoldToCompare extends AsyncDisposable {
  calls: FoldToCompare & { position(): Promise<{ seq: number; events: number; failure: { message: string } | null }> };
  /** Its state up to now, on the disk. */
  save(): Promise<void>;
  /** What was saved becomes the only snapshot of that folder. */
  handOver(folder: string): Promise<unknown>;
}

const PAGE = 2_000;
const LOOK_MS = 100;
const NAMED = 20;
/** A customer that changes at every look is compared at the next change. */
const LOOKS = 5;

/** @returns for how many customers the one that served was another. */
export async function rebuildLedger(deps: {
  fold: Fold & { dirtyRows(since: number, limit: number): Promise<{ rows: CustomerState; seq: number }> };
  startFold: () => Promise<RefoldToCompare>;
  /** What the tables say otherwise than a fold of these customers' orders and refunds. */
  otherwise: (fold: FoldToCompare, sids: Uint8Array[]) => Promise<readonly TableDifference[]>;
  /** Ends the fold that serves, and starts it from what `install` has put into its folder. */
  exchange: (install: (folder: string) => Promise<unknown>) => Promise<void>;
  lastSequence: () => Promise<number>;
  step: (change: Partial<RebuildState>) => void;
  orStop: () => void;
  now: () => number;
}): Promise<number> {
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
      const found = await different(fold, other.calls, sids);
      for (const sid of found.slice(0, NAMED - first.length)) first.push(Buffer.from(sid).toString('hex'));
      differs += found.length;
      const [refused] = found.length > 0 ? await deps.otherwise(other.calls, found) : [];
      if (refused)
        throw new Error(
          `of ${differs} customers or more the ledger folded anew is another than the one that serves, and the tables do not bear it out, first for ` +
            `${refused.sid} (log position ${refused.seq}); what serves stays. Run \`axiom47 verify --chain\`, and report this with the version`,
        );
      compared += sids.length;
      step({ compared, seq, of: end, differs, first });
    }
    since = seq;
  }
  await other.save();
  orStop();
  step({ step: 'switching' });
  await deps.exchange((folder) => other.handOver(folder));
  return differs;
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
