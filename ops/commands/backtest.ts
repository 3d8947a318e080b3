// Backtests from the command line: a job of the running server (or of one started for the time), watched until it ends.
import { CHURN_KINDS } from '#domain/churn-definition.ts';
import { dateOf } from '#domain/models/cutoffs.ts';
import type { ChurnMetrics } from '#processors/backtest/churn-cutoff.ts';
import type { ValueMetrics } from '#processors/backtest/value-cutoff.ts';
import { trackingChart } from '../charts/tracking-chart.ts';
import { writeSvg } from '../charts/write-svg.ts';
import { dataDirOf, withServer } from '../client.ts';
import { BACKTEST_MODELS, type BacktestCutoff, type BacktestResult } from '../jobs/backtest.ts';
import { doJob } from '../jobs/watch.ts';
import { daysOf } from './churn.ts';
import { type Command, type Io, UsageError } from './command.ts';
import { isDay, parseCommand, print, table } from './options.ts';

export const backtest: Command = {
  name: 'backtest',
  summary: 'replay the past, fit the models to it, and hold what they foretold against what came',
  help: `
axiom47 backtest --horizon 90d [--cutoffs N | --at DATE,DATE…] [--model clv|bg-nbd|mbg-nbd|pareto-nbd] [--svg FILE] [--json]
axiom47 backtest --model churn [--definition contractual|non-contractual] [--cutoffs N | --at DATE,…]
  [--lateness DAYS] [--seed N] [--data-dir DIR]

At each cut-off (3, spread over what has come true since; or --at those days) the log is read as it was known then, the models are fitted by what
trains them for serving, asked by what serves, and judged by what came within the horizon. Beside each stands the simplest forecast there is:
everybody goes on as before; of churn, the rate of before and a plain rule. Rows of up to 200 customers a cut-off are computed again with the
future taken away and made up: one that moves fails the backtest.

clv: the purchase model the data choose, with its rivals, money and churn. churn: the classifier (and for subscriptions the Cox model) of the
definition in force, over its own horizon.
--horizon: 90d, 12w, 3m (of 30 days). --lateness: days in which late events may still arrive (7 with live input, else 0).
--svg: purchases as they came and as expected, of the last cut-off. The job outlives this command; a server that ends meanwhile goes on with it.

Example: axiom47 backtest --cutoffs 3 --horizon 90d
Example: axiom47 backtest --at 1997-09-30 --horizon 39w --svg tracking.svg
`,
  async run(argv, io) {
    const { values, body } = readBacktest(argv);
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      const ended = await doJob<BacktestResult>(client, 'backtest', body, io);
      if (ended.result === null) return ended.code;
      const { id, result } = ended;
      if (values.svg !== undefined) draw(values.svg, result, io);
      print(io, values.json, { job: id, ...result }, () => described(result));
      return 0;
    });
  },
};

/** What the words after `backtest` ask for. */
export function readBacktest(argv: string[]) {
  const { values, positionals } = parseCommand(argv, {
    cutoffs: { type: 'string' },
    at: { type: 'string' },
    horizon: { type: 'string' },
    model: { type: 'string' },
    definition: { type: 'string' },
    lateness: { type: 'string' },
    seed: { type: 'string' },
    svg: { type: 'string' },
  });
  if (positionals.length > 0) throw new UsageError(`backtest takes options only, not ${positionals[0]}`);
  const { model = 'clv', horizon } = values;
  if (!BACKTEST_MODELS.some((each) => each === model))
    throw new UsageError(`--model ${model}: one of ${BACKTEST_MODELS.join(', ')}`);
  if (model !== 'churn' && horizon === undefined)
    throw new UsageError('backtest needs --horizon: how far ahead, e.g. --horizon 90d');
  if (values.definition !== undefined && !CHURN_KINDS.some((each) => each === values.definition))
    throw new UsageError(`--definition ${values.definition}: ${CHURN_KINDS.join(' or ')}`);
  if (values.definition !== undefined && model !== 'churn')
    throw new UsageError('--definition belongs to --model churn');
  if (values.svg !== undefined && model === 'churn')
    throw new UsageError('--svg draws purchases: leave --model churn out');
  const at = values.at?.split(',').map((day) => day.trim());
  const wrong = at?.find((day) => !isDay(day));
  if (wrong !== undefined) throw new UsageError(`--at ${wrong}: days as YYYY-MM-DD, several with a comma between`);
  if (at && values.cutoffs !== undefined) throw new UsageError('say --cutoffs or --at, not both');
  const body = {
    model,
    ...(horizon !== undefined && { horizon_days: daysOf('--horizon', horizon) }),
    ...(at && { at }),
    ...whole('cutoffs', values.cutoffs, 1, 24),
    ...whole('lateness_days', values.lateness, 0, 90),
    ...whole('seed', values.seed, 0, 2 ** 31 - 1),
    ...(values.definition !== undefined && { definition: values.definition }),
  };
  return { values, body };
}

