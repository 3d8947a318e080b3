// `axiom47 evaluate`: how good a score in a file is, without a server.
import { parseArgs } from 'node:util';
import { RowError } from '#domain/models/fit.ts';
import { type ScoreMetrics, scoreMetrics, thresholdMetrics } from '#domain/models/metrics.ts';
import { labelColumn, numberColumn, readTable } from '../table.ts';
import { type Command, UsageError } from './command.ts';
import { table } from './options.ts';

export const evaluate: Command = {
  name: 'evaluate',
  summary: 'measure a score in a file: AUC, Brier, log loss, calibration, reliability, lift',
  help: `axiom47 evaluate --data FILE --label COL[=VALUE] --score COL [--weight COL] [--threshold P] [--json]

One row per case. A score in [0, 1] is measured as a probability too; any other only by how it ranks. What is not defined is null, with why.

  --label      0/1 column, or COL=VALUE for the value that is the event
  --score      the column to measure          --weight  how many times each row counts
  --threshold  adds the decisions "event when score ≥ P"
  --json       {auc, aucLower, aucUpper, averagePrecision, brier, logLoss, calibrationSlope, ece, reliability: [...], undefined: {...}, ...}

Example:
  axiom47 evaluate --data scored.csv --label churned --score p_churn --json`,

  async run(argv, io) {
    const { values } = parseArgs({
      args: argv,
      options: {
        data: { type: 'string' },
        label: { type: 'string' },
        score: { type: 'string' },
        weight: { type: 'string' },
        threshold: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    for (const name of ['data', 'label', 'score'] as const)
      if (values[name] === undefined) throw new UsageError(`evaluate needs --${name}; see axiom47 evaluate --help`);
    const file = readTable(values.data!);
    const threshold = values.threshold === undefined ? undefined : Number(values.threshold);
    if (threshold !== undefined && !Number.isFinite(threshold))
      throw new UsageError(`--threshold ${values.threshold} is not a number, e.g. 0.5`);
    const columns = {
      label: labelColumn(file, values.label!),
      score: numberColumn(file, values.score!),
      weight: values.weight === undefined ? undefined : numberColumn(file, values.weight),
    };
    try {
      const metrics = scoreMetrics(columns);
      const decisions = threshold === undefined ? {} : { decisions: thresholdMetrics(columns, threshold) };
      if (values.json) io.stdout(`${JSON.stringify({ ...metrics, ...decisions })}\n`);
      else io.stdout(`${[...describeMetrics(metrics), ...describeDecisions(decisions.decisions)].join('\n')}\n`);
    } catch (error) {
      if (!(error instanceof RowError)) throw error;
      throw new UsageError(`${file.name} row ${error.row + 1}, column ${values.weight ?? error.column}: ${error.rule}`);
    }
    return 0;
  },
};

const show = (value: number | null) => (value === null ? '–' : value.toPrecision(5));

/** Metrics as lines for people. */
export function describeMetrics(metrics: ScoreMetrics): string[] {
  const range = metrics.aucLower === null ? '' : ` (95 %: ${show(metrics.aucLower)} to ${show(metrics.aucUpper)})`;
  const se = (value: number | null) => (value === null ? '' : ` ± ${value.toPrecision(2)}`);
  return [
    `${metrics.n} rows, ${metrics.prevalence === null ? '–' : (100 * metrics.prevalence).toFixed(1)} % events`,
    `  AUC                    ${show(metrics.auc)}${range}`,
    `  average precision      ${show(metrics.averagePrecision)}`,
    `  lift of the top tenth  ${show(metrics.liftTopDecile)}`,
    `  Brier score            ${show(metrics.brier)}`,
    `  log loss               ${show(metrics.logLoss)}`,
    `  calibration slope      ${show(metrics.calibrationSlope)}${se(metrics.calibrationSlopeSe)} (1 is perfect)`,
    `  calibration intercept  ${show(metrics.calibrationIntercept)}${se(metrics.calibrationInterceptSe)} (0 is perfect)`,
    `  calibration error      ${show(metrics.ece)}`,
    ...Object.entries(metrics.undefined).map(([name, reason]) => `  ${name} is not defined: ${reason}`),
    ...(metrics.reliability === null
      ? []
      : [
          '',
          table(
            ['bin', 'n', 'mean score', 'rate', 'lower', 'upper'],
            metrics.reliability.map(({ bin, n, meanScore, rate, lower, upper }) => [
              bin,
              n,
              ...[meanScore, rate, lower, upper].map((value) => Number(value.toFixed(4))),
            ]),
          ),
        ]),
  ];
}

function describeDecisions(decisions: ReturnType<typeof thresholdMetrics> | undefined): string[] {
  if (decisions === undefined) return [];
  const { threshold, tp, fp, fn, tn, precision, recall } = decisions;
  return [
    '',
    `event when score ≥ ${threshold}: ${tp} hits, ${fp} false alarms, ${fn} missed, ${tn} rightly left; precision ${show(precision)}, recall ${show(recall)}`,
  ];
}
