// The whole base scored from the command line: a job of the running server (or of one started for the time), its file fetched when it is done.
import { existsSync } from 'node:fs';
import type { Mover } from '#processors/scoring/moves.ts';
import { SCORE_FORMATS } from '#processors/scoring/score-file.ts';
import { dataDirOf, withServer } from '../client.ts';
import { fetchTo } from '../fetch-to.ts';
import type { ScoreDelta, ScoreResult } from '../jobs/score.ts';
import { doJob } from '../jobs/watch.ts';
import { checkWritable } from '../writable.ts';
import { daysOf } from './churn.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand, print, table } from './options.ts';

export const score: Command = {
  name: 'score',
  summary: 'score everybody at one position of the log into a file; who moved band and why',
  help: `
axiom47 score --out FILE [--format csv|ndjson|parquet] [--model NAME@VERSION] [--as-of SEQ|DATE] [--horizon 90d] [--months N]
  [--discount RATE] [--no-quantiles] [--identified] [--delta | --against JOB] [--json] [--data-dir DIR]
axiom47 score --dry-run […]

Every customer is scored at ONE position of the log by the models in force there (or with --model in the place of its like): the digits
are those of \`axiom47 predict\` for that position. A line: ref (or customer_id with --identified), p_churn with its interval over horizon_days, p_alive, expected
purchases and clv_mean, p05, p50, p95 over value_days, currency, band, model, as_of and the score's id; who cannot be scored stands there with the reason. Who was erased does not.
In CSV an id that begins with =, +, - or @ has an apostrophe before it, so that no spreadsheet runs it; NDJSON and Parquet have every id as it is.
The end of FILE says the format (.ndjson, .parquet, else CSV) when --format does not; one ending in .gz is packed. The job outlives this command; a server that ends meanwhile goes on with it where it was.
The server keeps the files of the last 14 scorings of one asker (each schedule is one) for 30 days, the newest in any case (AXIOM47_SCORE_FILES,
AXIOM47_SCORE_FILE_DAYS); what a scoring found stays, also for --delta.

--delta: only who has changed since the last scoring of the same models, horizon and discount (--against JOB: since that one), and a report of who
moved band and why: each move is split into the clock, the customer's own events, and the model, in that order; the parts sum exactly.
--horizon: of churn, 90d, 12w, 3m (of 30 days), and of value unless --months says. --discount: a month, .01.
--dry-run: how many customers, seconds and bytes it would be, by a sample that is scored for it.

Example: axiom47 score --out scores.csv
Example: axiom47 score --out scores.ndjson.gz --format ndjson --as-of 2026-01-31 --months 6
Example: axiom47 score --out scores.parquet --identified
Example: axiom47 score --out moved.csv --delta
`,
  async run(argv, io) {
    const { values, body } = readScore(argv);
    const { out, 'dry-run': dry } = values;
    if (out === undefined && !dry)
      throw new UsageError('score needs --out FILE, or --dry-run to see what it would cost');
    if (out !== undefined && !dry) checkWritable(out);
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      const ended = await doJob<ScoreResult>(client, 'score', body, io);
      if (ended.result === null) return ended.code;
      const { id, result } = ended;
      const replaced = out !== undefined && !dry && existsSync(out);
      if (out !== undefined && !dry) await fetchTo(out, await client.read(`/api/jobs/${id}/result`));
      print(io, values.json, { job: id, ...result }, () =>
        described(result, `${out}${replaced ? ', in place of the file that was there' : ''}`),
      );
      return 0;
    });
  },
};

