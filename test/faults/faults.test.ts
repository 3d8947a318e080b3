// A small part of `npm run test:faults` (ops/faults.md has the whole, with figures), and the proof that its judge can condemn.
import { afterAll, expect, test } from 'vitest';
import { withClient } from '../projections/support.ts';
import { removeFolders } from '../support/program.ts';
import { catalogue } from './catalogue.ts';
import type { Fault } from './fault.ts';
import { faultPoints } from './fault-points.ts';
import { ProgramShop } from './program-shop.ts';
import { strikes } from './strikes.ts';

afterAll(removeFolders);
const quiet = () => undefined;
const quick = (fault: Fault) => fault.run(fault.quick, quiet);

test('kill -9 of nats-server while events are posted: nothing lost, nothing doubled; and the judge sees what is', async () => {
  await using shop = await ProgramShop.open({ name: 'judge', perRequest: 50 });
  const hit = () => void process.kill(shop.program.enginePid('nats'), 'SIGKILL');
  const survived = await strikes(shop, { rounds: 2, rate: 1_000, seconds: 0.5, seed: 47 }, quiet, { hit });
  expect(survived).toMatchObject({ rounds: 2, lost: 0, doubled: 0, disagreements: [] });
  expect(survived.sent).toBeGreaterThan(500);

  // Said to be acknowledged, and never sent.
  const more = await shop.judged(survived.sent + 50);
  expect(more).toMatchObject({ lost: 50, doubled: 0 });
  expect(more.disagreements.join()).toContain('50 acknowledged events are not in the log');
  // In the log, and nobody was told so.
  const fewer = await shop.judged(survived.sent - 50);
  expect(fewer).toMatchObject({ lost: 0, doubled: 50 });

  const url = shop.program.databaseUrl();
  await withClient(url, (client) =>
    client.query(
      `update rm.transactions set minor = minor + 1 where order_key = (select min(order_key) from rm.transactions)`,
    ),
  );
  const altered = await shop.judged(survived.sent);
  expect(altered.disagreements.join('\n')).toMatch(
    /gross in the tables.*events: sid \w+ at \d+ differs.*verify --projections: 1 mismatches/s,
  );
  await withClient(url, (client) =>
    client.query(`delete from rm.transactions where order_key = (select max(order_key) from rm.transactions)`),
  );
  expect(await shop.judged(survived.sent)).toMatchObject({ lost: 1, doubled: 0 });
}, 180_000);

test('kill -9 of gateway, fold and tables at random named points: nothing lost, nothing doubled', async () => {
  const [outcome] = await quick(faultPoints);
  expect(outcome).toMatchObject({ rounds: 9, lost: 0, doubled: 0, disagreements: [] });
  expect(outcome!.sent).toBeGreaterThan(1_000);
}, 180_000);

test('every fault has a name of its own', () => {
  const names = catalogue.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});
