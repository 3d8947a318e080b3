// File imports, as the command line drives them: start a run, append parsed rows in batches, hand over what could not be parsed, finish.
// Every step may be repeated: a run and a batch carry their own names, and the same name again gets the same answer.
import { z } from '@hono/zod-openapi';
import { gapWarning } from '#domain/clock.ts';
import { REASON_CODES } from '#domain/events.ts';
import { formatMinor } from '#domain/money.ts';
import { rateCommand, withoutRate } from '#domain/rates.ts';
import { DAY_MS } from '#domain/time.ts';
import type { RunStats } from '#projections/memory/runs.ts';
import type { Deps } from '../deps.ts';
import type { Predictions } from '../predict/service.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer, jsonBody } from '../schemas.ts';

const BATCH_BODY = 32 * 1024 * 1024;
const MAX_RUNS = 200;
/** SHA-256 of the empty text: an example. */
const DIGEST = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

const RunId = z.string().regex(/^[0-9A-Za-z_-]{8,64}$/, '8 to 64 letters, digits, - and _');
const Params = z.object({ run: RunId });
const BatchQuery = z.object({
  batch: z.coerce.number().int().min(0).optional().describe('Number of this batch; makes a retry safe'),
});
const Appended = z.object({
  appended: z.number(),
  rejected: z.array(z.object({ index: z.number(), reason: z.string(), detail: z.string() })),
  seq: z.number(),
});
const Reasons = z.record(z.string().max(40), z.number().int().min(0));
/** Conflicts are the fold's to find. */
const Refused = z.enum(REASON_CODES).exclude(['conflict']);
const Money = z.record(z.string(), z.string());
const Summary = z.object({
  run: z.string(),
  rows: z.number(),
  events: z.number(),
  accepted: z.number(),
  duplicates: z.number(),
  quarantined: z.number(),
  customers: z.number(),
  gross: Money,
  refunds: Money,
  reasons: Reasons,
  settled: z.number().describe('Rows that earlier attempts at this file had left in the quarantine: taken out'),
  warnings: z.array(z.string()),
  seconds: z.number(),
  asOf: z.object({ seq: z.number(), at: z.string().nullable() }),
});

interface Run {
  source: string;
  file: string | undefined;
  startedAt: number;
  batches: Map<number, z.infer<typeof Appended>>;
  quarantined: Set<number>;
  lastSeq: number;
  finished: Promise<z.infer<typeof Summary>> | null;
}

const decimals = (sums: RunStats['gross']): Record<string, string> =>
  Object.fromEntries(Object.entries(sums).map(([currency, minor]) => [currency, formatMinor(minor, currency)]));

