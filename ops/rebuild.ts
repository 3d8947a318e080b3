// A read model built anew beside the live one, compared with the ledger customer by customer, and put in its place; the live one is written and
// read meanwhile. What does not equal the ledger is never switched to. One at a time.
import type { MessagePort } from 'node:worker_threads';
import type { RebuildControl, RebuildState, RebuildTarget } from '#api/integrity-deps.ts';
import { openTables, type ProjectionName } from '#projections/catalogue.ts';
import { compareTables, type FoldToCompare } from '#projections/compare.ts';
import type { CustomerState } from '#projections/customers.ts';
import type { Position, ProjectorConfig } from '#projections/protocol.ts';
import type { ScoreBatch } from '#projections/scores.ts';
import { createShadow, diffScores, diffShadow, dropShadow, ShadowClient, switchToShadow } from '#projections/shadow.ts';
import { type ProjectorThread, startProjectorThread } from '#projections/thread.ts';
import { type RefoldToCompare, rebuildLedger } from './rebuild-ledger.ts';

const PAGE = 2_000;
const LOOK_MS = 100;
/** At customers that change meanwhile. */
const LOOKS = 50;

export interface RebuildDeps {
  nats: ProjectorConfig['nats'];
  databaseUrl: string;
  connectFold: () => MessagePort;
  fold: FoldToCompare & { dirtyRows(since: number, limit: number): Promise<{ rows: CustomerState; seq: number }> };
  lastSequence: () => Promise<number>;
  /** Where the live projector stands. */
  live: () => Promise<Position>;
  /** Scores everybody by the models in force, into `write`. */
  scoreAll: (write: (batch: ScoreBatch) => Promise<number>) => Promise<void>;
  /** A fold of its own, from the start of the log, in a thread. */
  startFold: () => Promise<RefoldToCompare>;
  /** Ends the fold that serves, and starts it from what `install` has put into its folder. */
  exchangeFold: (install: (folder: string) => Promise<unknown>) => Promise<void>;
  log: Parameters<typeof startProjectorThread>[1];
  now: () => number;
}

/** Projections that are built together. */
const PROJECTIONS: Readonly<Record<Exclude<RebuildTarget, 'ledger'>, readonly ProjectionName[]>> = {
  tables: ['events', 'customers'],
  events: ['events'],
  customers: ['customers'],
  scores: ['scores'],
};

