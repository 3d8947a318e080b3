// The model card of a version, written from its facts and its latest evaluation (Mitchell et al. 2019, "Model Cards for Model Reporting"): what it
// answers, what it learned from, how it did on customers it had not seen, for whom it is off, where not to trust it.
import type { ModelCard } from '#api/model-deps.ts';
import type { ModelFacts } from '#api/model-facts.ts';
import type { SegmentCalibration } from '#domain/models/calibration-segments.ts';
import { dateOf } from '#domain/models/cutoffs.ts';
import type { ScoreMetrics } from '#domain/models/metrics.ts';
import type { ChurnEvaluation, ChurnModelEvaluation } from '#processors/evaluation/churn.ts';
import type { ValueModelEvaluation } from '#processors/evaluation/value.ts';
import { evaluationChart } from './charts/evaluation-chart.ts';
import { trackingChart } from './charts/tracking-chart.ts';

/** An evaluation as GET …/evaluations lists it. */
interface Listed {
  question: string;
  basis: string;
  cutoff: string;
  until: string;
  rows: { n: number };
  result: Record<string, unknown>;
  naive: ChurnEvaluation['naive'] | null;
  rivals: unknown;
}

const BASIS: Record<string, string> = {
  realised: 'what came after it was made, on customers as they were known at the cut-off',
  'held-out': 'customers it never learned from, at a moment of the time it learned from',
  refitted:
    'a model of its kind fitted on what was known at the cut-off, because the version itself has seen what came',
  divided:
    'a model of its kind fitted on what is known today of four fifths of the customers, on the other fifth: at the cut-off there was nothing to fit',
  'window-unknown': 'what came after the cut-off; the version was made outside, so nobody can tell what it had seen',
};

export function modelCard(facts: ModelFacts, evaluations: readonly Record<string, unknown>[]): ModelCard {
  const latest = (evaluations[0] as unknown as Listed | undefined) ?? null;
  const figures: ModelCard['figures'] = [];
  const judged =
    latest === null
      ? []
      : latest.question === 'churn'
        ? ofChurn(latest, facts, figures)
        : ofValue(latest, facts, figures);
  const parts = [
    `# Model card: ${facts.id}`,
    `**What it answers.** ${answers(facts)}`,
    `**Made from.** ${madeFrom(facts)}`,
    whenMade(facts),
    ...(latest === null
      ? [`**Against what came.** Nobody has looked yet: \`axiom47 evaluate --model ${facts.id}\`.`]
      : [
          `**Against what came.** ${latest.rows.n.toLocaleString('en-US')} customers as known on ${latest.cutoff}, judged by what came until ${latest.until}: ${BASIS[latest.basis] ?? latest.basis}.`,
          ...judged,
        ]),
    effects(facts),
    `**Not for.** ${notFor(facts)}`,
    ...(facts.diagnostics.length > 0
      ? [
          `**Findings when it was made.**\n\n${facts.diagnostics.map(({ message }) => `- ${oneLine(message)}`).join('\n')}`,
        ]
      : []),
    `Artefact: SHA-256 \`${facts.digest}\`; registered ${facts.created_at}; ${facts.in_force ? `in force since log position ${facts.deployed_seq}` : 'not in force'}.`,
  ];
  return { markdown: `${parts.filter((part) => part !== '').join('\n\n')}\n`, figures };
}

const number = (value: number | null | undefined, digits = 4): string =>
  value === null || value === undefined ? '–' : value.toFixed(digits);
const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|');
const tableOf = (head: string[], rows: (string | number)[][]): string =>
  [head, head.map(() => '---'), ...rows]
    .map((row) => `| ${row.map((cell) => oneLine(String(cell))).join(' | ')} |`)
    .join('\n');

function answers({ kind, definition, horizon_days: horizon, parameters }: ModelFacts): string {
  if (kind === 'clv' && !parameters.some(({ name }) => name.startsWith('gammaGamma.')))
    return 'When each customer buys again (purchases, P(alive)), over any horizon up to ten years. It has no money part: of spend and of what a customer will be worth it says nothing.';
  if (kind === 'clv')
    return 'When each customer buys again and what it will be worth (purchases, spend with its distribution, P(alive)), over any horizon up to ten years.';
  const of = definition?.kind === 'contractual' ? 'a subscription ends' : 'a customer buys nothing';
  return kind === 'churn-cox'
    ? `The probability that ${of} within any horizon that was observed (its definition: ${horizon} days).`
    : `The probability that ${of} within ${horizon} days, for customers its definition is about on that day; no other horizon.`;
}

