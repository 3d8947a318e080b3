// One benchmark in a process of its own: nothing compiled, allocated or left open by another one. Told by name, tells its parent.
import { CannotRun, type Measurement } from './benchmark.ts';
import { catalogue } from './catalogue.ts';

/** In this order: any number of `progress`, then one of the others. */
export type Told = { progress: string } | { measurements: Measurement[] } | { cannot: string } | { failed: string };

const tell = (told: Told) => new Promise<void>((done) => process.send!(told, () => done()));

const [name] = process.argv.slice(2);
const benchmark = Object.values(catalogue)
  .flat()
  .find((each) => each.name === name);
// Stopped, or the parent went away: nobody wants the figures. An orderly exit ends the programs this one has started.
for (const event of ['disconnect', 'SIGTERM', 'SIGINT'] as const) process.on(event, () => process.exit(1));
try {
  if (!benchmark) throw new Error(`there is no benchmark '${name}'`);
  const measurements = await benchmark.run((progress) => void tell({ progress }));
  await tell({ measurements });
} catch (error) {
  if (error instanceof CannotRun) await tell({ cannot: error.message });
  else await tell({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}
process.exit(0);
