// A score loop with tables of its own process, as a second instance or one to be stopped. Started by score-fencing.test.ts; prints what it has written.
// Every score says who computed it and at which position, so that a mixture would show.
import { setTimeout as sleep } from 'node:timers/promises';
import { createScoreLoop } from '#processors/scoring/scorer.ts';
import type { CustomerState } from '#projections/customers.ts';
import { startProjector } from '#projections/projector.ts';
import { connectNats, type NatsOptions } from '#streams/jetstream/connection.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { sid } from './support.ts';

const { nats, databaseUrl, from } = JSON.parse(process.argv[2]!) as {
  nats: NatsOptions;
  databaseUrl: string;
  from: number;
};
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const projector = startProjector({
  databaseUrl,
  store: createJetStreamStore(await connectNats(nats, { name: 'scoring' })),
  log: (level, _, message) => level !== 'info' && say({ said: message }),
  onFailure: ({ code }) => say({ said: code }),
});
const CUSTOMERS = 2_000;
const sids = new Uint8Array(Buffer.concat(Array.from({ length: CUSTOMERS }, (_, i) => sid(i))));
const column = (value: number) => new Float64Array(CUSTOMERS).fill(value);
let seq = from;
const loop = createScoreLoop({
  // Everybody has changed, at every look.
  dirtyRows: async (since) => {
    const rows = since >= seq ? new Uint8Array(0) : sids.slice();
    return { rows: { sids: rows } as unknown as CustomerState, seq };
  },
  score: async (_, rows, now) => ({
    sids: rows.sids,
    horizonDays: 90,
    refused: {},
    columns: {
      pChurn: column(now.seq / 1e9),
      pAlive: column(0.5),
      clvMean: column(now.seq),
      clvP05: column(now.seq),
      clvP50: column(now.seq),
      clvP95: column(now.seq),
      expectedPurchases: column(1),
    },
  }),
  chunk: CUSTOMERS + 1,
  writeScores: projector.writeScores,
  model: () => ({ id: 'clv_model@1' }),
  key: ({ id }) => id,
  left: async () => null,
  clock: () => ({ day: 20_000, at: 20_000 * 86_400_000, mode: 'log' }),
  log: { info: () => undefined, warn: (fields) => say({ said: JSON.stringify(fields) }) },
});
for (;;) {
  seq++;
  try {
    await loop.settle();
    say({ wrote: seq });
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    say(code === 'fenced' ? { failed: code } : { said: message });
    // The program tries on every second and says that scoring stands still; here one refusal is enough.
    if (code === 'fenced') break;
    await sleep(20);
  }
}
await loop[Symbol.asyncDispose]();
await projector.stop();
process.exit(0);
