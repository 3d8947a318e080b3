// Processes beside the test that write its database and may be killed or stopped; none outlives the file of tests.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll } from 'vitest';
import type { StoredEvent } from '#domain/envelope.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { startTestEngines, type TestEngines } from '../support/engines.ts';
import { createDatabase, event, packOf, sid } from './support.ts';

export interface Beside {
  child: ChildProcess;
  /** Its lines so far. */
  said: string[];
  closed: Promise<unknown>;
}

/** To be called once at the head of a file: engines for all its tests. */
export function besideEngines() {
  let engines: TestEngines;
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    engines = await startTestEngines();
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await engines.stop();
  });
  return {
    engines: (): TestEngines => engines,
    /** @param program a file beside the tests; gets the engines and `argument`. @param hear is told each line. */
    start(
      program: string,
      argument: object,
      hear: (line: string, child: ChildProcess) => void = () => undefined,
    ): Beside {
      const path = new URL(`./${program}`, import.meta.url).pathname;
      const given = JSON.stringify({ nats: engines.nats.options, ...argument });
      const child = spawn(process.execPath, [path, given], { stdio: ['ignore', 'pipe', 'inherit'] });
      children.push(child);
      const said: string[] = [];
      createInterface({ input: child.stdout! }).on('line', (line) => {
        said.push(line);
        hear(line, child);
      });
      return { child, said, closed: once(child, 'close') };
    },
  };
}

/** An empty log and database, and orders numbered from 0, a cent more each, of some thirty customers. */
export async function openOrders(engines: TestEngines, label: string) {
  const nc = await engines.nats.connect('test');
  await ensureTopology(nc);
  const store = createJetStreamStore(nc);
  let orders = 0;
  return {
    store,
    databaseUrl: await createDatabase(engines, label),
    orders: (): number => orders,
    async append(packs: number): Promise<void> {
      for (let p = 0; p < packs; p++)
        await store.append(
          'evt.0.main',
          packOf(
            Array.from({ length: PACK }, (): StoredEvent => {
              const id = orders++;
              return event({ sid: sid(id % 30), id: `o${id}`, order: `o${id}`, minor: id });
            }),
          ),
        );
    },
    [Symbol.asyncDispose]: () => nc.close(),
  };
}
const PACK = 20;