export function importRoutes(deps: Deps, predictions: Predictions) {
  const { gateway, fold, tables } = deps;
  const runs = new Map<string, Run>();

  const runOf = (id: string): Run => {
    const run = runs.get(id);
    if (!run)
      throw new Problem(
        'not-found',
        `import ${id} was not started here (or the server was restarted): POST /api/imports with this run first`,
      );
    return run;
  };
  const remember = (id: string, run: Run): void => {
    if (runs.size >= MAX_RUNS) {
      const oldest = runs.keys().next().value;
      if (oldest !== undefined) runs.delete(oldest);
    }
    runs.set(id, run);
  };

  async function summarise(id: string, run: Run, told: { rows: number; events: number; quarantinedRows: number }) {
    const seq = await gateway.appendFact({ type: 'import.finished', run: id, ...told });
    await fold.waitFor(seq);
    await tables.waitFor(seq);
    const stats = await fold.runStats(id);
    if (!stats) throw new Problem('conflict', `the log does not know import ${id}; start it again`);
    const reasons = { ...(await deps.quarantine.counts({ run: id })) };
    // The fold is the judge of conflicts, and of what belongs to the erased.
    if (stats.conflictRows > 0) reasons.conflict = stats.conflictRows;
    if (stats.ignoredRows > 0) reasons.erased = (reasons.erased ?? 0) + stats.ignoredRows;
    const { source, file, startedAt: since } = run;
    const quarantined = Object.values(reasons).reduce((sum, rows) => sum + rows, 0);
    const rows = stats.acceptedRows + stats.duplicateRows + quarantined;
    // A file is settled by having been read: a run without its rows would only empty the quarantine.
    const whole = rows > 0 && rows === told.rows;
    const settled = file !== undefined && whole ? await deps.quarantine.settle({ source, file, run: id, since }) : 0;
    const moment = predictions.now();
    const { clockDay, priorDay } = await fold.position();
    const gap = moment.clock === 'log' ? gapWarning(clockDay, priorDay) : null;
    const { reportingCurrency, rates } = await fold.facts();
    // When each order was made the run does not say: a rate of any day counts as one here.
    const foreign = Object.keys(stats.gross).map((code) => ({ currency: code, firstDay: Number.POSITIVE_INFINITY }));
    const unrated = withoutRate(foreign, { reportingCurrency, rates }).map(
      ({ currency }) =>
        `no rate from ${currency} into ${reportingCurrency}: the value of customers with such money is not predicted until ${rateCommand(currency, null)} gives one`,
    );
    return {
      run: id,
      rows,
      events: stats.acceptedEvents + stats.duplicateEvents + stats.conflictEvents,
      accepted: stats.acceptedRows,
      duplicates: stats.duplicateRows,
      quarantined,
      customers: stats.customers,
      gross: decimals(stats.gross),
      refunds: decimals(stats.refunds),
      reasons,
      settled,
      warnings: [...(gap === null ? [] : [gap]), ...unrated],
      seconds: Math.round(deps.now() - run.startedAt) / 1000,
      asOf: { seq: moment.seq, at: moment.atText },
    };
  }

  return createRouter()
    .openapi(
      route({
        method: 'post',
        path: '/api/imports',
        permission: 'import:write',
        tags: ['imports'],
        summary: 'Start a run; the same run again goes on where it was',
        request: jsonBody(
          z.strictObject({
            run: RunId,
            source: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/),
            digest: z.string().regex(/^[0-9a-f]{64}$/, 'SHA-256 of file and mapping, hex'),
            file: z
              .string()
              .regex(/^[0-9a-f]{64}$/, 'SHA-256, hex')
              .optional()
              .describe(
                'Of what is read, whatever the mapping: the end of this run, when it has rows and all are accounted for, settles what earlier ones of it left refused',
              ),
            backfill: z.boolean().default(true),
            amend: z.boolean().default(false),
            coverage: z
              .union([z.literal('complete'), z.iso.date()])
              .optional()
              .describe('Changes what the source holds of the past; as it is without it'),
          }),
          { 'a file of orders': { run: 'orders-2025-11-03', source: 'shop', digest: DIGEST, coverage: 'complete' } },
        ),
        responses: {
          200: jsonAnswer(
            'Going on',
            z.object({ run: z.string(), seq: z.number(), resumed: z.boolean(), batches: z.array(z.number()) }),
          ),
        },
      }),
      async (c) => {
        const { run: id, source, digest, file, backfill, amend, coverage } = c.req.valid('json');
        const going = runs.get(id);
        if (going) {
          if (going.source !== source) throw new Problem('conflict', `run ${id} belongs to source ${going.source}`);
          return c.json({ run: id, seq: going.lastSeq, resumed: true, batches: [...going.batches.keys()] }, 200);
        }
        const startedAt = deps.now();
        const run: Run = {
          source,
          file,
          startedAt,
          batches: new Map(),
          quarantined: new Set(),
          lastSeq: 0,
          finished: null,
        };
        const resumed = (await fold.runStats(id)) !== null;
        const known = (await deps.sources.list()).find((each) => each.name === source)?.coverage ?? 'complete';
        if (!resumed && coverage !== undefined) {
          const set = await deps.sources.setCoverage({
            name: source,
            coverage,
            burnInDays: undefined,
            by: c.var.principal.id,
          });
          if (!set.ok) throw new Problem('not-found', `there is no source ${source}: POST /api/data-sources first`);
        }
        const covered = coverage ?? known;
        if (!resumed)
          run.lastSeq = await gateway.appendFact({
            type: 'import.started',
            run: id,
            source,
            digest,
            backfill,
            amend,
            startedAt,
            coverage: covered === 'complete' ? covered : Math.floor(Date.parse(covered) / DAY_MS),
          });
        remember(id, run);
        return c.json({ run: id, seq: run.lastSeq, resumed, batches: [] }, 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/imports/{run}/events',
        permission: 'import:write',
        bodyLimit: BATCH_BODY,
        tags: ['imports'],
        summary: 'Append a batch of parsed events (msgpack array)',
        request: {
          params: Params,
          query: BatchQuery,
          body: {
            required: true,
            content: { 'application/msgpack': { schema: { type: 'string' as const, format: 'binary' } } },
          },
        },
        responses: { 200: jsonAnswer('Stored', Appended) },
      }),
      async (c) => {
        const { run: id } = c.req.valid('param');
        const { batch } = c.req.valid('query');
        const run = runOf(id);
        const before = batch === undefined ? undefined : run.batches.get(batch);
        if (before) return c.json(before, 200);
        const events = new Uint8Array(await c.req.arrayBuffer());
        const stored = await gateway.importEvents({ run: id, source: run.source, events });
        run.lastSeq = Math.max(run.lastSeq, stored.lastSeq);
        const answer = { appended: stored.appended, rejected: stored.rejected, seq: stored.lastSeq };
        if (batch !== undefined) run.batches.set(batch, answer);
        return c.json(answer, 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/imports/{run}/quarantine',
        permission: 'import:write',
        bodyLimit: BATCH_BODY,
        tags: ['imports'],
        summary: 'Hand over rows that could not be parsed, with the reason',
        request: {
          params: Params,
          query: BatchQuery,
          ...jsonBody(
            z.strictObject({
              rows: z
                .array(
                  z.strictObject({
                    rowNumber: z.number().int().min(0),
                    reason: Refused,
                    column: z.string().max(200).optional(),
                    detail: z.string().max(1000),
                    raw: z.string().max(64 * 1024),
                    rows: z.number().int().min(1),
                  }),
                )
                .min(1)
                .max(10_000),
            }),
            {
              'a row without a readable amount': {
                rows: [
                  {
                    rowNumber: 17,
                    reason: 'bad-amount',
                    column: 'amount',
                    detail: "'twelve' is not an amount",
                    raw: 'c-1042,2025-11-03,twelve',
                    rows: 1,
                  },
                ],
              },
            },
          ),
        },
        responses: { 200: jsonAnswer('Kept', z.object({ kept: z.number() })) },
      }),
      async (c) => {
        const { run: id } = c.req.valid('param');
        const { batch } = c.req.valid('query');
        const run = runOf(id);
        const { rows } = c.req.valid('json');
        if (batch === undefined || !run.quarantined.has(batch)) {
          await gateway.quarantineRows({
            run: id,
            source: run.source,
            file: run.file,
            // An erased person's data is not kept anew.
            rows: rows.map(({ column, raw, ...row }) => ({
              ...row,
              raw: row.reason === 'erased' ? '' : raw,
              ...(column === undefined ? {} : { column }),
            })),
          });
          if (batch !== undefined) run.quarantined.add(batch);
        }
        return c.json({ kept: rows.length }, 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/imports/{run}/finish',
        permission: 'import:write',
        tags: ['imports'],
        summary: 'End the run; answers when every read model holds it',
        request: {
          params: Params,
          ...jsonBody(
            z.strictObject({
              rows: z.number().int().min(0),
              events: z.number().int().min(0),
              quarantinedRows: z.number().int().min(0),
            }),
            { 'a file that was read to its end': { rows: 1200, events: 1199, quarantinedRows: 1 } },
          ),
        },
        responses: { 200: jsonAnswer('By the fold’s verdict', Summary) },
      }),
      async (c) => {
        const { run: id } = c.req.valid('param');
        const run = runOf(id);
        run.finished ??= summarise(id, run, c.req.valid('json')).catch((error: unknown) => {
          // A failed ending may be tried again.
          run.finished = null;
          throw error;
        });
        return c.json(await run.finished, 200);
      },
    );
}
