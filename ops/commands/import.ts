// `import`: a file of orders (or activities, subscriptions, traits, events) into the workspace, through the gateway like everything else.
// Idempotent: the same file again counts nothing twice, and an import that was cut off is simply run again.
import { join } from 'node:path';
import { guessMapping, type Wish } from '#domain/columns-guess.ts';
import type { ParseContext } from '#domain/events.ts';
import { REJECT_AFTER_MS } from '#domain/events.ts';
import { IMPORT_KINDS, type ImportKind, mappingText } from '#domain/import-mapping.ts';
import { createOccurrences } from '#domain/orders.ts';
import { createPolicyState, DEFAULT_POLICY } from '#domain/policy.ts';
import { type Client, dataDirOf, withServer } from '../client.ts';
import { workspaceNameOf } from '../data-dir.ts';
import { bringModels, hasModel } from '../import/models.ts';
import { cameToNothing, describe, NO_ROWS, nothingCameIn, partlyRefused } from '../import/outcome.ts';
import { importDigests, openTable } from '../import/read-file.ts';
import { FileProblem } from '../import/rows.ts';
import { type ImportSummary, runImport } from '../import/run-import.ts';
import { projectRoot } from '../project.ts';
import { BUILT_IN_SOURCES, zoneTable } from '../sources.ts';
import { type Command, type Io, UsageError } from './command.ts';
import { isDay, parseCommand } from './options.ts';

const DEFAULT_CURRENCY = 'EUR';
const COLUMN_OPTIONS = [
  'customer',
  'time',
  'amount',
  'quantity',
  'price',
  'order',
  'channel',
  'id',
  'name',
  'end',
] as const;

const options = {
  source: { type: 'string' },
  kind: { type: 'string' },
  customer: { type: 'string' },
  time: { type: 'string' },
  amount: { type: 'string' },
  quantity: { type: 'string' },
  price: { type: 'string' },
  order: { type: 'string' },
  'refund-prefix': { type: 'string' },
  'refund-lines': { type: 'string' },
  decimal: { type: 'string' },
  currency: { type: 'string' },
  channel: { type: 'string' },
  id: { type: 'string' },
  name: { type: 'string' },
  end: { type: 'string' },
  snapshot: { type: 'string' },
  tenure: { type: 'string' },
  ended: { type: 'string' },
  within: { type: 'string' },
  attributes: { type: 'string' },
  'date-order': { type: 'string' },
  'orders-as': { type: 'string' },
  live: { type: 'boolean' },
  amend: { type: 'boolean' },
  coverage: { type: 'string' },
  'dry-run': { type: 'boolean' },
  'no-fit': { type: 'boolean' },
} as const;

