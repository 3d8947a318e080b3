// `axiom47 fit logistic`: a churn model from a table, with its encoding, its calibration on later rows and its metrics on the rows after those.
import { parseArgs } from 'node:util';
import { type Calibration, calibrate, fitIsotonic, fitPlatt } from '#domain/models/calibration.ts';
import { type CalibrationTrial, chooseCalibration } from '#domain/models/calibration-choice.ts';
import { calibrationBySegment, type SegmentCalibration } from '#domain/models/calibration-segments.ts';
import type { FeatureEncoding } from '#domain/models/feature-encoding.ts';
import type { Diagnostic } from '#domain/models/fit.ts';
import {
  fitLogistic,
  type LogisticColumns,
  type LogisticModel,
  predictLogOdds,
  probability,
} from '#domain/models/logistic.ts';
import { type CrossValidation, crossValidate } from '#domain/models/logistic-path.ts';
import { type ScoreMetrics, scoreMetrics } from '#domain/models/metrics.ts';
import { groupBy } from '#domain/models/ranking-intervals.ts';
import { type Io, UsageError } from './command.ts';
import { describeMetrics } from './evaluate-score.ts';
import { LOGISTIC_OPTIONS, type LogisticInput, type Part, readLogisticInput } from './fit-logistic-input.ts';
import { table as aligned } from './options.ts';
import { describeSegments, NO_SEGMENT } from './segments.ts';

export const LOGISTIC_HELP = `axiom47 fit logistic --data FILE --label COL[=VALUE] --features a,b,c | --all [--drop d,e] [--missing-indicator]
                [--penalty l2|l1|elastic-net|none] [--lambda L|auto|min [--group COL] [--time COL [--gap N]] [--folds K]] [--alpha A]
                [--weight COL] [--split COL] [--calibrate platt|isotonic|auto] [--segment COL] [--json]

logistic minimises mean log loss + λ(α‖b‖₁ + (1 − α)/2 ‖b‖²) over standardised features, the intercept free; λ is 1/rows when not told.
A column of numbers is one feature (blank = median, with --missing-indicator also a feature of its own), any other one feature per level but
the first (blank = level missing).
--lambda min takes the λ of least log loss in K-fold cross-validation, auto the strongest within one standard error of it. --group keeps rows
of one customer on one side; --time validates later blocks on models of earlier rows, at least --gap older (days for dates).
--split names a column that says train, calibrate or test: fitted on train, calibrated on calibrate, measured on test.
--calibrate auto takes the simplest of none, Platt and isotonic that no other clearly beats; --segment COL shows calibration by its values.`;

export async function runFitLogistic(argv: string[], io: Io): Promise<number> {
  const { values } = parseArgs({ args: argv, options: LOGISTIC_OPTIONS });
  const input = readLogisticInput(values);
  const { encoding, data, parts, penalty, alpha, segment } = input;
  const rowsOf = (part: Part) =>
    rowNumbers(data, (row) => (parts === undefined ? part === 'train' : parts[row] === part));
  const train = pick(data, rowsOf('train'));
  const choice = typeof input.lambda === 'string' ? chooseLambda(input, train) : undefined;
  const lambda =
    choice?.lambda ?? (penalty === 'none' ? 0 : ((input.lambda as number | null) ?? 1 / train.label.length));
  const fitted = fitLogistic(train, { penalty, lambda, alpha });
  if (!fitted.ok) {
    if (values.json) io.stdout(`${JSON.stringify(fitted)}\n`);
    io.stderr(`axiom47: ${input.file.name}: logistic was not fitted (${fitted.reason}): ${fitted.message}\n`);
    return 1;
  }
  const calibrated = input.calibrate && fitCalibration(input, fitted, rowsOf('calibrate'));
  const measuredOn: Part = parts?.includes('test') ? 'test' : 'train';
  const measuredRows = rowsOf(measuredOn);
  const measured = pick(data, measuredRows);
  const eta = predictLogOdds(fitted, measured.features, measured.label.length);
  const scores = (calibration?: Calibration) => ({
    label: measured.label,
    score: calibration === undefined ? probability(eta) : calibrate(calibration, eta),
    weight: measured.weight,
  });
  const calibration = calibrated?.calibration;
  const { group } = input;
  const grouping = group && groupBy(measuredRows.map((row) => String(group[row])));
  const { ok: _, ...model } = fitted;
  say(
    {
      ...model,
      encoding,
      ...(choice && { lambdaChoice: choice }),
      ...(calibrated && { ...calibrated, uncalibratedMetrics: scoreMetrics(scores(), { grouping }) }),
      measuredOn,
      metrics: scoreMetrics(scores(calibration), { grouping }),
      ...(segment && {
        segments: calibrationBySegment(
          scores(calibration),
          measuredRows.map((row) => segment[row]! || NO_SEGMENT),
          grouping?.group,
        ),
      }),
      diagnostics: [
        ...fitted.diagnostics,
        ...(choice?.diagnostics ?? []),
        ...(measuredOn === 'train'
          ? [
              {
                code: 'measured-in-sample',
                message:
                  'the metrics are of the rows the model was fitted to, so they flatter it; --split with test rows measures fairly',
              },
            ]
          : []),
      ],
    },
    values.json,
    io,
  );
  return 0;
}

interface LambdaChoice extends CrossValidation {
  rule: '1-standard-error' | 'least-loss';
  lambda: number;
}

