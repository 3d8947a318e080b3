// `axiom47 evaluate --model ID…`: versions of the registry against what came, as a job of the server.
import type { ChurnEvaluation } from '#processors/evaluation/churn.ts';
import type { ValueEvaluation } from '#processors/evaluation/value.ts';
import { type Client, dataDirOf, withServer } from '../client.ts';
import type { EvaluationResult } from '../jobs/evaluate.ts';
import { doJob } from '../jobs/watch.ts';
import { daysOf } from './churn.ts';
import { type Io, UsageError } from './command.ts';
import { isDay, parseCommand, print, table } from './options.ts';
import { versionOf } from './version-of.ts';

export const evaluateModelHelp = `axiom47 evaluate --model ID [--model ID …] [--question churn|value] [--at DATE] [--horizon 90d] [--offer-cost C --offer-benefit B]
                 [--segment NAME] [--lateness DAYS] [--seed N] [--data-dir DIR] [--json]`;
export const evaluateModelNote = `With --model the rows come from the log: what was known of each customer on the cut-off (--at; else the latest whose outcomes have settled), asked of
each version, held against what came. A version that had learned nothing after the cut-off is judged by everybody (realised); a classifier that had, by
customers it never learned from (held-out); other kinds by a fit to what was known then (refitted) or, where that was nothing, of four fifths as they are
known today, on the other (divided). Several versions are judged on the same rows.`;

export const asksModel = (argv: readonly string[]): boolean =>
  argv.some((word) => word === '--model' || word.startsWith('--model='));

/** What the words after `evaluate` ask for; models may be aliases still (`namedVersions`). */
export function readEvaluate(argv: string[]) {
  const { values, positionals } = parseCommand(argv, {
    model: { type: 'string', multiple: true },
    question: { type: 'string' },
    at: { type: 'string' },
    horizon: { type: 'string' },
    'offer-cost': { type: 'string' },
    'offer-benefit': { type: 'string' },
    segment: { type: 'string' },
    lateness: { type: 'string' },
    seed: { type: 'string' },
  });
  if (positionals.length > 0) throw new UsageError(`evaluate takes options only, not ${positionals[0]}`);
  if (values.at !== undefined && !isDay(values.at)) throw new UsageError(`--at ${values.at}: a day as YYYY-MM-DD`);
  if (values.question !== undefined && values.question !== 'churn' && values.question !== 'value')
    throw new UsageError(`--question ${values.question}: churn or value`);
  const body = {
    models: (values.model ?? []).flatMap((each) => each.split(',')),
    ...(values.question !== undefined && { question: values.question }),
    ...(values.at !== undefined && { at: values.at }),
    ...(values.horizon !== undefined && { horizon_days: daysOf('--horizon', values.horizon) }),
    ...amount('offer-cost', 'offer_cost', values['offer-cost']),
    ...amount('offer-benefit', 'offer_benefit', values['offer-benefit']),
    ...(values.segment !== undefined && { segment: values.segment }),
    ...amount('lateness', 'lateness_days', values.lateness),
    ...amount('seed', 'seed', values.seed),
  };
  if (body.models.length === 0) throw new UsageError('evaluate needs --model ID: a version, or several');
  return { values, body };
}

/** Versions instead of aliases: what an alias means may change, what was asked may not. */
export const namedVersions = (client: Client, ids: readonly string[]): Promise<string[]> =>
  Promise.all(ids.map((id) => versionOf(client, id)));

export async function evaluateModel(argv: string[], io: Io): Promise<number> {
  const { values, body } = readEvaluate(argv);
  return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
    const models = await namedVersions(client, body.models);
    const ended = await doJob<EvaluationResult>(client, 'evaluate', { ...body, models }, io);
    if (ended.result === null) return ended.code;
    const { id, result } = ended;
    print(io, values.json, { job: id, ...result }, () => described(result));
    return 0;
  });
}

function amount(option: string, name: string, text: string | undefined): Record<string, number> {
  if (text === undefined) return {};
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && Number.isFinite(value)))
    throw new UsageError(`--${option} ${text}: a number from 0 up`);
  return { [name]: value };
}

const fixed = (value: number | null | undefined, digits = 4): string =>
  value === null || value === undefined ? '–' : value.toFixed(digits);
const count = (value: number): string => Math.round(value).toLocaleString('en-US');
const percent = (share: number | null): string =>
  share === null ? '–' : `${share < 0 ? '−' : ''}${Math.abs(100 * share).toFixed(1)} %`;

