// Real engines for integration tests: one pair per test file, in a temporary data directory, on free ports.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type DataDir, openDataDir } from '#ops/data-dir.ts';
import { type EngineSettings, type Engines, startEngines } from '#ops/engines/supervisor.ts';

export type TestEngines = Engines & { readonly dataDir: DataDir };

/**
 * `const engines = await startTestEngines()` in `beforeAll`, `await engines.stop()` in `afterAll`. The same engines, settings and durability
 * as in production; `stop` also removes the directory. Streams and databases are the test's own to create.
 */
export async function startTestEngines(settings: Partial<EngineSettings> = {}): Promise<TestEngines> {
  const path = mkdtempSync(join(tmpdir(), 'axiom47-engines-'));
  const dataDir = await openDataDir(path, { create: true, name: 'test' });
  const clean = async () => {
    await dataDir.close();
    rmSync(path, { recursive: true, force: true });
  };
  try {
    const engines = await startEngines(
      { nats: { searchPath: '/usr/local/bin:/usr/bin:/bin', ...settings.nats }, postgres: { ...settings.postgres } },
      dataDir,
      pino({ level: 'silent' }),
    );
    const stop = async () => {
      await engines.stop();
      await clean();
    };
    return { ...engines, dataDir, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await clean();
    throw error;
  }
}
