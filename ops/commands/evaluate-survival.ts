// `axiom47 evaluate --kind survival`: how good a score of a survival model is, where some rows were censored before their end.
import { parseArgs } from 'node:util';
import { type BrierOverTime, brierOverTime } from '#domain/models/survival/brier-over-time.ts';
import { type Concordance, concordance } from '#domain/models/survival/concordance.ts';
import { type AucOverTime, aucOverTime } from '#domain/models/survival/time-dependent-auc.ts';
import { normalQuantile } from '#domain/numerics/chi-square.ts';
import { numberColumn } from '../table.ts';
import { type Io, UsageError } from './command.ts';
import { print, table } from './options.ts';
import { named, numberList, numberOption, readInput, shown, survivalOptions } from './survival-input.ts';

export const evaluateSurvivalHelp = `axiom47 evaluate --kind survival --data FILE --duration COL --event COL[=VALUE] [--score COL] [--times T,T,…]
                 [--survival T=COL,T=COL,…] [--tau T] [--weights COL] [--json]`;

export const evaluateSurvivalNote = `--kind survival: a score of how early the event comes (higher = earlier), with censored rows: concordance (Harrell's and Uno's), the AUC at each of --times
(events up to it against those still there), and of predicted survival at a time, --survival T=COL, the Brier score beside that of one
Kaplan–Meier curve for everybody. Censoring is made up for by inverse probability. --tau leaves later events out of Uno's concordance.`;

/** Whether it is a survival model's answers that are measured. */
export function asksSurvival(argv: readonly string[]): boolean {
  const at = argv.indexOf('--kind');
  return argv.includes('--kind=survival') || (at >= 0 && argv[at + 1] === 'survival');
}

export function evaluateSurvival(argv: string[], io: Io): number {
  const { values } = parseArgs({
    args: argv,
    options: {
      ...survivalOptions,
      kind: { type: 'string' },
      score: { type: 'string' },
      times: { type: 'string' },
      survival: { type: 'string' },
      tau: { type: 'string' },
    },
  });
  if (values.start !== undefined)
    throw new UsageError('--start: late entries cannot be measured by inverse probability of censoring; leave it out');
  if (values.score === undefined && values.survival === undefined)
    throw new UsageError('evaluate --kind survival needs --score COL or --survival T=COL; see axiom47 evaluate --help');
  const tau = values.tau === undefined ? undefined : numberOption('--tau', values.tau, 0);
  const times = values.times === undefined ? undefined : numberList('--times', values.times).sort((a, b) => a - b);
  const input = readInput('axiom47 evaluate', values);
  const { columns, rows } = input;
  const names = { ...input.names, score: values.score };
  const score = values.score === undefined ? undefined : numberColumn(rows, values.score);
  const predicted = (values.survival?.split(',') ?? []).map((text) => {
    const [time, column] = [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)];
    if (!text.includes('=')) throw new UsageError(`--survival ${text}: say TIME=COLUMN, e.g. 12=s12`);
    return { time: numberOption('--survival', time, 0), column, values: numberColumn(rows, column) };
  });
  predicted.sort((a, b) => a.time - b.time);
  for (const { time, column } of predicted) Object.assign(names, { [`S(${time})`]: column });
  const answer = named({ rows, names }, () => ({
    n: columns.duration.length,
    ...(score && { concordance: ranking(concordance(columns, score)) }),
    ...(score && { unoConcordance: ranking(concordance(columns, score, { uno: true, tau })) }),
    ...(score && times && { auc: aucOverTime(columns, score, times) }),
    ...(predicted.length > 0 && {
      brier: brierOverTime(
        columns,
        predicted.map(({ time }) => time),
        predicted.map((each) => each.values),
      ),
    }),
  }));
  print(io, values.json, answer, () =>
    [
      `${answer.n} rows`,
      ...(answer.concordance ? [describeRanking('concordance (Harrell)', answer.concordance)] : []),
      ...(answer.unoConcordance ? [describeRanking('concordance (Uno)', answer.unoConcordance)] : []),
      ...(answer.auc ? describeAuc(answer.auc) : []),
      ...(answer.brier ? describeBrier(answer.brier) : []),
    ].join('\n'),
  );
  return 0;
}

/** With 95 % limits, kept inside [0, 1]. */
function ranking({ value, standardError }: Concordance) {
  if (value === null || standardError === null) return { value, standardError, lower: null, upper: null };
  const reach = normalQuantile(0.95) * standardError;
  return { value, standardError, lower: Math.max(0, value - reach), upper: Math.min(1, value + reach) };
}

const describeRanking = (name: string, { value, lower, upper }: ReturnType<typeof ranking>) =>
  value === null
    ? `${name}: no pair of rows can be compared`
    : `${name} ${shown(value)} (${shown(lower)} to ${shown(upper)})`;

const describeAuc = ({ points, mean }: AucOverTime) => [
  table(
    ['time', 'AUC', 'cases', 'controls'],
    points.map(({ time, auc, cases, controls }) => [time, shown(auc), cases, controls]),
  ),
  `mean AUC ${shown(mean) ?? '–'}`,
];

const describeBrier = ({ points, integrated }: BrierOverTime) => [
  table(
    ['time', 'Brier', 'one curve for all'],
    points.map(({ time, brier, reference }) => [time, shown(brier), shown(reference)]),
  ),
  ...(integrated === null
    ? []
    : [
        `integrated ${shown(integrated.value)} (one curve ${shown(integrated.reference)}), skill ${shown(integrated.skill) ?? '–'}`,
      ]),
];
