// Everybody at earlier positions, one fold at a time: each holds a ledger of the whole base, so two askers of different positions take turns and no
// more than a few may wait. The last one stays at hand for a while, as whoever looks at the past asks about one position several times.
import type { EventStore } from '#streams/event-store.ts';
import type { Ledger, LedgerOptions } from '../ledger.ts';
import type { SnapshotLog } from '../snapshot.ts';
import { erasedSince } from './erased-since.ts';
import { everybodyAt } from './everybody.ts';
import type { PastStatus } from './protocol.ts';

/** How long a fold stays at hand after it was last asked for. */
const KEEP_MS = 60_000;
/** Under way and waiting. */
export const MOST_FOLDS = 5;

export class PastBusy extends Error {
  readonly code = 'past-busy';
  constructor(seq: number) {
    super(
      `everybody at log position ${seq} has to be folded from the log, and ${MOST_FOLDS} other positions are before it: ask again later`,
    );
    this.name = 'PastBusy';
  }
}

interface Fold {
  seq: number;
  /** Position of the snapshot it began at; 0 = the log's beginning. */
  from: number;
  /** Who was erased up to here is forgotten. */
  forgotTo: number;
  ledger: Promise<Ledger>;
}

export interface Folds {
  /** @throws PastBusy when too many others wait. */
  everybody(seq: number): Promise<{ ledger: Ledger; from: number }>;
  folding(): PastStatus['folding'];
  stop(): Promise<void>;
}

export function createFolds(deps: {
  store: Pick<EventStore, 'read' | 'lastSequence'>;
  snapshotDir: string;
  ledger: LedgerOptions;
  log: SnapshotLog;
}): Folds {
  const { store, snapshotDir, ledger: options, log } = deps;
  /** In their order; the first is under way. */
  const open: Fold[] = [];
  let kept: Fold | null = null;
  let forgetting: NodeJS.Timeout | undefined;
  let turn: Promise<void> = Promise.resolve();
  let folding: PastStatus['folding'] = null;
  let stopped = false;
  const orStop = () => {
    if (stopped) throw new Error('the thread of the past is stopping');
  };

  async function fold(mine: Fold): Promise<Ledger> {
    // Its memory first.
    kept = null;
    try {
      orStop();
      const ledger = await everybodyAt(store, mine.seq, {
        ledger: options,
        snapshotDir,
        log,
        began: (from) => {
          mine.from = from;
        },
        progress(position, from) {
          orStop();
          folding = { from, seq: position, to: mine.seq };
        },
      });
      kept = mine;
      keep();
      return ledger;
    } finally {
      folding = null;
      open.shift();
    }
  }
  function keep(): void {
    clearTimeout(forgetting);
    forgetting = setTimeout(() => {
      kept = null;
    }, KEEP_MS).unref();
  }
  function foldOf(seq: number): Fold {
    if (kept?.seq === seq) {
      keep();
      return kept;
    }
    const there = open.find((each) => each.seq === seq);
    if (there) return there;
    if (open.length >= MOST_FOLDS) throw new PastBusy(seq);
    const mine: Fold = { seq, from: 0, forgotTo: seq, ledger: turn.then(() => fold(mine)) };
    open.push(mine);
    // Nothing of it is held by whoever comes next.
    turn = mine.ledger.then(
      () => undefined,
      () => undefined,
    );
    return mine;
  }

  return {
    async everybody(seq) {
      const mine = foldOf(seq);
      const ledger = await mine.ledger;
      // Who was erased since has no past either (facts §8).
      const to = await store.lastSequence('EVT');
      ledger.forget(await erasedSince(store, mine.forgotTo, to));
      mine.forgotTo = Math.max(mine.forgotTo, to);
      ledger.flushColumns();
      return { ledger, from: mine.from };
    },
    folding: () => folding,
    async stop() {
      stopped = true;
      clearTimeout(forgetting);
      await turn;
    },
  };
}
