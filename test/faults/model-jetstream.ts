// The histories of model.test.ts on the real engines: JetStream, whose server is killed among them, and the tables in PostgreSQL, which change hands.
import { jetstreamManager } from '@nats-io/jetstream';
import fc from 'fast-check';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { createDatabase } from '../projections/support.ts';
import { startTestEngines } from '../support/engines.ts';
import { type Fault, settings } from './fault.ts';
import { histories, passed, play } from './model-commands.ts';
import { System } from './model-system.ts';

const COMMANDS = 30;

export const modelOnJetStream: Fault = {
  name: 'model',
  about:
    'random histories of sending, repeating, delaying, linking, erasing, crashing and restarting, on JetStream and PostgreSQL',
  full: settings(100, 0, 0),
  quick: settings(5, 0, 0),
  async run({ rounds, seed }, progress) {
    await using opened = new AsyncDisposableStack();
    const engines = opened.adopt(await startTestEngines(), (each) => each.stop());
    const nc = opened.adopt(await engines.nats.connect('model'), (each) => each.close());
    let runs = 0;
    let sent = 0;
    let killed = 0;
    passed.clear();
    const property = fc.asyncProperty(histories(true, COMMANDS), async (commands) => {
      // A log of its own: EVT forbids nothing but says where it ends.
      const { streams } = await jetstreamManager(nc);
      for await (const { config } of streams.list()) await streams.delete(config.name);
      await ensureTopology(nc);
      const databaseUrl = await createDatabase(engines, 'model');
      const store = createJetStreamStore(nc);
      const killServer = () => {
        const pid = engines.nats.pid();
        if (pid === undefined) return; // Dead already.
        killed++;
        process.kill(pid, 'SIGKILL');
      };
      await using system = await System.open({ store, databaseUrl, killServer });
      await play(system, commands);
      sent += system.sent;
      progress(`history ${++runs} of ${rounds}: ${system.sent} packs`);
    });
    const result = await fc.check(property, { numRuns: rounds, seed, endOnFailure: true });
    const points = [...passed].map(([point, times]) => `${point} ${times}×`);
    const disagreements = result.failed
      ? [
          `seed ${result.seed}, path ${result.counterexamplePath}: ${String(result.counterexample)}: ${String(result.errorInstance)}`,
        ]
      : [];
    const notes = [`sent is packs; ${killed} kills of nats-server`, ...points];
    return [{ what: '', rounds: runs, sent, lost: 0, doubled: 0, recoveryMs: [], lagMs: [], notes, disagreements }];
  },
};