function whole(name: string, text: string | undefined, least: number, most: number): Record<string, number> {
  if (text === undefined) return {};
  if (!/^\d{1,10}$/.test(text) || Number(text) < least || Number(text) > most)
    throw new UsageError(`--${name.split('_')[0]} ${text}: a whole number from ${least} to ${most}`);
  return { [name]: Number(text) };
}

type Judged<Metrics> = BacktestCutoff & { metrics: Metrics };
const isValue = (cutoff: BacktestCutoff): cutoff is Judged<ValueMetrics> =>
  cutoff.metrics !== null && 'served' in cutoff.metrics;
const isChurn = (cutoff: BacktestCutoff): cutoff is Judged<ChurnMetrics> =>
  cutoff.metrics !== null && !('served' in cutoff.metrics);

const fixed = (value: number | null | undefined, digits = 3): string =>
  value === null || value === undefined ? '–' : value.toFixed(digits);
const count = (value: number): string => Math.round(value).toLocaleString('en-US');
const signed = (share: number | null): string =>
  share === null ? '–' : `${share < 0 ? '−' : '+'}${Math.abs(100 * share).toFixed(1)} %`;

function described(result: BacktestResult): string {
  const { cutoffs, horizonDays, leakage, beyondDays } = result;
  const values = cutoffs.filter(isValue);
  const parts = [
    values.length > 0 ? ofValues(values) : ofChurn(cutoffs.filter(isChurn)),
    ...notJudged(cutoffs),
    `${horizonDays} days ahead; the log at position ${result.asOf.seq} says what came until ${result.asOf.at}`,
    `leakage: ${leakage.checked} rows computed again without the future, ${leakage.differing} differ`,
    ...(beyondDays > 0
      ? [`the last ${beyondDays} days of the horizon hold no event: counted as without purchases`]
      : []),
  ];
  return parts.join('\n');
}

/** One line for each reason, with the days it holds for. */
const notJudged = (cutoffs: readonly BacktestCutoff[]): string[] =>
  [...Map.groupBy(cutoffs, ({ reason }) => reason)].flatMap(([reason, of]) =>
    reason === undefined ? [] : [`${of.map(({ asOf }) => asOf.at).join(', ')}: not judged: ${reason}`],
  );

const naiveLast = ([a]: [string, unknown], [b]: [string, unknown]): number =>
  Number(a === 'naive') - Number(b === 'naive');

