// Fills the demo workspace through the gateway and fits its model: the history as a file import would bring it, known when it happened (facts §4), so
// that it can be trained on and backtested; the last weeks through the live door. May be cut off anywhere: every event has its id, so a start that
// finds the demo unfinished sends all of it again and the fold counts each once. The truth is kept beside the log, never in it.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pack } from 'msgpackr';
import type { Truth } from '#api/deps.ts';
import type { FitRequest } from '#api/model-deps.ts';
import { parseBatch } from '#domain/adapters/doors.ts';
import { type InputEvent, REJECT_AFTER_MS } from '#domain/events.ts';
import { createPolicyState, DEFAULT_POLICY } from '#domain/policy.ts';
import { UTC } from '#domain/time.ts';
import type { GatewayHandlers } from '#streams/gateway/protocol.ts';
import type { Remote } from '#streams/rpc.ts';
import type { DataDir } from '../data-dir.ts';
import { replaceFile } from '../engines/durable-file.ts';
import { DEMO, type DemoEvent, generateDemo } from './generator.ts';

const HISTORY_BATCH = 2_500;
const LIVE_BATCH = 500;
/** Batches on their way at once: one is stored while the next is parsed. */
const IN_FLIGHT = 3;
const RUN = 'demo-history';
export const DEMO_SOURCE = 'api';

export interface SeedDeps {
  dir: DataDir;
  gateway: Pick<Remote<GatewayHandlers>, 'ingest' | 'importEvents' | 'appendFact'>;
  log: { info(fields: object, message: string): void; error(fields: object, message: string): void };
}

export interface SeedSteps {
  fit(request: FitRequest): Promise<Record<string, unknown>>;
  /** Resolves when fold and tables hold the position. */
  held(seq: number): Promise<void>;
  /** Resolves when every customer has a score. */
  settle(): Promise<void>;
  progress(text: string): void;
}

export interface Seeding {
  truth: Truth;
  /** Fills the demo unless that was done before; resolves when the first answers are there. */
  run(steps: SeedSteps): Promise<void>;
  /** Resolves when the log holds the made-up history, with what it was made of. */
  generated(): Promise<{ source: string; seed: number; customers: number; weeks: number }>;
}

export function seedDemo({ dir, gateway, log }: SeedDeps): Seeding {
  const marker = join(dir.path, 'demo.json');
  const truth: Truth = { unit: 'week', params: DEMO.bgNbd };
  const done = (): boolean =>
    existsSync(marker) && (JSON.parse(readFileSync(marker, 'utf8')) as { seeded?: boolean }).seeded === true;

  const held = Promise.withResolvers<void>();

  async function run(steps: SeedSteps): Promise<void> {
    if (done()) return held.resolve();
    const begun = performance.now();
    const lap = () => `${((performance.now() - begun) / 1000).toFixed(1)} s`;
    const { history, recent, truth: whole } = generateDemo();
    const events = history.length + recent.length;
    replaceFile(marker, `${JSON.stringify({ seeded: false, truth: whole })}\n`, 0o600);
    await bringHistory(gateway, history, (share) => steps.progress(`demo: history ${Math.round(100 * share)} %`));
    const lastSeq = await sendRecent(gateway, recent);
    steps.progress(`demo: ${events.toLocaleString('en-US')} events stored (${lap()})`);
    await steps.held(lastSeq);
    held.resolve();
    steps.progress(`demo: ledgers and tables hold them (${lap()})`);
    const fitted = await steps.fit({ kind: 'clv', asOf: null, deploy: true, by: 'system' });
    if (fitted.ok !== true) throw new Error(`the demo's model cannot be fitted: ${String(fitted.message)}`);
    if (fitted.deployed !== true) throw new Error(`the demo's model was refused: ${JSON.stringify(fitted.refused)}`);
    steps.progress(`demo: model ${String(fitted.id)} in force (${lap()})`);
    await steps.settle();
    steps.progress(`demo: every customer scored, first answers (${lap()})`);
    replaceFile(marker, `${JSON.stringify({ seeded: true, truth: whole })}\n`, 0o600);
    log.info({ events, ms: Math.round(performance.now() - begun) }, 'demo seeded');
  }

  return {
    truth,
    run,
    async generated() {
      await held.promise;
      return { source: DEMO_SOURCE, seed: DEMO.seed, customers: DEMO.customers, weeks: DEMO.weeks };
    },
  };
}

