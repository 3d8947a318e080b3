// `axiom47 evaluate` of a score against a label.
import { calibrationBySegment } from '#domain/models/calibration-segments.ts';
import { scoreStatistics } from '#domain/models/compare-scores.ts';
import { type ScoreMetrics, scoreMetrics, thresholdMetrics } from '#domain/models/metrics.ts';
import type { Offer } from '#domain/models/ranking-curves.ts';
import { evaluationChart } from '../charts/evaluation-chart.ts';
import { writeSvg } from '../charts/write-svg.ts';
import { labelColumn, numberColumn, textColumn } from '../table.ts';
import { type Io, UsageError } from './command.ts';
import { comparison, describeComparison, type EvaluateInput, named, numberOption, show } from './evaluate-input.ts';
import { table as textTable } from './options.ts';
import { describeSegments, NO_SEGMENT } from './segments.ts';

/** @returns what is printed. @throws UsageError naming option, or file, row and column. */
export function evaluateScore(given: EvaluateInput, io: Io): string {
  const { table, grouping } = given;
  const threshold = given.threshold === undefined ? undefined : numberOption('--threshold', given.threshold);
  const offer = readOffer(given);
  const columns = {
    label: labelColumn(table, given.label!),
    score: numberColumn(table, given.score!),
    weight: given.weight === undefined ? undefined : numberColumn(table, given.weight),
  };
  const second = given.compare === undefined ? undefined : numberColumn(table, given.compare);
  return named(table, { label: given.label, score: given.score, weight: given.weight }, () => {
    const metrics = scoreMetrics(columns, { grouping, offer });
    const decisions = threshold === undefined ? undefined : thresholdMetrics(columns, threshold);
    const segments =
      given.segment === undefined
        ? undefined
        : calibrationBySegment(
            columns,
            textColumn(table, given.segment).map((cell) => cell || NO_SEGMENT),
            grouping?.group,
          );
    const compared =
      second &&
      comparison(
        given,
        given.score!,
        columns.weight ?? columns.label.map(() => 1),
        scoreStatistics(columns.label, columns.score, second, offer),
      );
    if (given.svg !== undefined)
      writeSvg(given.svg, evaluationChart(metrics, { score: given.score!, event: given.label! }), io);
    return given.json
      ? JSON.stringify({
          ...metrics,
          ...(decisions && { decisions }),
          ...(segments && { segments }),
          ...(compared && { comparison: compared }),
        })
      : [
          ...describeMetrics(metrics),
          ...(decisions ? describeDecisions(decisions) : []),
          ...(segments ? describeSegments(segments) : []),
          ...(compared ? describeComparison(compared) : []),
        ].join('\n');
  });
}

function readOffer(given: EvaluateInput): Offer | undefined {
  const [cost, benefit] = [given['offer-cost'], given['offer-benefit']];
  if (cost === undefined && benefit === undefined) return undefined;
  if (cost === undefined || benefit === undefined)
    throw new UsageError(
      'a profit needs both --offer-cost and --offer-benefit, e.g. --offer-cost 4 --offer-benefit 60',
    );
  const offer = { cost: numberOption('--offer-cost', cost), benefit: numberOption('--offer-benefit', benefit) };
  for (const name of ['cost', 'benefit'] as const)
    if (offer[name] < 0) throw new UsageError(`--offer-${name} ${offer[name]} is below 0`);
  return offer;
}

/** What a file or a fit lacks by choice, not by fault: not worth a line for people. */
const NOT_TOLD = ['groups', 'profit'];

/** Metrics as lines for people. */
export function describeMetrics(metrics: ScoreMetrics): string[] {
  const range = (lower: number | null, upper: number | null) =>
    lower === null ? '' : ` (95 %: ${show(lower)} to ${show(upper)})`;
  const se = (value: number | null) => (value === null ? '' : ` ± ${value.toPrecision(2)}`);
  const chance = metrics.eceByChance === null ? '' : ` (by chance ${show(metrics.eceByChance)})`;
  const parts = metrics.brierDecomposition;
  const { profit } = metrics;
  const groups = metrics.groups === null ? '' : ` in ${metrics.groups} groups`;
  return [
    `${metrics.n} rows${groups}, ${metrics.prevalence === null ? '–' : (100 * metrics.prevalence).toFixed(1)} % events`,
    `  AUC                    ${show(metrics.auc)}${range(metrics.aucLower, metrics.aucUpper)}`,
    `  average precision      ${show(metrics.averagePrecision)}${range(metrics.averagePrecisionLower, metrics.averagePrecisionUpper)}`,
    `  lift of the top tenth  ${show(metrics.liftTopDecile)}`,
    `  Brier score            ${show(metrics.brier)}`,
    ...(parts === null
      ? []
      : [
          `    = reliability ${show(parts.reliability)} − resolution ${show(parts.resolution)} + uncertainty ${show(parts.uncertainty)} + within bins ${show(parts.withinVariance - 2 * parts.withinCovariance)}`,
        ]),
    `  log loss               ${show(metrics.logLoss)}`,
    `  calibration slope      ${show(metrics.calibrationSlope)}${se(metrics.calibrationSlopeSe)} (1 is perfect)`,
    `  calibration intercept  ${show(metrics.calibrationIntercept)}${se(metrics.calibrationInterceptSe)} (0 is perfect)`,
    `  calibration error      ${show(metrics.ece)}${chance}`,
    ...(profit === null
      ? []
      : [
          profit.best.threshold === null
            ? '  best profit            0: reaching nobody'
            : `  best profit            ${show(profit.best.profit)} at score ≥ ${show(profit.best.threshold)}, ${(100 * profit.best.share).toFixed(1)} % reached; everyone: ${show(profit.everyone)}`,
        ]),
    ...Object.entries(metrics.undefined)
      .filter(([name]) => !NOT_TOLD.includes(name))
      .map(([name, reason]) => `  ${name} is not defined: ${reason}`),
    ...(metrics.reliability === null
      ? []
      : [
          '',
          textTable(
            ['bin', 'n', 'mean score', 'rate', 'lower', 'upper'],
            metrics.reliability.map(({ bin, n, meanScore, rate, lower, upper }) => [
              bin,
              n,
              ...[meanScore, rate, lower, upper].map((value) => Number(value.toFixed(4))),
            ]),
          ),
        ]),
    ...(metrics.gain === null
      ? []
      : [
          '',
          textTable(
            ['reached', 'score ≥', 'of all events', 'lift', 'rate of this tenth'],
            metrics.gain.map(({ share, threshold, captured, lift, rate }) => [
              `${Math.round(100 * share)} %`,
              ...[threshold, captured, lift, rate].map((value) => Number(value.toPrecision(4))),
            ]),
          ),
        ]),
  ];
}

function describeDecisions(decisions: ReturnType<typeof thresholdMetrics>): string[] {
  const { threshold, tp, fp, fn, tn, precision, recall } = decisions;
  return [
    '',
    `event when score ≥ ${threshold}: ${tp} hits, ${fp} false alarms, ${fn} missed, ${tn} rightly left; precision ${show(precision)}, recall ${show(recall)}`,
  ];
}
