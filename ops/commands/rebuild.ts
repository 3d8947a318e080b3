// The tables filled anew beside the live ones; days computed anew in another zone (shown first, then done by the server, which starts again).
import { setTimeout as sleep } from 'node:timers/promises';
import type { RebuildState, ZoneControl, ZonePreview } from '#api/deps.ts';
import { type Client, createClient, dataDirOf, withServer } from '../client.ts';
import { findRunning } from '../data-dir.ts';
import { type Command, type Io, UsageError } from './command.ts';
import { parseCommand, print } from './options.ts';

type Zone = Awaited<ReturnType<ZoneControl['current']>>;

const POLL_MS = 250;
const SAY_MS = 2_000;
/** Without any progress for so long the server is not coming back. */
const PATIENCE_MS = 180_000;

export const rebuild: Command = {
  name: 'rebuild',
  summary: 'fill the tables anew beside the live ones; compute every earlier day anew in another zone',
  help: `
axiom47 rebuild tables [--data-dir DIR] [--json]
axiom47 rebuild --zone [--yes]

tables: fills the read models again from the log, beside the live ones, compares every customer with the ledger and then puts them in the place of the
live ones, which are read and written meanwhile. Says for how many customers the old ones were different. Tables that do not equal the
ledger are thrown away and the live ones stay.

--zone: after \`axiom47 workspace zone ZONE\` new events get their day in the new zone and earlier ones keep theirs. This gives every earlier day to the
zone in force, except dates that came without a time: the whole log is folded again and the tables are filled again. Answers about the log
as it stood before stay what they were. Without --yes it only shows for how many customers something would change.

A running server starts again for it and answers no requests meanwhile; what comes in by NATS waits. It may be interrupted at any moment: the
next start is wholly before or wholly after it.

Example: axiom47 workspace zone Europe/Berlin && axiom47 rebuild --zone --yes
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, { zone: { type: 'boolean' }, yes: { type: 'boolean' } });
    const tables = positionals.length === 1 && positionals[0] === 'tables' && !values.zone && !values.yes;
    if (!tables && (!values.zone || positionals.length > 0))
      throw new UsageError('rebuild takes `tables`, or --zone [--yes]');
    if (tables)
      return withServer(dataDirOf(values['data-dir']), { io }, (client) => rebuildTables(client, values.json, io));
    const dataDir = dataDirOf(values['data-dir']);
    const own = findRunning(dataDir) === undefined;
    const asked = await withServer(dataDir, { io }, async (client) => {
      io.stderr('folding the log in the zone of new events …\n');
      const preview = await client.call<ZonePreview>('POST', '/api/zone/preview');
      io.stderr(`${inWords(preview)}\n`);
      if (!values.yes) return { preview, said: null };
      return { preview, said: await client.call<{ seq: number; version: number }>('POST', '/api/zone/rebuild') };
    });
    const { preview, said } = asked;
    if (said === null) {
      print(io, values.json, { ...preview, rebuilt: false }, () => 'Nothing was done yet: say it again with --yes.');
      return 0;
    }
    if (own) await withServer(dataDir, { io }, (client) => untilRebuilt(() => client, said, io));
    else
      await untilRebuilt(
        () => {
          const running = findRunning(dataDir);
          if (running === undefined) throw new Error(`the server of ${dataDir} has ended`);
          return createClient(running.url, running.token);
        },
        said,
        io,
      );
    print(io, values.json, { ...preview, rebuilt: true, at: said.seq }, () => `done at log position ${said.seq}`);
    return 0;
  },
};

async function rebuildTables(client: Client, json: boolean | undefined, io: Io): Promise<number> {
  await client.call<RebuildState>('POST', '/api/rebuild');
  for (let spoke = performance.now(); ; await sleep(POLL_MS)) {
    const state = await client.call<RebuildState>('GET', '/api/rebuild');
    const { step, seq, of, rows, ms, differs, first, detail } = state;
    if (step === 'done' || step === 'failed') {
      print(io, json, state, () =>
        step === 'failed'
          ? 'Nothing was switched.'
          : `${rows} rows in ${(ms / 1000).toFixed(1)} s, compared with the ledger and live from log position ${seq} on; ` +
            `the tables before were different for ${differs} customers${first.length > 0 ? ` (sid_key ${first.join(', ')})` : ''}`,
      );
      if (step === 'failed') io.stderr(`axiom47: ${detail}\n`);
      return step === 'done' ? 0 : 1;
    }
    if (performance.now() - spoke < SAY_MS) continue;
    spoke = performance.now();
    io.stderr(`${step} … log position ${seq} of ${of}\n`);
  }
}

const inWords = (preview: ZonePreview): string =>
  `${preview.zone} (version ${preview.version}): the number of repeat purchases changes for ${preview.frequency} of ${preview.customers} customers ` +
  `(${preview.repeatsBefore} → ${preview.repeatsAfter} in all), some day for ${preview.days}`;

/** Until fold and tables hold the log with days of that zone. The server is away meanwhile, so that not being answered is no failure yet. */
async function untilRebuilt(client: () => Client, said: { seq: number; version: number }, io: Io): Promise<void> {
  let moved = performance.now();
  let spoke = moved;
  let last = '';
  let trouble: unknown;
  for (;;) {
    try {
      const zone = await client().call<Zone>('GET', '/api/zone');
      if (zone.rezoned >= said.version && zone.seq >= said.seq && zone.tablesSeq >= said.seq) return;
      const now = `tables at ${zone.tablesSeq} of ${zone.seq}`;
      if (now !== last) moved = performance.now();
      last = now;
    } catch (error) {
      trouble = error;
    }
    const now = performance.now();
    if (now - moved > PATIENCE_MS)
      throw new Error(
        `the rebuild is in the log at ${said.seq} and holds from the next start on, but the server does not come back; look at its log`,
        { cause: trouble },
      );
    if (now - spoke > SAY_MS) {
      spoke = now;
      io.stderr(`rebuilding … ${last}\n`);
    }
    await sleep(POLL_MS);
  }
}
