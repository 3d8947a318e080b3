// Publishers that repeat themselves, and publishers whose events come late, out of order and by wrong clocks. The state is that of the set.
import { jetstream } from '@nats-io/jetstream';
import { connectNats } from '#streams/jetstream/connection.ts';
import { type Fault, outcome, settings } from './fault.ts';
import { type Door, Producers } from './producers.ts';
import { ProgramShop, pause } from './program-shop.ts';
import { SOURCE, scatter, shopOf } from './shop.ts';

/** Batches of 200 that are more events than the gateway remembers (2^18). */
const BEYOND_MEMORY = 1_400;

/** Hands out until so many batches have been, then waits for all. */
async function until(producers: Producers, handed: number): Promise<void> {
  while (producers.handed < handed) await pause(20);
  await producers.finish();
}

export const duplicates: Fault = {
  name: 'duplicates',
  about: 'every event twice at once, again beyond the gateway’s memory, again after kill -9, again by another door',
  full: settings(4, 20_000, 0),
  quick: settings(4, 20_000, 0),
  async run({ rate }, progress) {
    await using shop = await ProgramShop.open({ name: 'duplicates' });
    const events = BEYOND_MEMORY * shop.perRequest;
    progress(`${events} events, each twice, by two connections at a time`);
    await until(
      shop.produce(rate, (k) => Math.floor(k / 2) % BEYOND_MEMORY),
      2 * BEYOND_MEMORY,
    );
    progress('all again, older than what the gateway remembers');
    await until(
      shop.produce(rate, (k) => k % BEYOND_MEMORY),
      BEYOND_MEMORY,
    );
    progress('kill -9, and all again');
    await shop.program.kill();
    await shop.restart();
    await until(
      shop.produce(rate, (k) => (k * 7) % BEYOND_MEMORY),
      BEYOND_MEMORY,
    );
    progress('all again by NATS');
    const nc = await connectNats(shop.nats(), { name: 'publisher' });
    const js = jetstream(nc, { timeout: 10_000 });
    const open = async (): Promise<Door> => ({
      send: async (k) => (await js.publish(`in.${SOURCE}`, shop.body(k % BEYOND_MEMORY))).seq,
      [Symbol.dispose]: () => undefined,
    });
    await until(new Producers({ open, perSecond: rate / shop.perRequest, doors: 4 }), BEYOND_MEMORY);
    await nc.close();
    await shop.inIsEmpty();
    progress(`judging ${events} events`);
    const verdict = await shop.judged(events);
    return [outcome('', 5, verdict, { notes: [`${5 * events} sent in all`] })];
  },
};

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Producers, each with a clock of its own. */
const CLOCKS = 16;
/** A prime that divides no count of events we send: k → k · P mod N is every number once, in no order. */
const PRIME = 7_368_787;

export const disorder: Fault = {
  name: 'disorder',
  about: 'order permuted, 2 % late by 1–30 days, producers’ clocks wrong by up to ± 10 min',
  full: settings(1, 10_000, 60),
  quick: settings(1, 2_000, 5),
  async run({ rate, seconds }, progress) {
    const perRequest = 200;
    const batches = Math.max(1, Math.round((rate * seconds) / perRequest));
    const events = batches * perRequest;
    const begin = Date.now() - 2 * DAY;
    /** What truly happened one after another within an hour, as its producer's clock and its lateness have it. */
    const at = (n: number): number => {
      const truly = begin + Math.floor((n / events) * HOUR);
      const wrong = (scatter(n % CLOCKS, 5) % 1_201) - 600;
      const late = scatter(n, 6) % 50 === 0 ? (1 + (scatter(n, 7) % 30)) * DAY : 0;
      return truly + wrong * 1_000 - late;
    };
    await using shop = await ProgramShop.open({ name: 'disorder', shop: shopOf(2_000, at), perRequest });
    shop.numberOf = (k) => Number((BigInt(k) * BigInt(PRIME)) % BigInt(events));
    await until(
      shop.produce(rate, (k) => k % batches),
      batches,
    );
    progress(`judging ${events} events`);
    return [outcome('', 1, await shop.judged(events))];
  },
};
