// The read models filled anew beside the live ones by a projector of their own, compared with the ledger customer by customer, and put in their
// place; the live ones are written and read meanwhile. What does not equal the ledger is never switched to.
import type { MessagePort } from 'node:worker_threads';
import type { RebuildControl, RebuildState } from '#api/deps.ts';
import { openTables } from '#projections/catalogue.ts';
import { compareTables, type FoldToCompare } from '#projections/compare.ts';
import type { CustomerState } from '#projections/customers.ts';
import type { Position, ProjectorConfig } from '#projections/protocol.ts';
import { createShadow, diffShadow, dropShadow, ShadowClient, switchToShadow } from '#projections/shadow.ts';
import { startProjectorThread } from '#projections/thread.ts';

const PAGE = 2_000;
const LOOK_MS = 100;

export interface RebuildDeps {
  nats: ProjectorConfig['nats'];
  databaseUrl: string;
  connectFold: () => MessagePort;
  fold: FoldToCompare & { dirtyRows(since: number, limit: number): Promise<{ rows: CustomerState; seq: number }> };
  lastSequence: () => Promise<number>;
  /** Where the live projector stands. */
  live: () => Promise<Position>;
  log: Parameters<typeof startProjectorThread>[1];
  now: () => number;
}

export function createRebuild(deps: RebuildDeps): RebuildControl & AsyncDisposable {
  const idle: RebuildState = { step: 'idle', seq: 0, of: 0, rows: 0, ms: 0, differs: null, first: [], detail: null };
  let state = idle;
  let running: Promise<void> = Promise.resolve();
  let stopping = false;
  const step = (change: Partial<RebuildState>) => {
    state = { ...state, ...change };
  };
  const orStop = () => {
    if (stopping) throw new Error('the server is stopping; the live tables are as they were');
  };

  async function rebuild(): Promise<void> {
    const started = deps.now();
    // Statements over all rows may take longer than a page's may.
    await using own = openTables(deps.databaseUrl, { name: 'axiom47 rebuild', connections: 1, statementMs: 0 });
    const client = await own.pool.connect();
    try {
      await createShadow(client);
      {
        await using shadow = await startProjectorThread(
          { nats: deps.nats, databaseUrl: deps.databaseUrl, fold: deps.connectFold(), shadow: true },
          deps.log,
        );
        const reach = async (seq: number) => {
          for (;;) {
            orStop();
            const { failure, events, customers } = await shadow.calls.status();
            if (failure) throw new Error(failure.message);
            step({ seq: Math.min(events, customers), of: seq, ms: deps.now() - started });
            if (state.seq >= seq) return;
            await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
          }
        };
        await reach(await deps.lastSequence());
        const counts = await shadow.calls.counts();
        step({ step: 'comparing', rows: counts.customers + counts.orders + counts.refunds + counts.events });
        await compareAll(reach);
        await reach((await deps.live()).events);
        const difference = await diffShadow(client, state.seq);
        step({ differs: difference.customers, first: difference.first });
      }
      step({ step: 'switching' });
      const at = await switchToShadow(client);
      step({ step: 'done', seq: at.events, detail: 'the rebuilt tables are the live ones' });
    } catch (error) {
      // The live tables have not been touched; what was built is of no use.
      await dropShadow(client).catch(() => undefined);
      throw error;
    } finally {
      client.release(true);
    }
  }

  /** Everybody's rows of the shadow against the ledger. */
  async function compareAll(reach: (seq: number) => Promise<void>): Promise<void> {
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
        const { differences } = await compareTables(tables.pool, deps.fold, all.slice(from, from + PAGE));
        const [first] = differences;
        if (first)
          throw new Error(
            `the rebuilt tables differ from the ledger for ${differences.length} customers or more, first ${first.sid} (${first.projection}, log position ` +
              `${first.seq}); the live tables stay. Run \`axiom47 verify --chain\`, and report this with the version`,
          );
      }
      since = seq;
    }
  }

  return {
    state: () => state,
    start() {
      if (!['idle', 'done', 'failed'].includes(state.step)) return false;
      state = { ...idle, step: 'building' };
      running = rebuild().catch((error: Error) => {
        step({ step: 'failed', detail: error.message });
        deps.log.error({ error: error.message }, 'the rebuild has ended without a switch');
      });
      return true;
    },
    async [Symbol.asyncDispose]() {
      stopping = true;
      await running;
    },
  };
}
