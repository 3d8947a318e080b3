// Read models built anew beside the live ones; days computed anew in another zone (shown first, then done by the server, which starts again).
import { setTimeout as sleep } from 'node:timers/promises';
import {
  REBUILD_TARGETS,
  type RebuildState,
  type RebuildTarget,
  type ZoneControl,
  type ZonePreview,
} from '#api/integrity-deps.ts';
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
  summary: 'build tables or the ledger anew beside what is live; compute every earlier day anew in another zone',
  help: `
axiom47 rebuild NAME [--data-dir DIR] [--json]
axiom47 rebuild --zone [--yes]

NAME is what is built anew, beside what is live and is read and written meanwhile:
  tables     orders, refunds, activities, links, erasures, deployments, and one row a customer: \`events\` and \`customers\` in one
  events     all of these that come from the log
  customers  one row a customer, from the ledger
  scores     everybody scored again by the models in force
  ledger     the fold in memory, from the start of the log: compared with the one that serves, whose place it takes; predictions are answered
             meanwhile. Where the two differ it must equal the tables (that is a defect to report: exit code 1), else what serves stays
Tables are compared with the ledger customer by customer and then take the place of the live ones in one short step; tables that do not equal
the ledger are thrown away and the live ones stay. Says for how many customers what was live is different. Scores are compared where model,
position and clock are the same. While it builds, stderr shows how far it is, rows a second and what remains. When it is interrupted at
any moment, what is live is as it was.

--zone: after \`axiom47 workspace zone ZONE\` new events get their day in the new zone and earlier ones keep theirs. This gives every earlier day to the
zone in force, except dates that came without a time: the whole log is folded again and the tables are filled again. Answers about the log
as it stood before stay what they were. Without --yes it only shows for how many customers something would change.

A running server starts again for it and answers no requests meanwhile; what comes in by NATS waits. It may be interrupted at any moment: the
next start is wholly before or wholly after it.

Example: axiom47 workspace zone Europe/Berlin && axiom47 rebuild --zone --yes
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, { zone: { type: 'boolean' }, yes: { type: 'boolean' } });
    const what = REBUILD_TARGETS.find((name) => positionals.length === 1 && positionals[0] === name);
    if (what === undefined ? !values.zone || positionals.length > 0 : values.zone || values.yes)
      throw new UsageError(`rebuild takes one of ${REBUILD_TARGETS.join(', ')}; or --zone [--yes]`);
    if (what !== undefined)
      return withServer(dataDirOf(values['data-dir']), { io }, (client) =>
        rebuildBeside(client, what, values.json, io),
      );
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

async function rebuildBeside(client: Client, what: RebuildTarget, json: boolean | undefined, io: Io): Promise<number> {
  await client.call<RebuildState>('POST', `/api/rebuild?what=${what}`);
  for (let spoke = performance.now(); ; await sleep(POLL_MS)) {
    const state = await client.call<RebuildState>('GET', '/api/rebuild');
    const { step, seq, rows, ms, compared, differs, first, detail } = state;
    if (step === 'done' || step === 'failed') {
      print(io, json, state, () =>
        step === 'failed'
          ? 'Nothing was switched.'
          : `${what}: ${rows} ${what === 'scores' ? 'scores' : 'events and rows'} in ${(ms / 1000).toFixed(1)} s (${perSecond(state)}), ` +
            `${compared} customers compared with the ledger, log position ${seq}: ${detail}; ` +
            `what was live is different for ${differs} customers${first.length > 0 ? ` (${first.join(', ')})` : ''}`,
      );
      if (step === 'failed') io.stderr(`axiom47: ${detail}\n`);
      return step === 'done' && !(what === 'ledger' && differs !== 0) ? 0 : 1;
    }
    if (performance.now() - spoke < SAY_MS) continue;
    spoke = performance.now();
    io.stderr(`${progressOf(state)}\n`);
  }
}

const BAR = 24;
const perSecond = ({ rows, ms }: RebuildState): string => `${Math.round(ms > 0 ? (rows * 1000) / ms : 0)} rows/s`;

/** @example progressOf({ step: 'building', seq: 50, of: 100, rows: 9000, ms: 3000, … }) // 'building   ████████████░░░░░░░░░░░░ 50 %, 3000 rows/s, 3 s left' */
export function progressOf(state: RebuildState): string {
  const { step, seq, of, ms } = state;
  const share = of > 0 ? Math.min(1, seq / of) : 1;
  const full = Math.round(share * BAR);
  const bar = `${step.padEnd(10)} ${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${Math.floor(share * 100)} %`;
  if (step !== 'building') return bar;
  const left = share > 0 ? `, ${Math.ceil((ms / share - ms) / 1000)} s left` : '';
  return `${bar}, ${perSecond(state)}${left}`;
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