function madeFrom({ window, rows, cutoffs, code, seed, features, feature_set: set, without }: ModelFacts): string {
  const said = [
    window.from || window.to
      ? `the log from ${window.from ?? 'its beginning'} to ${window.to ?? 'its end'}${window.seq === null ? '' : `, as it stood at position ${window.seq}`}${window.events === null ? '' : ` (${window.events.toLocaleString('en-US')} events)`}`
      : 'parameters made outside',
    ...(cutoffs.length > 0 ? [`cut-offs ${cutoffs.join(', ')}`] : []),
    ...(rows
      ? [`${rows.train.n} rows to learn from, ${rows.calibrate.n} to calibrate, ${rows.test.n} to judge by`]
      : []),
    ...(set ? [`features ${set.name}@${set.version}`] : []),
    ...(features.length > 0
      ? [`reads ${features.map(({ name, version }) => (version === null ? name : `${name}@${version}`)).join(', ')}`]
      : []),
    ...(without.length > 0 ? [`without ${without.join(', ')}`] : []),
    ...(seed === null ? [] : [`seed ${seed}`]),
    ...(code === null ? [] : [`program ${code}`]),
  ];
  return `${said.join('; ')}.`;
}

function whenMade({ metrics, calibration }: ModelFacts): string {
  const told = Object.entries(metrics).filter(([, value]) => value !== null);
  if (told.length === 0) return '';
  const method = calibration ? ` Calibrated by: ${calibration.method}.` : '';
  return `**How it did when it was made.**${method}\n\n${tableOf(
    ['figure', 'value'],
    told.map(([name, value]) => [name.replaceAll('_', ' '), number(value)]),
  )}`;
}

