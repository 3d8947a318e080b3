// Drives one import over the server's API: rows are read, mapped and sent in numbered batches; refused rows follow with their raw text;
// the end waits until every read model holds the run.
import { setTimeout as sleep } from 'node:timers/promises';
import { pack } from 'msgpackr';
import type { InputEvent, ParseContext } from '#domain/events.ts';
import { createImporter } from '#domain/import.ts';
import type { Imported } from '#domain/import-cells.ts';
import type { ImportMapping, RefusedRow } from '#domain/import-mapping.ts';
import type { Client } from '../client.ts';
import type { Io } from '../commands/command.ts';
import { createProgress } from '../progress.ts';
import { patiently } from './patience.ts';
import { type ImportDigests, rawRows, type Table } from './read-file.ts';

/** By the fold's verdict; rows = accepted + duplicates + quarantined. */
export interface ImportSummary {
  run: string;
  rows: number;
  events: number;
  accepted: number;
  duplicates: number;
  quarantined: number;
  customers: number;
  gross: Record<string, string>;
  refunds: Record<string, string>;
  reasons: Record<string, number>;
  /** Rows that earlier attempts at this file had left in the quarantine. */
  settled: number;
  /** What the server noticed about the workspace as a whole. */
  warnings: string[];
  seconds: number;
  asOf: { seq: number; at: string | null };
}

export interface ImportJob {
  client: Client;
  table: Table;
  mapping: ImportMapping;
  context: ParseContext;
  digests: ImportDigests;
  backfill: boolean;
  amend: boolean;
  /** Changes what the source holds of the past; undefined: as it is. */
  coverage: string | undefined;
  io: Io;
}

const EVENTS_PER_BATCH = 5_000;
const REFUSED_PER_BATCH = 5_000;
/** Batches on their way at once: one is stored while the next is read. */
const IN_FLIGHT = 3;

export async function runImport(job: ImportJob): Promise<ImportSummary> {
  const { client, table, mapping, context } = job;
  const run = await startRun(job);
  const progress = createProgress(`reading ${table.path}`, job.io);
  const importer = createImporter(mapping, table.header, context);
  const sender = createSender(client, run, job.io);
  const without: RefusedRow[] = [];
  let rows = 0;
  let events = 0;

  let pending: Imported = { events: [], refused: [] };
  const flush = async (least: number): Promise<void> => {
    if (pending.events.length + pending.refused.length < least) return;
    const batch = pending;
    pending = { events: [], refused: [] };
    events += batch.events.length;
    for (const refused of batch.refused) if (refused.raw === null) without.push(refused);
    await sender.send(
      batch.events,
      batch.refused.filter((refused) => refused.raw !== null),
    );
  };

  let read = 0;
  for await (const batch of table.batches((bytes) => {
    read = bytes;
  })) {
    rows += batch.numbers.length + batch.refused.length;
    pending.refused.push(...batch.refused);
    for (let i = 0; i < batch.numbers.length; i++)
      importer.row(batch.rows[i]!, batch.numbers[i]!, pending, batch.values?.[i]);
    await flush(EVENTS_PER_BATCH);
    progress.update(read, table.bytes, `${rows.toLocaleString('en-US')} rows`);
  }
  for (const piece of importer.finish()) {
    pending.events.push(...piece.events);
    pending.refused.push(...piece.refused);
    await flush(EVENTS_PER_BATCH);
  }
  await flush(1);
  // Orders refused as a whole are known only now; their lines are read from the file again.
  const raw = await rawRows(table, new Set(without.map((refused) => refused.rowNumber)));
  await sender.send(
    [],
    without.map((refused) => ({ ...refused, raw: raw.get(refused.rowNumber) ?? '' })),
  );
  await sender.done();
  progress.finish(`${rows.toLocaleString('en-US')} rows, ${events.toLocaleString('en-US')} events`);

  job.io.stderr('waiting for the read models …\n');
  const quarantinedRows = sender.quarantined;
  const summary = await client.call<ImportSummary>('POST', `/api/imports/${run}/finish`, {
    rows,
    events,
    quarantinedRows,
  });
  if (summary.rows !== rows)
    throw new Error(
      `the file has ${rows} rows but ${summary.rows} are accounted for (accepted ${summary.accepted}, duplicates ${summary.duplicates}, quarantined ${summary.quarantined}); please report this with run ${run}`,
    );
  return summary;
}

interface Started {
  run: string;
  resumed: boolean;
}

/** A run is named by its file and mapping, and numbered: an import run again is a run of its own, and the fold says what was new in it. */
async function startRun(job: ImportJob): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const run = `${job.digests.digest.slice(0, 16)}-${attempt}`;
    const started = await job.client.call<Started>('POST', '/api/imports', {
      run,
      source: job.context.source,
      ...job.digests,
      backfill: job.backfill,
      amend: job.amend,
      ...(job.coverage === undefined ? {} : { coverage: job.coverage }),
    });
    if (!started.resumed) return run;
  }
}

interface Stored {
  rejected: { index: number; reason: RefusedRow['reason']; detail: string }[];
}

/** Sends batches in order of number, a few at once; a failure stops the import at the next send. */
function createSender(client: Client, run: string, io: Io) {
  const patience = { say: io.stderr, pause: (ms: number) => sleep(ms) };
  const flying = new Set<Promise<void>>();
  let failure: unknown = null;
  let batch = 0;
  let quarantined = 0;

  const launch = async (work: () => Promise<void>): Promise<void> => {
    while (flying.size >= IN_FLIGHT) await Promise.race(flying);
    if (failure !== null) throw failure;
    const flight = work()
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => flying.delete(flight));
    flying.add(flight);
  };

  const quarantine = async (refused: RefusedRow[]): Promise<void> => {
    for (let from = 0; from < refused.length; from += REFUSED_PER_BATCH) {
      const rows = refused.slice(from, from + REFUSED_PER_BATCH).map(({ raw, ...row }) => ({ ...row, raw: raw ?? '' }));
      quarantined += rows.reduce((sum, row) => sum + row.rows, 0);
      const number = batch++;
      await launch(() =>
        patiently(() => client.call('POST', `/api/imports/${run}/quarantine?batch=${number}`, { rows }), patience),
      );
    }
  };

  return {
    get quarantined() {
      return quarantined;
    },
    async send(events: InputEvent[], refused: RefusedRow[]): Promise<void> {
      await quarantine(refused);
      if (events.length === 0) return;
      const number = batch++;
      const bytes = pack(events);
      await launch(async () => {
        const path = `/api/imports/${run}/events?batch=${number}`;
        const answer = await patiently(() => client.send<Stored>(path, bytes, 'application/msgpack'), patience);
        // What only the gateway can know (an erased customer, a clock ahead): kept like every other refusal.
        const late = answer.rejected.map(({ index, reason, detail }): RefusedRow => {
          const event = events[index]!;
          return { rowNumber: event.producerNumber, reason, detail, raw: JSON.stringify(event), rows: event.lines };
        });
        for (let from = 0; from < late.length; from += REFUSED_PER_BATCH) {
          const rows = late.slice(from, from + REFUSED_PER_BATCH);
          quarantined += rows.reduce((sum, row) => sum + row.rows, 0);
          const path = `/api/imports/${run}/quarantine?batch=${batch++}`;
          await patiently(() => client.call('POST', path, { rows }), patience);
        }
      });
    },
    async done(): Promise<void> {
      await Promise.all(flying);
      if (failure !== null) throw failure;
    },
  };
}