function ofValues(cutoffs: readonly Judged<ValueMetrics>[]): string {
  const rows = cutoffs.flatMap(({ asOf, metrics: { purchases, served, customers } }) =>
    Object.entries(purchases.models)
      .sort(naiveLast)
      .map(([name, m]) => [
        asOf.at,
        `${name}${name === served ? ' *' : ''}`,
        count(customers),
        count(m.actualTotal),
        count(m.forecastTotal),
        signed(m.totalError),
        fixed(m.mae),
        fixed(m.rmse),
        fixed(m.concentration?.normalised),
      ]),
  );
  const last = cutoffs.at(-1)!;
  const { byFrequency, againstNaive, pit } = last.metrics.purchases;
  const { spend, churn, served, reason } = last.metrics;
  const names = Object.entries(byFrequency[0]?.forecast ?? {})
    .sort(naiveLast)
    .map(([name]) => name);
  const mae = againstNaive.mae;
  return [
    table(['cut-off', 'model', 'customers', 'came', 'expected', 'error', 'MAE', 'RMSE', 'Gini'], rows),
    `* ${reason}`,
    '',
    `${last.asOf.at}, purchases a customer by repeat purchases before:`,
    table(
      ['x', 'customers', 'came', ...names],
      byFrequency.map(({ x, n, actual, forecast }) => [
        String(x),
        count(n),
        fixed(actual),
        ...names.map((name) => fixed(forecast[name])),
      ]),
    ),
    '',
    ...naiveCloser(cutoffs),
    ...(mae && 'difference' in mae
      ? [`MAE of ${served} − naive: ${fixed(mae.difference)} (${fixed(mae.lower)} to ${fixed(mae.upper)})`]
      : []),
    `distribution of counts: PIT χ² p = ${fixed(pit.p)} (below .01: not as forecast)`,
    ...(spend
      ? [
          `spend: came ${count(spend.model.actualTotal)}, expected ${count(spend.model.forecastTotal)} (${signed(spend.model.totalError)}), naive ${count(spend.naive.forecastTotal)}; MAE ${fixed(spend.model.mae, 2)} (naive ${fixed(spend.naive.mae, 2)}), Gini ${fixed(spend.model.concentration?.normalised)} (${fixed(spend.naive.concentration?.normalised)}); in p05–p95 ${fixed(spend.model.coverage)}; PIT p = ${fixed(spend.pit.p)}`,
        ]
      : [`spend: ${last.metrics.undefined.spend}`]),
    `no purchase: AUC ${fixed(churn.model.auc)} (${fixed(churn.model.aucLower)}–${fixed(churn.model.aucUpper)}; ${churn.naive.rule} ${fixed(churn.naive.auc)}), Brier ${fixed(churn.model.brier)} (rate of before ${fixed(churn.naive.brier)}), slope ${fixed(churn.model.calibrationSlope, 2)}`,
    '',
  ].join('\n');
}

/** Where the simplest forecast is the closer one, customer by customer: the table alone is easily read over. */
function naiveCloser(cutoffs: readonly Judged<ValueMetrics>[]): string[] {
  const closer = cutoffs.filter(({ metrics: { purchases, served } }) => {
    const [mae, naive] = [purchases.models[served]?.mae ?? null, purchases.models.naive?.mae ?? null];
    return mae !== null && naive !== null && naive < mae;
  });
  if (closer.length === 0) return [];
  const where =
    closer.length === cutoffs.length
      ? cutoffs.length === 1
        ? 'the cut-off'
        : `all ${cutoffs.length} cut-offs`
      : closer.map(({ asOf }) => asOf.at).join(', ');
  return [
    `customer by customer, going on as before (naive) is closer than the model at ${where}: its MAE is the lower; it is for totals, order and chances that the model is asked`,
  ];
}

function ofChurn(cutoffs: readonly Judged<ChurnMetrics>[]): string {
  const rows = cutoffs.flatMap(({ asOf, metrics }) =>
    Object.entries(metrics.models).map(([name, verdict]) => [
      asOf.at,
      name,
      count(metrics.customers),
      count(metrics.lost),
      fixed(verdict?.model.auc),
      verdict ? `${fixed(verdict.model.aucLower)}–${fixed(verdict.model.aucUpper)}` : '–',
      fixed(verdict?.naive.auc),
      fixed(verdict?.model.brier),
      fixed(verdict?.naive.brier),
      fixed(verdict?.model.calibrationSlope, 2),
    ]),
  );
  const days = new Map<string, string[]>();
  for (const { asOf, metrics } of cutoffs)
    for (const [name, reason] of Object.entries(metrics.undefined)) {
      const said = `${name}: ${reason}`;
      days.set(said, [...(days.get(said) ?? []), asOf.at]);
    }
  const why = [...days].map(([said, at]) => `${at.length === cutoffs.length ? 'all cut-offs' : at.join(', ')} ${said}`);
  const head = ['cut-off', 'model', 'asked', 'lost', 'AUC', '95 %', 'plain rule', 'Brier', 'rate of before', 'slope'];
  return [table(head, rows), ...why, ''].join('\n');
}

function draw(path: string, { cutoffs }: BacktestResult, io: Io): void {
  const last = cutoffs.filter(isValue).at(-1);
  if (last === undefined) return;
  const { tracking, served, customers } = last.metrics;
  writeSvg(
    path,
    trackingChart(
      {
        weeks: tracking.weeks,
        actual: tracking.actual,
        expected: tracking.expected[served]!,
        customers,
        from: dateOf(tracking.origin),
        until: last.until,
      },
      `${served} fitted to ${last.asOf.at}`,
    ),
    io,
  );
}
