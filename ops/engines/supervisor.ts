// Both engines, started side by side and kept running: without them there is no platform.
import { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import type { DataDir } from '../data-dir.ts';
import type { EngineState } from './child.ts';
import { type NatsEngine, type NatsSettings, startNats } from './nats.ts';
import { type PostgresEngine, type PostgresSettings, startPostgres } from './postgres.ts';

type EngineName = 'nats' | 'postgres';
/** The part of the Config the engines need. */
export type EngineSettings = { readonly nats: NatsSettings; readonly postgres: PostgresSettings };

export type Engines = AsyncDisposable & {
  readonly nats: NatsEngine;
  readonly postgres: PostgresEngine;
  /** starting → ready → (down → starting → ready)* → stopped */
  state(engine: EngineName): EngineState;
  on(event: 'engine-down' | 'engine-up', listener: (engine: EngineName) => void): void;
  stop(): Promise<void>;
};

/** @throws EngineError when one of them cannot run; the other is stopped before. */
export async function startEngines(settings: EngineSettings, dataDir: DataDir, log: Logger): Promise<Engines> {
  const events = new EventEmitter<Record<'engine-down' | 'engine-up', [EngineName]>>();
  const states: Record<EngineName, EngineState> = { nats: 'starting', postgres: 'starting' };
  const watch = (engine: EngineName) => (state: EngineState) => {
    states[engine] = state;
    if (state === 'down') events.emit('engine-down', engine);
    if (state === 'ready') events.emit('engine-up', engine);
  };
  const [nats, postgres] = await Promise.allSettled([
    startNats(settings.nats, dataDir, log.child({ engine: 'nats' }), watch('nats')),
    startPostgres(settings.postgres, dataDir, log.child({ engine: 'postgres' }), watch('postgres')),
  ]);
  if (nats.status === 'rejected' || postgres.status === 'rejected') {
    const started = [nats, postgres].flatMap((engine) => (engine.status === 'fulfilled' ? [engine.value] : []));
    await Promise.all(started.map((engine) => engine.stop()));
    throw nats.status === 'rejected'
      ? nats.reason
      : postgres.status === 'rejected'
        ? postgres.reason
        : new Error('unreachable');
  }
  const stop = async () => {
    await Promise.all([nats.value.stop(), postgres.value.stop()]);
  };
  return {
    nats: nats.value,
    postgres: postgres.value,
    state: (engine) => states[engine],
    on: (event, listener) => void events.on(event, listener),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
