// kill -9 of the server process, which holds the API and the threads of gateway, fold and tables; in every second round of its engines too.
// Its operator starts it again at the same address.
import { once } from 'node:events';
import { processesBelow } from '../support/program.ts';
import { type Fault, settings } from './fault.ts';
import { ProgramShop } from './program-shop.ts';
import { strikes } from './strikes.ts';

async function killAll(shop: ProgramShop): Promise<void> {
  const gone = once(shop.program.child, 'exit');
  shop.program.child.kill('SIGKILL');
  for (const pid of processesBelow(shop.dataDir)) process.kill(pid, 'SIGKILL');
  await gone;
}

export const killServer: Fault = {
  name: 'kill-server',
  about: 'kill -9 of the API’s process (all threads); every second round its engines too',
  full: settings(25, 5_000, 4),
  quick: settings(2, 1_000, 1),
  async run(settings, progress) {
    await using shop = await ProgramShop.open({ name: 'kill-server' });
    const hit = async (round: number) => {
      if (round % 2 === 0) await killAll(shop);
      else await shop.program.kill();
      await shop.restart();
    };
    return [await strikes(shop, settings, progress, { hit })];
  },
};