/** As an import of a file: `import.started` says that its events were known when they happened. */
async function bringHistory(
  gateway: Pick<Remote<GatewayHandlers>, 'importEvents' | 'appendFact'>,
  history: readonly DemoEvent[],
  progress: (share: number) => void,
): Promise<void> {
  const now = Date.now();
  const digest = createHash('sha256').update(JSON.stringify(DEMO)).digest('hex');
  const run = { run: RUN, source: DEMO_SOURCE, digest, backfill: true, amend: false, startedAt: now } as const;
  await gateway.appendFact({ type: 'import.started', ...run, coverage: 'complete' });
  const flying = new Set<Promise<void>>();
  let failed: unknown = null;
  for (let from = 0; from < history.length; from += HISTORY_BATCH) {
    const events = pack(prepared(history.slice(from, from + HISTORY_BATCH), from, now));
    while (flying.size >= IN_FLIGHT) await Promise.race(flying);
    if (failed !== null) break;
    const flight = gateway
      .importEvents({ run: RUN, source: DEMO_SOURCE, events })
      .then(({ rejected }) => acceptedAll(rejected))
      // Kept, not thrown: nobody may be waiting for this one when it fails.
      .catch((error: unknown) => {
        failed ??= error;
      })
      .finally(() => flying.delete(flight));
    flying.add(flight);
    if (from % (HISTORY_BATCH * 8) === 0) progress(from / history.length);
  }
  await Promise.all(flying);
  if (failed !== null) throw failed;
  const counts = { rows: history.length, events: history.length, quarantinedRows: 0 };
  await gateway.appendFact({ type: 'import.finished', run: RUN, ...counts });
}

/** @param before events of earlier batches: rows are numbered from 1 over the whole history. */
function prepared(batch: readonly DemoEvent[], before: number, now: number): InputEvent[] {
  const parsed = parseBatch('http', batch, {
    source: DEMO_SOURCE,
    zoneOffsets: UTC,
    defaultCurrency: DEMO.currency,
    policy: DEFAULT_POLICY,
    policyState: createPolicyState(),
    now,
    rejectAfterMs: REJECT_AFTER_MS,
  });
  return parsed.map((each, i) => {
    if (!each.ok) throw refusedBy(each.reason);
    each.value.producerNumber = before + i + 1;
    return each.value;
  });
}

/** @returns the position by which all of it is stored. */
async function sendRecent(gateway: Pick<Remote<GatewayHandlers>, 'ingest'>, recent: readonly DemoEvent[]) {
  let lastSeq = 0;
  for (let from = 0; from < recent.length; from += LIVE_BATCH) {
    const body = new TextEncoder().encode(JSON.stringify(recent.slice(from, from + LIVE_BATCH)));
    const request = { door: 'http', contentType: 'json', strict: false, traceId: null } as const;
    const answer = await gateway.ingest({ ...request, source: DEMO_SOURCE, body });
    acceptedAll(answer.rejected);
    lastSeq = Math.max(lastSeq, answer.lastSeq);
  }
  return lastSeq;
}

const refusedBy = ({ reason, detail }: { reason: string; detail: string }): Error =>
  new Error(`the demo's own events were refused: ${reason} (${detail})`);
function acceptedAll(rejected: readonly { reason: string; detail: string }[]): void {
  if (rejected[0] !== undefined) throw refusedBy(rejected[0]);
}