function described(result: EvaluationResult): string {
  const { cutoff, until, asOf, rows, leakage, beyondDays } = result;
  const left = Object.entries(rows.leftOut).filter(([, n]) => n > 0);
  return [
    `${count(rows.n)} customers as known on ${cutoff}, judged by what came until ${until}${left.length > 0 ? ` (not judged: ${left.map(([why, n]) => `${count(n)} ${why}`).join(', ')})` : ''}`,
    result.question === 'churn' ? ofChurn(result) : ofValue(result),
    ...(result.pairs.length > 0
      ? ['', describePairs(result.pairs, new Map(result.models.map(({ id, basis }) => [id, basis])))]
      : []),
    '',
    `the log at position ${asOf.seq} says what came until ${asOf.at}; leakage: ${leakage.checked} rows computed again without the future, ${leakage.differing} differ`,
    ...(beyondDays > 0 ? [`the last ${beyondDays} days hold no event: counted as without purchases`] : []),
  ].join('\n');
}

const rateWords = (of: ChurnEvaluation['naive']['rateOf']): string =>
  of === 'learned-from' ? 'the rate of those learned from' : 'the rate of before';

function ofChurn({ models, rivals, naive }: ChurnEvaluation): string {
  const head = ['', 'basis', 'AUC', '95 %', 'AP', 'Brier', 'log loss', 'slope', 'intercept', 'lift 10 %'];
  const best = models.flatMap(({ id, metrics: { profit } }) =>
    profit
      ? [
          `${id}: best profit ${fixed(profit.best.profit, 2)} when the ${percent(profit.best.share)} with the highest scores are reached`,
        ]
      : [],
  );
  return [
    table(head, [
      ...models.map(({ id, basis, metrics: m }) => [
        id,
        basis,
        fixed(m.auc),
        `${fixed(m.aucLower)}–${fixed(m.aucUpper)}`,
        fixed(m.averagePrecision),
        fixed(m.brier),
        fixed(m.logLoss),
        fixed(m.calibrationSlope, 2),
        fixed(m.calibrationIntercept, 2),
        fixed(m.liftTopDecile, 2),
      ]),
      ...rivals.map(({ name, basis, metrics: m, reason }) =>
        m === null
          ? [name, `not asked: ${reason}`, '–', '', '–', '–', '–', '–', '–', '–']
          : [
              name,
              basis === 'divided' ? 'rival, divided' : 'rival',
              fixed(m.auc),
              '',
              fixed(m.averagePrecision),
              fixed(m.brier),
              fixed(m.logLoss),
              fixed(m.calibrationSlope, 2),
              fixed(m.calibrationIntercept, 2),
              fixed(m.liftTopDecile, 2),
            ],
      ),
      [naive.rule, 'naive', fixed(naive.auc), '', '–', '–', '–', '–', '–', '–'],
      [rateWords(naive.rateOf), 'naive', '–', '', '–', fixed(naive.brier), '–', '–', '–', '–'],
    ]),
    ...(naive.brier === null ? [`no naive Brier score: ${naive.undefined.brier}`] : []),
    ...best,
    ...models.flatMap(({ id, segments }) =>
      segments.flatMap(({ by, segments: each }) =>
        each
          .filter(({ off }) => off)
          .map(
            ({ segment, n, expected, observed }) =>
              `${id} is off for ${by} ${segment}: ${percent(expected)} expected, ${percent(observed)} lost (${count(n)} customers)`,
          ),
      ),
    ),
    ...models.flatMap(({ id, importance }) =>
      importance
        ? [
            `${id} leans on ${importance.importances
              .slice(0, 5)
              .map(({ feature, importance: rise }) => `${feature} ${rise.toFixed(4)}`)
              .join(', ')}`,
          ]
        : [],
    ),
  ].join('\n');
}

type Forecast = ValueEvaluation['rivals'][number]['purchases'];
const relative = (of: Forecast | undefined): (string | number)[] => [
  fixed(of?.smape, 1),
  percent(of?.mapeNonZero ?? null),
  of ? count(of.nonZero) : '–',
];

/** A model that the simplest forecast beats has to say so: the table alone is easily read over. */
const naiveCloser = (id: string, what: string, mae: number | null, naive: number | null): string[] =>
  mae === null || naive === null || naive >= mae
    ? []
    : [
        `customer by customer, going on as before is closer than ${id} in ${what}: MAE ${fixed(naive)} against ${fixed(mae)}; it is for totals, order and chances that the model is asked`,
      ];

