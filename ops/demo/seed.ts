// Fills the demo workspace through the gateway, like any publisher would, and fits its model. May be cut off anywhere: every event has its id,
// so a start that finds the demo unfinished sends all of it again and the fold counts each once. The truth is kept beside the log, never in it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FitRequest, Truth } from '#api/deps.ts';
import type { GatewayHandlers } from '#streams/gateway/protocol.ts';
import type { Remote } from '#streams/rpc.ts';
import type { DataDir } from '../data-dir.ts';
import { replaceFile } from '../engines/durable-file.ts';
import { DEMO, generateDemo } from './generator.ts';

const BATCH = 500;
export const DEMO_SOURCE = 'api';

export interface SeedDeps {
  dir: DataDir;
  gateway: Pick<Remote<GatewayHandlers>, 'ingest'>;
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
    const { events, truth: whole } = generateDemo();
    replaceFile(marker, `${JSON.stringify({ seeded: false, truth: whole })}\n`, 0o600);
    let lastSeq = 0;
    for (let from = 0; from < events.length; from += BATCH) {
      const body = new TextEncoder().encode(JSON.stringify(events.slice(from, from + BATCH)));
      const answer = await gateway.ingest({
        door: 'http',
        source: DEMO_SOURCE,
        body,
        contentType: 'json',
        strict: false,
        traceId: null,
      });
      if (answer.rejected.length > 0)
        throw new Error(
          `the demo's own events were refused: ${answer.rejected[0]!.reason} (${answer.rejected[0]!.detail})`,
        );
      lastSeq = Math.max(lastSeq, answer.lastSeq);
      if (from % (BATCH * 20) === 0) steps.progress(`demo: events ${Math.round((100 * from) / events.length)} %`);
    }
    steps.progress(`demo: ${events.length.toLocaleString('en-US')} events stored (${lap()})`);
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
    log.info({ events: events.length, ms: Math.round(performance.now() - begun) }, 'demo seeded');
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