export const importCommand: Command = {
  name: 'import',
  summary: 'bring a CSV or NDJSON file into your workspace and score its customers',
  help: `
axiom47 import FILE… [--source NAME] [--kind order|activity|subscription|identified|event]
  [--customer COL --time COL --amount COL | --quantity COL --price COL] [--order COL] [--refund-prefix C] [--refund-lines on|off]
  [--currency C|COL] [--channel COL] [--id COL] [--name COL] [--end COL] [--date-order dmy|mdy] [--decimal point|comma] [--live] [--amend]
  [--coverage complete|YYYY-MM-DD] [--orders-as SOURCE] [--dry-run] [--no-fit] [--data-dir DIR] [--json]
axiom47 import FILE --kind subscription --snapshot YYYY-MM-DD [--tenure COL[:days|months|years]] [--ended COL[=VALUE]|none]
  [--within DAYS] [--attributes COL,COL,…|all]

Columns that are not told are guessed, and the guess is shown; --dry-run shows it and reads nothing in. "none" says there is no such column.
--source: whose orders these are, the file's name when not told. Order ids count within a source: the same orders under another source are others,
unless it shares ids by --orders-as SOURCE (settled when a source is first seen).
--order groups the lines of one order over the whole file. Lines of a later day that sum to less than 0 are a refund of that day;
--refund-lines off nets them into the order, also in answers about days before the refund.
--decimal comma reads 1.234,50, point reads 1,234.50; guessed only when the file itself tells. --amend lets this file's version of an order win over an earlier one.
--live: the rows were known when they happened (otherwise a file is a backfill). Makes data/main when there is no workspace.
The same file again counts nothing twice, and neither does an order id that was seen: with the same day and amount it is a duplicate, with others the
larger (day, amount) stays and the other is a conflict in the quarantine (--amend: this file's wins). An event id says nothing about an order that has
an id of its own; without one it stands for it. Refused rows are kept with row, column and reason: axiom47 quarantine list.
--coverage DATE: the data begin on that day, so customers first seen soon after it may be older and are left out of fits; it holds for
the whole source (axiom47 source --help says more, and sets the burn-in).
Exit code 2 when not one row came in.
--snapshot reads a table of subscribers as they stood on one day: each began --tenure before it; those --ended within --within days
(30) after it are given the last of these. --attributes travel in the clear and become features of churn models: name no personal ones.

Example: axiom47 import orders.csv --source shop --order order_id --currency EUR
Example: axiom47 import telco.csv --kind subscription --snapshot 2024-01-01 --amount MonthlyCharges --name Contract --attributes all
`,
  async run(argv, io) {
    const { values, positionals: files } = parseCommand(argv, options);
    if (files.length === 0) throw new UsageError('import needs a file: axiom47 import orders.csv');
    if (values.kind !== undefined && !IMPORT_KINDS.some((kind) => kind === values.kind))
      throw new UsageError(`--kind ${values.kind}: one of ${IMPORT_KINDS.join(', ')}`);
    if (values['date-order'] !== undefined && !['iso', 'dmy', 'mdy'].includes(values['date-order']))
      throw new UsageError(`--date-order ${values['date-order']}: iso, dmy or mdy`);
    if (values.decimal !== undefined && !['point', 'comma'].includes(values.decimal))
      throw new UsageError(`--decimal ${values.decimal}: point (1,234.50) or comma (1.234,50)`);
    if (values['refund-lines'] !== undefined && !['on', 'off'].includes(values['refund-lines']))
      throw new UsageError(`--refund-lines ${values['refund-lines']}: on or off`);
    if (values.coverage !== undefined && values.coverage !== 'complete' && !isDay(values.coverage))
      throw new UsageError(`--coverage ${values.coverage}: 'complete', or the first day of the data as YYYY-MM-DD`);
    const { snapshot, within } = values;
    if (snapshot !== undefined && (values.kind !== 'subscription' || !/^\d{4}-\d\d-\d\d$/.test(snapshot)))
      throw new UsageError(
        '--snapshot is the day a table of subscribers describes: --kind subscription --snapshot 2024-01-01',
      );
    for (const option of ['tenure', 'ended', 'within'] as const)
      if (values[option] !== undefined && snapshot === undefined)
        throw new UsageError(
          `--${option} belongs to a table of subscribers on one day: say which with --snapshot DATE`,
        );
    if (within !== undefined && !/^[1-9]\d{0,3}$/.test(within))
      throw new UsageError(`--within ${within}: a whole number of days, 1 or more`);
    if (values.attributes !== undefined && values.kind !== 'subscription')
      throw new UsageError('--attributes belong to subscriptions: --kind subscription');
    const prepared: Prepared[] = [];
    for (const file of files) prepared.push(await prepare(file, values, io));
    if (values['dry-run']) {
      if (values.json) io.stdout(`${JSON.stringify(prepared.map(({ mapping }) => mapping))}\n`);
      return 0;
    }
    // Nothing to bring in: no workspace is made for it.
    if (prepared.every(({ table }) => table.empty)) {
      for (const { table } of prepared) io.stderr(`axiom47: ${table.path}: ${NO_ROWS}\n`);
      return 2;
    }
    const dataDir = dataDirOf(values['data-dir'], join(projectRoot, 'data', 'main'));
    const currency = prepared[0]!.mapping.currency;
    const summaries = await withServer(
      dataDir,
      { create: { name: workspaceNameOf(dataDir), currency }, settle: true, io },
      async (client) => {
        const results: ImportSummary[] = [];
        for (const each of prepared) results.push(await importOne(client, each, values, io));
        for (const warning of new Set(results.at(-1)?.warnings)) io.stderr(`warning: ${warning}\n`);
        const brought = results.some((summary) => summary.accepted > 0);
        // After nothing came in, what the model lacks is no news.
        const useful = !results.every(cameToNothing);
        if (!values['no-fit'] && useful && (brought || !(await hasModel(client))))
          await bringModels(
            client,
            prepared.map(({ mapping }) => mapping),
            io,
          );
        return results;
      },
    );
    if (values.json) io.stdout(`${JSON.stringify(summaries.length === 1 ? summaries[0] : summaries)}\n`);
    else for (const [i, summary] of summaries.entries()) io.stdout(`${describe(prepared[i]!.table.path, summary)}\n`);
    for (const summary of summaries) {
      const advice = partlyRefused(summary);
      if (advice !== null) io.stderr(`${advice}\n`);
    }
    const empty = summaries.filter(cameToNothing);
    for (const summary of empty)
      io.stderr(`axiom47: ${prepared[summaries.indexOf(summary)]!.table.path}: ${nothingCameIn(summary)}\n`);
    return empty.length > 0 ? 2 : 0;
  },
};