function ofChurn({ result, naive, rivals }: Listed, facts: ModelFacts, figures: ModelCard['figures']): string[] {
  const { metrics, segments, importance } = result as unknown as ChurnModelEvaluation;
  const svg = evaluationChart(metrics, { score: facts.id, event: 'lost' });
  if (svg !== undefined) figures.push({ name: 'calibration-and-roc.svg', svg });
  const others = (rivals as ChurnEvaluation['rivals']).flatMap((rival) =>
    rival.metrics
      ? [
          [
            rival.basis === 'divided' ? `${rival.name} (divided)` : rival.name,
            number(rival.metrics.auc),
            number(rival.metrics.brier),
            number(rival.metrics.logLoss),
            '',
          ],
        ]
      : [],
  );
  const missing = [
    ...(naive && naive.brier === null ? [`No naive Brier score: ${oneLine(naive.undefined.brier ?? '')}.`] : []),
    ...(rivals as ChurnEvaluation['rivals']).flatMap(({ name, metrics: told, reason }) =>
      told ? [] : [`Not beside it: ${name} (${oneLine(reason ?? '')}).`],
    ),
  ];
  const off = segments.flatMap(({ by, segments: each }) =>
    each.filter((segment) => segment.off).map((segment) => ({ by, segment })),
  );
  return [
    tableOf(
      ['', 'AUC (95 %)', 'Brier', 'log loss', 'slope / intercept'],
      [
        [
          facts.id,
          interval(metrics),
          number(metrics.brier),
          number(metrics.logLoss),
          `${number(metrics.calibrationSlope, 2)} / ${number(metrics.calibrationIntercept, 2)}`,
        ],
        ...others,
        ...(naive
          ? [
              [naive.rule, number(naive.auc), '–', '–', ''],
              [
                naive.rateOf === 'learned-from'
                  ? 'everybody at the rate of those learned from'
                  : 'everybody at the rate of before',
                '–',
                number(naive.brier),
                '–',
                '',
              ],
            ]
          : []),
      ],
    ),
    ...missing,
    ...(svg === undefined
      ? []
      : ['![Reliability with 95 % intervals and counts, and the ROC curve](calibration-and-roc.svg)']),
    ...segments.map(
      ({ by, segments: each }) =>
        `By ${by}:\n\n${tableOf(['segment', 'customers', 'expected', 'lost (95 %)', 'Brier'], each.map(segmentRow))}`,
    ),
    off.length === 0
      ? 'No segment is off by more than chance.'
      : `Off by more than chance: ${off.map(({ by, segment: { segment, expected, observed } }) => `${by} ${segment} (${percent(expected)} expected, ${percent(observed)} lost)`).join('; ')}.`,
    ...(importance
      ? [
          `What it leans on (expected rise of the ${importance.measure === 'integrated-brier' ? 'integrated ' : ''}Brier score when the feature is dealt out at random, ${importance.rows} rows): ${importance.importances
            .slice(0, 8)
            .map(({ feature, importance: rise }) => `${feature} ${rise.toFixed(5)}`)
            .join(', ')}.`,
        ]
      : []),
  ];
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const interval = ({ auc, aucLower, aucUpper }: ScoreMetrics): string =>
  aucLower === null ? number(auc) : `${number(auc)} (${number(aucLower)} to ${number(aucUpper)})`;
const segmentRow = ({
  segment,
  n,
  expected,
  observed,
  lower,
  upper,
  brier,
  off,
}: SegmentCalibration): (string | number)[] => [
  `${segment}${off ? ' (off)' : ''}`,
  n,
  percent(expected),
  `${percent(observed)} (${percent(lower)} to ${percent(upper)})`,
  number(brier),
];

function ofValue({ result, until, rows, cutoff }: Listed, facts: ModelFacts, figures: ModelCard['figures']): string[] {
  const { purchases, spend, tracking, params } = result as unknown as ValueModelEvaluation;
  const curve = tracking.expected.served;
  if (curve) {
    const { weeks, actual, origin } = tracking;
    const svg = trackingChart(
      { weeks, actual, expected: curve, customers: rows.n, from: dateOf(origin), until },
      `${facts.id}, judged from ${cutoff}`,
    );
    figures.push({ name: 'tracking.svg', svg });
  }
  const signed = (share: number | null) => (share === null ? '–' : percent(share));
  return [
    `Parameters that answered: ${Object.entries(params)
      .map(([name, value]) => `${name} ${value.toPrecision(5)}`)
      .join(', ')}.`,
    tableOf(
      ['purchases', 'came', 'expected', 'error', 'MAE', 'Gini'],
      Object.entries(purchases.models).map(([name, m]) => [
        name === 'served' ? facts.id : name,
        Math.round(m.actualTotal),
        Math.round(m.forecastTotal),
        signed(m.totalError),
        number(m.mae),
        number(m.concentration?.normalised ?? null),
      ]),
    ),
    ...(spend
      ? [
          tableOf(
            ['spend', 'came', 'expected', 'error', 'MAE', 'Gini', 'within p05–p95'],
            [
              [facts.id, spend.model],
              ['naive', spend.naive],
            ].map((row) => {
              const [name, m] = row as [string, typeof spend.model];
              return [
                name,
                Math.round(m.actualTotal),
                Math.round(m.forecastTotal),
                signed(m.totalError),
                number(m.mae, 2),
                number(m.concentration?.normalised ?? null),
                m.coverage === null ? '–' : percent(m.coverage),
              ];
            }),
          ),
        ]
      : []),
    tableOf(
      ['repeat purchases before', 'customers', 'came', 'expected'],
      purchases.byFrequency.map(({ x, n, actual, forecast }) => [x, n, number(actual, 3), number(forecast.served, 3)]),
    ),
    `Distributions (PIT, uniform when right): purchases p = ${number(purchases.pit.p)}${spend ? `, spend p = ${number(spend.pit.p)}` : ''}.`,
    ...(curve ? ['![Repeat purchases as they came and as expected](tracking.svg)'] : []),
  ];
}

function effects({ parameters, kind }: ModelFacts): string {
  if (parameters.length === 0) return '';
  const shown =
    kind === 'clv'
      ? parameters
      : [...parameters].sort((a, b) => Math.abs(b.value ?? 0) - Math.abs(a.value ?? 0)).slice(0, 20);
  const rest = parameters.length - shown.length;
  return `**Parameters.**${rest > 0 ? ` The largest 20 of ${parameters.length}; all are in the artefact.` : ''}\n\n${tableOf(
    ['name', 'value', 'standard error'],
    shown.map(({ name, value, standard_error: error }) => [
      name,
      value === null ? '–' : value.toPrecision(6),
      error === null ? '–' : error.toPrecision(3),
    ]),
  )}`;
}

function notFor({ kind, refused, definition }: ModelFacts): string {
  const said = [
    ...(refused ? [`It was not put in force by itself: ${oneLine(refused.message)}.`] : []),
    kind === 'clv'
      ? 'Subscribers; customers whose first purchase may lie before the data; businesses that buy by the calendar or by contract.'
      : `Causes: what a score is made of is not what an offer would change. ${definition?.kind === 'contractual' ? 'Customers without a running subscription.' : 'Customers with a subscription.'} Sources that keep other attributes than those it learned from.`,
  ];
  return said.join(' ');
}
