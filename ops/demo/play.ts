// The demo goes on living: what its customers do after the log's end (the future the generator kept apart) arrives one event at a time,
// so that forecasts meet what comes. Every event has its id: a start that repeats one changes nothing.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GatewayHandlers } from '#streams/gateway/protocol.ts';
import type { Remote } from '#streams/rpc.ts';
import type { DataDir } from '../data-dir.ts';
import { replaceFile } from '../engines/durable-file.ts';
import { DEMO, type DemoEvent, generateDemo } from './generator.ts';

/** Half a year in about two hours. */
const EVERY_MS = 1_000;
const SAVE_EVERY = 60;

export interface PlayDeps {
  dir: DataDir;
  gateway: Pick<Remote<GatewayHandlers>, 'ingest'>;
  source: string;
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

export function playDemo({ dir, gateway, source, log }: PlayDeps): AsyncDisposable {
  const file = join(dir.path, 'demo-played.json');
  const { future } = generateDemo();
  const saved = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as { played: number; start?: number })
    : null;
  if (saved !== null && saved.start !== DEMO.start) {
    log.warn(
      { folder: dir.path },
      'this demo was made by an earlier version: it stands still; remove its folder for a new one',
    );
    return { [Symbol.asyncDispose]: async () => undefined };
  }
  let next = saved?.played ?? 0;
  let sending: Promise<void> | null = null;
  let failing = false;

  const save = () => replaceFile(file, `${JSON.stringify({ played: next, start: DEMO.start })}\n`, 0o600);
  async function send(event: DemoEvent): Promise<void> {
    const body = new TextEncoder().encode(JSON.stringify(event));
    await gateway.ingest({ door: 'http', source, body, contentType: 'json', strict: false, traceId: null });
    next++;
    failing = false;
    if (next % SAVE_EVERY === 0) save();
  }
  const timer = setInterval(() => {
    const event = future[next];
    if (event === undefined) {
      clearInterval(timer);
      log.info({ events: next }, 'the demo has played to its end');
      return;
    }
    // An event of tomorrow would be refused: the shop lives no faster than time.
    if (sending || Date.parse(event.at) > Date.now()) return;
    sending = send(event)
      .catch((error: unknown) => {
        // Tried again every second; said once.
        if (!failing) log.warn({ error: String(error) }, 'the demo stands still');
        failing = true;
      })
      .finally(() => {
        sending = null;
      });
  }, EVERY_MS);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await sending;
      save();
    },
  };
}
