// Days computed anew in another zone: shown first, then done by the server, which starts again for it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ZoneControl, ZonePreview } from '#api/deps.ts';
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
  summary: 'compute every earlier day anew after the workspace got another zone',
  help: `
axiom47 rebuild --zone [--yes] [--data-dir DIR] [--json]

After \`axiom47 workspace zone ZONE\` new events get their day in the new zone and earlier ones keep theirs. This gives every earlier day to the
zone in force, except dates that came without a time: the whole log is folded again and the tables are filled again. Answers about the log
as it stood before stay what they were. Without --yes it only shows for how many customers something would change.

A running server starts again for it and answers no requests meanwhile; what comes in by NATS waits. It may be interrupted at any moment: the
next start is wholly before or wholly after it.

Example: axiom47 workspace zone Europe/Berlin && axiom47 rebuild --zone --yes
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, { zone: { type: 'boolean' }, yes: { type: 'boolean' } });
    if (!values.zone || positionals.length > 0) throw new UsageError('rebuild --zone [--yes]');
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