/** What the words after `score` ask for; where its file goes is for whoever waits for it. */
export function readScore(argv: string[]) {
  const { values, positionals } = parseCommand(argv, {
    out: { type: 'string' },
    format: { type: 'string' },
    model: { type: 'string' },
    'as-of': { type: 'string' },
    horizon: { type: 'string' },
    months: { type: 'string' },
    discount: { type: 'string' },
    'no-quantiles': { type: 'boolean' },
    identified: { type: 'boolean' },
    delta: { type: 'boolean' },
    against: { type: 'string' },
    'dry-run': { type: 'boolean' },
  });
  if (positionals.length > 0) throw new UsageError(`score takes options only, not ${positionals[0]}`);
  const { out, model, against, identified, 'dry-run': dry } = values;
  const named = /\.(ndjson|parquet)(\.gz)?$/.exec(out ?? '')?.[1];
  const format = values.format ?? named ?? 'csv';
  if (!SCORE_FORMATS.some((each) => each === format))
    throw new UsageError(`--format ${format}: one of ${SCORE_FORMATS.join(', ')}`);
  if (values.delta && against !== undefined) throw new UsageError('say --delta or --against JOB, not both');
  const asOf = values['as-of'];
  const delta = against ?? (values.delta ? 'previous' : undefined);
  const body = {
    format,
    ...(model !== undefined && { model }),
    ...(asOf !== undefined && { as_of: /^\d{1,12}$/.test(asOf) ? Number(asOf) : asOf }),
    ...(values.horizon !== undefined && { horizon_days: daysOf('--horizon', values.horizon) }),
    ...number('months', values.months, 'months', 120),
    ...number('discount', values.discount, 'discount_monthly', 1),
    ...(values['no-quantiles'] && { quantiles: false }),
    ...(identified && { identified }),
    ...(delta !== undefined && { delta_against: delta }),
    ...(dry && { dry_run: true }),
  };
  return { values, body };
}

function number(option: string, text: string | undefined, name: string, most: number): Record<string, number> {
  if (text === undefined) return {};
  const value = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || value > most) throw new UsageError(`--${option} ${text}: a number up to ${most}`);
  return { [name]: value };
}

const count = (value: number): string => Math.round(value).toLocaleString('en-US');
const fixed = (value: number, digits: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`;

/** The worst first; who has none stands last. */
const BANDS = ['severe', 'high', 'moderate', 'low', 'none'];

function described(result: ScoreResult, out: string): string {
  const { estimate, as_of: asOf, family, customers, rows, bands, not_scored: not, delta } = result;
  const head = `${family} at position ${asOf.seq}, ${asOf.at}`;
  if (estimate)
    return `${head}: ${count(estimate.customers)} customers, about ${estimate.seconds.toFixed(1)} s (${estimate.read_seconds.toFixed(1)} s of them reading the log; ${count(estimate.customers_per_second)} customers/s measured on ${count(estimate.sampled)}) and ${count(estimate.bytes)} bytes packed`;
  const missing = Object.entries(not).map(([reason, n]) => `${reason} ${count(n)}`);
  return [
    `${head}: ${count(customers)} customers, ${count(rows)} in ${out}`,
    table(
      ['band', 'customers', 'lifetime value'],
      BANDS.flatMap((band) => {
        const sum = bands[band];
        return sum ? [[band, count(sum.customers), sum.clv === null ? null : count(sum.clv)]] : [];
      }),
    ),
    ...(result.position.models.clv === null
      ? ['no lifetime value: no model of purchases is in force (axiom47 train clv --deploy)']
      : []),
    ...(missing.length > 0 ? [`without P(churn): ${missing.join(', ')}`] : []),
    ...(delta ? ['', moved(delta, result)] : []),
  ].join('\n');
}

function moved({ against, order, transitions, by_churn, by_value }: ScoreDelta, result: ScoreResult): string {
  const since = `since job ${against.job} (position ${against.as_of.seq}, ${against.as_of.at})`;
  if (result.rows === 0) return `${since}: nobody moved; all ${count(result.customers)} have the score they had`;
  const valued = result.position.models.clv !== null;
  const rows = Object.entries(transitions).map(([key, cell]) => [
    ...key.split('>'),
    count(cell.customers),
    valued ? count(cell.clv_before) : null,
    valued ? count(cell.clv_after) : null,
  ]);
  const list = (movers: readonly Mover[], name: 'p_churn' | 'clv_mean', digits: number) =>
    table(
      ['customer', 'from', 'to', 'before', ...order, 'after'],
      movers.map(({ ref, from, to, [name]: split }) => [
        ref,
        from,
        to,
        split!.before.toFixed(digits),
        ...order.map((part) => fixed(split![part], digits)),
        split!.after.toFixed(digits),
      ]),
    );
  return [
    `${since}:`,
    table(['from', 'to', 'customers', 'value before', 'value after'], rows),
    ...(by_churn.length > 0 ? ['', 'P(churn) moved farthest, and why:', list(by_churn, 'p_churn', 4)] : []),
    ...(by_value.length > 0 ? ['', 'lifetime value moved farthest, and why:', list(by_value, 'clv_mean', 2)] : []),
  ].join('\n');
}