function ofValue({ models, rivals }: ValueEvaluation): string {
  const naive = models[0]!;
  const line = (
    name: string,
    basis: string,
    p: ValueEvaluation['rivals'][number]['purchases'],
    s: ValueEvaluation['rivals'][number]['spend'],
  ) => [
    name,
    basis,
    p === null ? '–' : count(p.forecastTotal),
    percent(p?.totalError ?? null),
    fixed(p?.mae),
    fixed(p?.concentration?.normalised),
    s === null ? '–' : count(s.forecastTotal),
    percent(s?.totalError ?? null),
    fixed(s?.mae, 2),
    fixed(s?.concentration?.normalised),
  ];
  return [
    `came: ${count(naive.purchases.models.served!.actualTotal)} purchases${naive.spend ? `, ${count(naive.spend.model.actualTotal)} of spend by ${count(naive.spend.n)} customers` : ''}`,
    table(
      ['', 'basis', 'purchases', 'error', 'MAE', 'Gini', 'spend', 'error', 'MAE', 'Gini'],
      [
        ...models.map(({ id, basis, purchases, spend }) =>
          line(id, basis, purchases.models.served!, spend?.model ?? null),
        ),
        ...rivals.map(({ name, purchases, spend }) => line(name, 'rival', purchases, spend)),
        line('naive', 'naive', naive.purchases.models.naive!, naive.spend?.naive ?? null),
      ],
    ),
    table(
      ['relative error', 'purchases: sMAPE', 'MAPE of buyers', 'n', 'spend: sMAPE', 'MAPE of buyers', 'n'],
      [
        ...models.map(({ id, purchases, spend }) => [
          id,
          ...relative(purchases.models.served!),
          ...relative(spend?.model),
        ]),
        ...rivals.map(({ name, purchases, spend }) => [name, ...relative(purchases), ...relative(spend)]),
        ['naive', ...relative(naive.purchases.models.naive!), ...relative(naive.spend?.naive)],
      ],
    ),
    'sMAPE: of 200, over everybody. MAPE: over those who bought, for it divides by what came.',
    ...models.flatMap(({ id, purchases, spend }) => [
      ...naiveCloser(id, 'purchases', purchases.models.served!.mae, purchases.models.naive!.mae),
      ...(spend ? naiveCloser(id, 'spend', spend.model.mae, spend.naive.mae) : []),
    ]),
    ...models.map(
      ({ id, purchases, spend, tracking }) =>
        `${id}: PIT of purchases p = ${fixed(purchases.pit.p)}${spend ? `, of spend p = ${fixed(spend.pit.p)}; ${percent(spend.model.coverage)} within p05–p95` : ''}; MASE of weekly purchases ${fixed(tracking.mase, 2)}`,
    ),
    ...models.flatMap(({ id, findings }) => findings.map(({ message }) => `${id}, refitted: ${message}`)),
  ].join('\n');
}

/** Not the version itself was judged, but a fit of its kind. */
const REFITS: readonly (string | undefined)[] = ['refitted', 'divided'];

/** One line a metric: "B better than A: 93 %". @param basisOf of each version: a refit is not the version itself. */
export function describePairs(pairs: ChurnEvaluation['pairs'], basisOf: ReadonlyMap<string, string>): string {
  const named = (id: string): string => (REFITS.includes(basisOf.get(id)) ? `a refit of ${id}'s kind` : id);
  return table(
    ['on the same rows', 'metric', 'difference', '95 %', 'sure'],
    pairs.map(({ first, second, metric, value, reason }) => {
      if (value === null) return [`${named(second)} against ${named(first)}`, metric, '–', reason ?? '', ''];
      if (value.difference === 0 && value.lower === 0 && value.upper === 0)
        return [`${named(second)} and ${named(first)}: a tie`, metric, '0', 'the same in every draw', ''];
      const sure = value.probabilitySecondBetter;
      const [better, worse, share] = sure >= 0.5 ? [second, first, sure] : [first, second, 1 - sure];
      return [
        `${named(better)} better than ${named(worse)}`,
        metric,
        signed(value.difference),
        `${signed(value.lower)} to ${signed(value.upper)}`,
        `${(100 * share).toFixed(0)} %`,
      ];
    }),
  );
}

const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toPrecision(3)}`;