function chooseLambda(input: LogisticInput, train: LogisticColumns): LambdaChoice {
  const { penalty, alpha, lambda } = input;
  if (penalty === 'none') throw new UsageError('--penalty none has no λ to choose');
  const found = crossValidate(train, { penalty, alpha }, input.trainFolds());
  if (!found.ok) throw new UsageError(`${input.file.name}: λ cannot be chosen: ${found.reason}`);
  return lambda === 'min'
    ? { rule: 'least-loss', lambda: found.value.best, ...found.value }
    : { rule: '1-standard-error', lambda: found.value.oneStandardError, ...found.value };
}

const rowNumbers = ({ label }: LogisticColumns, keep: (row: number) => boolean): number[] =>
  [...label.keys()].filter(keep);

function pick(data: LogisticColumns, rows: readonly number[]): LogisticColumns {
  const column = (values: Float64Array) => Float64Array.from(rows, (row) => values[row]!);
  return {
    names: data.names,
    features: data.features.map(column),
    label: column(data.label),
    weight: data.weight && column(data.weight),
  };
}

/** All calibrations read log-odds. */
function fitCalibration(
  { calibrate: method, data, group }: LogisticInput,
  model: LogisticModel,
  rows: readonly number[],
): { calibration: Calibration; calibrationTrials?: CalibrationTrial[] } {
  const { label, features, weight } = pick(data, rows);
  const scored = { label, score: predictLogOdds(model, features, label.length), weight };
  const cannot = (reason: string) => new UsageError(`the calibrate rows cannot calibrate: ${reason}`);
  if (method === 'auto') {
    const chosen = chooseCalibration(scored, group && Float64Array.from(rows, (row) => group[row]!));
    if (!chosen.ok) throw cannot(chosen.reason);
    return { calibration: chosen.value.calibration, calibrationTrials: chosen.value.trials };
  }
  const fitted = method === 'platt' ? fitPlatt(scored) : fitIsotonic(scored);
  if (!fitted.ok) throw cannot(fitted.reason);
  return { calibration: fitted.value };
}

interface Answer extends Omit<LogisticModel, 'ok'> {
  encoding: FeatureEncoding[];
  lambdaChoice?: LambdaChoice;
  calibration?: Calibration;
  calibrationTrials?: CalibrationTrial[];
  uncalibratedMetrics?: ScoreMetrics;
  measuredOn: Part;
  metrics: ScoreMetrics;
  segments?: SegmentCalibration[];
  diagnostics: Diagnostic[];
}

function say(answer: Answer, json: boolean, io: Io): void {
  if (json) {
    io.stdout(`${JSON.stringify(answer)}\n`);
    return;
  }
  const short = (value: number) => Number(value.toPrecision(6));
  const rows = answer.coefficients.map(({ name, coef, standardised }) => [name, short(coef), short(standardised)]);
  io.stdout(
    `${[
      `logistic, ${answer.n} rows, penalty ${answer.penalty}, lambda ${answer.lambda.toPrecision(6)}`,
      aligned(
        ['feature', 'coefficient', 'per sd'],
        [['(intercept)', short(answer.intercept), short(answer.standardisedIntercept)], ...rows],
      ),
      `objective ${answer.objective.toFixed(9)}, optimality violated by ${answer.kkt.toExponential(1)} after ${answer.iterations} steps`,
      ...(answer.lambdaChoice ? describeChoice(answer.lambdaChoice) : []),
      ...(answer.calibrationTrials ? describeTrials(answer.calibration!, answer.calibrationTrials) : []),
      '',
      `measured on ${answer.measuredOn}: ${describeMetrics(answer.metrics).join('\n')}`,
      ...(answer.segments ? describeSegments(answer.segments) : []),
    ].join('\n')}\n`,
  );
  for (const { code, message } of answer.diagnostics) io.stderr(`axiom47: warning: ${code}: ${message}\n`);
}

function describeChoice({ rule, lambda, best, oneStandardError, path, folds }: LambdaChoice): string[] {
  const worst = path.reduce((most, { kkt, worstKkt }) => Math.max(most, kkt, worstKkt), 0);
  const told = path.filter((each, i) => i % 5 === 0 || each.lambda === best || each.lambda === oneStandardError);
  return [
    '',
    `λ = ${lambda.toPrecision(6)} by ${rule === 'least-loss' ? 'the least log loss' : 'the one-standard-error rule'} over ${folds.length} folds (${folds.map(({ train, validate }) => `${train} → ${validate}`).join(', ')} rows); optimality violated by at most ${worst.toExponential(1)}`,
    aligned(
      ['λ', 'log loss', '±', 'features', ''],
      told.map((each) => [
        Number(each.lambda.toPrecision(4)),
        Number(each.loss.toPrecision(6)),
        Number(each.standardError.toPrecision(2)),
        each.nonzero,
        [each.lambda === best ? 'least' : '', each.lambda === oneStandardError ? 'one standard error' : '']
          .filter(Boolean)
          .join(', '),
      ]),
    ),
  ];
}

function describeTrials(calibration: Calibration, trials: readonly CalibrationTrial[]): string[] {
  return [
    '',
    `calibration ${calibration.method}`,
    aligned(
      ['method', 'Brier, held out', 'difference', '±', ''],
      trials.map(({ method, brier, difference, standardError, reason }) => [
        method,
        brier && Number(brier.toPrecision(5)),
        difference && Number(difference.toPrecision(2)),
        standardError && Number(standardError.toPrecision(2)),
        reason,
      ]),
    ),
  ];
}