type Values = ReturnType<typeof parseCommand<typeof options>>['values'];
type Prepared = Awaited<ReturnType<typeof prepare>>;

/** Opens the file and says what will be read as what, before anything is stored. */
async function prepare(file: string, values: Values, io: Io) {
  const table = await openTable(file).catch((error: unknown) => {
    throw error instanceof FileProblem ? new UsageError(error.message) : error;
  });
  const wish: Wish = { revision: values.amend ? Math.floor(Date.now() / 1000) : 0 };
  for (const option of COLUMN_OPTIONS) if (values[option] !== undefined) wish[option] = values[option];
  if (values.kind !== undefined) wish.kind = values.kind as ImportKind;
  if (values['refund-prefix'] !== undefined) wish.refundPrefix = values['refund-prefix'];
  if (values.currency !== undefined) wish.currency = values.currency;
  if (values['refund-lines'] !== undefined) wish.refundLines = values['refund-lines'] === 'on';
  if (values.decimal !== undefined) wish.decimal = values.decimal as NonNullable<Wish['decimal']>;
  if (values.snapshot !== undefined)
    wish.snapshot = {
      day: values.snapshot,
      today: new Date().toISOString().slice(0, 10),
      tenure: values.tenure,
      ended: values.ended,
      ...(values.within === undefined ? {} : { withinDays: Number(values.within) }),
    };
  if (values.attributes !== undefined)
    wish.attributes = values.attributes === 'all' ? 'all' : values.attributes.split(',').map((name) => name.trim());
  if (values['date-order'] !== undefined) wish.dateOrder = values['date-order'] as NonNullable<Wish['dateOrder']>;
  const guess = guessMapping(table.header, table.sample, wish, DEFAULT_CURRENCY);
  if (!guess.ok) throw new UsageError(`${file}: ${guess.reason.message}`);
  io.stderr(`${file}\n`);
  if (table.warning !== null) io.stderr(`  warning: ${table.warning}\n`);
  for (const line of guess.value.explanation) io.stderr(`  ${line}\n`);
  for (const warning of guess.value.warnings) io.stderr(`  warning: ${warning}\n`);
  if (values.coverage === undefined)
    io.stderr('  warning: taken as the complete history of its customers; if it begins later, say --coverage DATE\n');
  return { table, mapping: guess.value.mapping, source: values.source ?? sourceNameOf(file) };
}

/** orders-2026.csv.gz → orders-2026 */
const sourceNameOf = (file: string): string =>
  (file.split(/[\\/]/).at(-1) ?? file)
    .replace(/\.(csv|tsv|txt|ndjson|jsonl|json)?(\.gz)?$/i, '')
    .replace(/\.(csv|tsv|txt|ndjson|jsonl|json)$/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63) || 'file';

async function importOne(client: Client, prepared: Prepared, values: Values, io: Io): Promise<ImportSummary> {
  const { table, mapping, source } = prepared;
  const { items } = await client.call<{ items: { name: string }[] }>('GET', '/api/data-sources');
  const known = items.find((each) => each.name === source);
  const others = items.map(({ name }) => name).filter((name) => !BUILT_IN_SOURCES.includes(name));
  if (!known && others.length > 0 && values['orders-as'] === undefined)
    io.stderr(
      `  warning: '${source}' is a new source, and its order ids are its own; if ${others.join(' or ')} sent the same orders, they will count twice: import with --source or --orders-as ${others[0]}\n`,
    );
  if (!known)
    await client.call('POST', '/api/data-sources', {
      name: source,
      ...(values['orders-as'] === undefined ? {} : { orders_as: values['orders-as'] }),
      ...(values.coverage === undefined ? {} : { coverage: values.coverage }),
    });
  if (mapping.attributes.length > 0)
    await client.call('PATCH', `/api/data-sources/${source}`, { keep: mapping.attributes });
  const { workspace } = await client.call<{ workspace: { zone: string } }>('GET', '/api/me');
  const now = Date.now();
  const context: ParseContext = {
    source,
    zoneOffsets: zoneTable(workspace.zone, now),
    defaultCurrency: mapping.currency,
    policy: DEFAULT_POLICY,
    policyState: createPolicyState(),
    occurrences: createOccurrences(),
    now,
    rejectAfterMs: REJECT_AFTER_MS,
  };
  const digests = await importDigests(table.path, mappingText(mapping), mapping.kind);
  return runImport({
    client,
    table,
    mapping,
    context,
    digests,
    backfill: !values.live,
    amend: values.amend ?? false,
    coverage: values.coverage,
    io,
  });
}