export function createRebuild(deps: RebuildDeps): RebuildControl & AsyncDisposable {
  const idle = (what: RebuildTarget): RebuildState => ({
    what,
    step: 'idle',
    seq: 0,
    of: 0,
    rows: 0,
    ms: 0,
    compared: 0,
    differs: null,
    first: [],
    detail: null,
  });
  let state = idle('tables');
  let running: Promise<void> = Promise.resolve();
  let stopping = false;
  const step = (change: Partial<RebuildState>) => {
    state = { ...state, ...change };
  };
  const orStop = () => {
    if (stopping) throw new Error('the server is stopping; what was live is as it was');
  };

  /** Answers with the position of what is live now. */
  async function rebuildTables(what: Exclude<RebuildTarget, 'ledger'>): Promise<number> {
    const names = PROJECTIONS[what];
    // Statements over all rows may take longer than a page's may.
    await using own = openTables(deps.databaseUrl, { name: 'axiom47 rebuild', connections: 1, statementMs: 0 });
    const client = await own.pool.connect();
    try {
      await createShadow(client, names);
      {
        await using shadow = await startProjectorThread(
          { nats: deps.nats, databaseUrl: deps.databaseUrl, fold: deps.connectFold(), shadow: names },
          deps.log,
        );
        const difference =
          what === 'scores' ? await fillScores(client, shadow) : await fillAndCompare(client, shadow, names);
        step({ differs: difference.customers, first: difference.first });
      }
      step({ step: 'switching' });
      const at = await switchToShadow(client, names);
      const reached = Object.values(at).filter((seq) => seq > 0);
      return Math.min(...(reached.length > 0 ? reached : [0]));
    } catch (error) {
      // The live tables have not been touched; what was built is of no use.
      await dropShadow(client).catch((trouble: Error) =>
        deps.log.warn({ error: trouble.message }, 'what the rebuild has left is removed by the next one'),
      );
      throw error;
    } finally {
      client.release(true);
    }
  }

  async function fillAndCompare(
    client: Parameters<typeof diffShadow>[0],
    shadow: ProjectorThread,
    names: readonly ProjectionName[],
  ) {
    const started = deps.now();
    const compared = (['events', 'customers'] as const).filter((name) => names.includes(name));
    /** Until the shadow holds everything up to `seq` and can be looked up in. */
    const reach = async (seq: number) => {
      for (;;) {
        orStop();
        const { failure, filling, applied, ...at } = await shadow.calls.status();
        if (failure) throw new Error(failure.message);
        const reached = Math.min(...compared.map((name) => at[name]));
        if (state.step === 'building' || state.step === 'joining')
          step({
            step: filling && reached >= seq ? 'joining' : 'building',
            seq: reached,
            of: seq,
            rows: applied,
            ms: deps.now() - started,
          });
        if (reached >= seq && !filling) return reached;
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    };
    await reach(await deps.lastSequence());
    step({ step: 'comparing' });
    await using tables = openTables(deps.databaseUrl, {
      name: 'axiom47 rebuild',
      connections: 1,
      client: ShadowClient,
    });
    const end = await deps.lastSequence();
    for (let since = 0; since < end; ) {
      orStop();
      const { rows, seq } = await deps.fold.dirtyRows(since, PAGE);
      await reach(seq);
      const all = Array.from({ length: rows.sids.length / 16 }, (_, i) => rows.sids.slice(i * 16, i * 16 + 16));
      for (let from = 0; from < all.length; from += PAGE) {
        const page = all.slice(from, from + PAGE);
        const { differences } = await compareTables(tables.pool, deps.fold, page, compared);
        const [first] = differences;
        if (first)
          throw new Error(
            `what was rebuilt differs from the ledger for ${differences.length} customers or more, first ${first.sid} (${first.projection}, log position ` +
              `${first.seq}); what was live stays. Run \`axiom47 verify --chain\`, and report this with the version`,
          );
        step({ compared: state.compared + page.length, seq, of: end });
      }
      since = seq;
    }
    const live = await deps.live();
    const at = await reach(Math.min(...compared.map((name) => live[name])));
    return diffShadow(client, at, compared);
  }

  async function fillScores(client: Parameters<typeof diffShadow>[0], shadow: ProjectorThread) {
    const started = deps.now();
    step({ of: await deps.lastSequence() });
    await deps.scoreAll(async (batch) => {
      orStop();
      const written = await shadow.calls.writeScores(batch);
      step({ seq: batch.seq, rows: state.rows + written, ms: deps.now() - started });
      return written;
    });
    step({ step: 'joining' });
    await shadow.calls.finish();
    step({ step: 'comparing' });
    return diffScores(client);
  }

  async function rebuildFold(): Promise<void> {
    await using tables = openTables(deps.databaseUrl, { name: 'axiom47 rebuild', connections: 1 });
    const differs = await rebuildLedger({
      ...deps,
      otherwise: async (fold, sids) => {
        for (let look = 1; ; look++) {
          orStop();
          const { differences, skipped } = await compareTables(tables.pool, fold, sids, ['events']);
          if (differences.length > 0 || skipped === 0) return differences;
          if (look === LOOKS)
            throw new Error(`${skipped} customers that differ change at every look; try again when less comes in`);
          await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        }
      },
      exchange: deps.exchangeFold,
      step,
      orStop,
    });
    // Rows of customers are pulled when they change: of those that were wrong nothing has.
    const { first } = state;
    if (differs > 0) await rebuildTables('customers');
    step({
      step: 'done',
      differs,
      first,
      detail:
        differs === 0
          ? 'the ledger that served equals the one folded anew, which serves now'
          : 'the ledger that served was another than the log makes; the one folded anew, which the tables bear out, serves now, and the customers’ table ' +
            'follows it. Scores of these customers: run `axiom47 rebuild scores`',
    });
  }

  async function rebuild(what: RebuildTarget): Promise<void> {
    if (what === 'ledger') return rebuildFold();
    step({ step: 'done', seq: await rebuildTables(what), detail: 'what was rebuilt is live' });
  }

  return {
    state: () => state,
    start(what) {
      if (!['idle', 'done', 'failed'].includes(state.step)) return false;
      state = { ...idle(what), step: 'building' };
      running = rebuild(what).catch((error: Error) => {
        step({ step: 'failed', detail: error.message });
        deps.log.error({ error: error.message, what }, 'the rebuild has ended without a switch');
      });
      return true;
    },
    async [Symbol.asyncDispose]() {
      stopping = true;
      await running;
    },
  };
}
