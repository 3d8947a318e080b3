// `axiom47 fit logistic`: a churn model from a table, with its encoding, its calibration on later rows and its metrics on the rows after those.
import { parseArgs } from 'node:util';
import { type Calibration, calibrate, fitIsotonic, fitPlatt } from '#domain/models/calibration.ts';
import { encodeFeatures, type FeatureEncoding, learnEncoding } from '#domain/models/feature-encoding.ts';
import type { Diagnostic } from '#domain/models/fit.ts';
import {
  fitLogistic,
  type LogisticColumns,
  type LogisticModel,
  type Penalty,
  predictLogOdds,
  probability,
} from '#domain/models/logistic.ts';
import { type ScoreMetrics, scoreMetrics } from '#domain/models/metrics.ts';
import { cellError, columnIndex, labelColumn, numberColumn, readTable, type Table } from '../table.ts';
import { type Io, UsageError } from './command.ts';
import { describeMetrics } from './evaluate-score.ts';
import { table as aligned } from './options.ts';

export const LOGISTIC_HELP = `axiom47 fit logistic --data FILE --label COL[=VALUE] --features a,b,c | --all [--drop d,e]
                [--penalty l2|l1|elastic-net|none] [--lambda L] [--alpha A] [--weight COL]
                [--split COL] [--calibrate platt|isotonic] [--json]

logistic minimises mean log loss + λ(α‖b‖₁ + (1 − α)/2 ‖b‖²) over standardised features, the intercept free; λ is 1/rows when not told.
A column of numbers is one feature (blank = median), any other one feature per level but the first (blank = level missing).
--split names a column that says train, calibrate or test: fitted on train, calibrated on calibrate, measured on test.`;

const PARTS = ['train', 'calibrate', 'test'] as const;
type Part = (typeof PARTS)[number];

/** More levels than this are an id or a free text, not a category. */
const MOST_LEVELS = 100;

export async function runFitLogistic(argv: string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      data: { type: 'string' },
      label: { type: 'string' },
      features: { type: 'string' },
      all: { type: 'boolean', default: false },
      drop: { type: 'string' },
      penalty: { type: 'string', default: 'l2' },
      lambda: { type: 'string' },
      alpha: { type: 'string' },
      weight: { type: 'string' },
      split: { type: 'string' },
      calibrate: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.data === undefined || values.label === undefined)
    throw new UsageError('fit logistic needs --data FILE and --label COLUMN; see axiom47 fit --help');
  const penalty = oneOf<Penalty>('--penalty', values.penalty, ['l2', 'l1', 'elastic-net', 'none']);
  const method =
    values.calibrate === undefined ? undefined : oneOf('--calibrate', values.calibrate, ['platt', 'isotonic'] as const);
  if (method !== undefined && values.split === undefined)
    throw new UsageError('--calibrate needs --split COLUMN: rows the model was fitted to cannot calibrate it');
  const file = readTable(values.data);
  const label = labelColumn(file, values.label);
  const weight = values.weight === undefined ? undefined : numberColumn(file, values.weight);
  const negative = weight?.findIndex((w) => w < 0) ?? -1;
  if (negative >= 0) throw cellError(file, negative, values.weight!, `${weight![negative]} is not a weight ≥ 0`);
  const parts = values.split === undefined ? undefined : partColumn(file, values.split, method !== undefined);
  const isTrain = (row: number) => parts === undefined || parts[row] === 'train';
  const labelName = file.header.includes(values.label)
    ? values.label
    : values.label.slice(0, Math.max(0, values.label.lastIndexOf('='))) || values.label;
  const taken = [labelName, values.weight, values.split].flatMap((name) =>
    name === undefined ? [] : [columnIndex(file, name)],
  );
  const names = featureNames(file, values, taken);
  const cells = new Map(names.map((name) => [name, textColumn(file, name)]));
  const encoding = learnEncoding(cells, names, { learnFrom: isTrain });
  refuseUnusable(file, encoding);
  const encoded = encodeFeatures(cells, encoding);
  const data: LogisticColumns = { ...encoded, label, weight };
  const train = where(data, isTrain);
  const lambda = penalty === 'none' ? 0 : number('--lambda', values.lambda, 1 / train.label.length);
  const alpha = number('--alpha', values.alpha, 0.5);
  if (lambda < 0) throw new UsageError(`--lambda ${values.lambda} is not a number ≥ 0`);
  if (!(alpha >= 0 && alpha <= 1)) throw new UsageError(`--alpha ${values.alpha} is not between 0 and 1`);
  const fitted = fitLogistic(train, { penalty, lambda, alpha });
  if (!fitted.ok) {
    if (values.json) io.stdout(`${JSON.stringify(fitted)}\n`);
    io.stderr(`axiom47: ${file.name}: logistic was not fitted (${fitted.reason}): ${fitted.message}\n`);
    return 1;
  }
  const part = (name: Part) => where(data, (row) => parts?.[row] === name);
  const calibration = method === undefined ? undefined : fitCalibration(method, fitted, part('calibrate'));
  const measuredOn: Part = parts?.includes('test') ? 'test' : 'train';
  const rows = measuredOn === 'test' ? part('test') : train;
  const diagnostics = [...fitted.diagnostics];
  if (measuredOn === 'train')
    diagnostics.push({
      code: 'measured-in-sample',
      message:
        'the metrics are of the rows the model was fitted to, so they flatter it; --split with test rows measures fairly',
    });
  const metrics = measure(fitted, rows, calibration);
  const { ok: _, ...answer } = fitted;
  say(
    {
      ...answer,
      encoding,
      ...(calibration === undefined ? {} : { calibration, uncalibratedMetrics: measure(fitted, rows, undefined) }),
      measuredOn,
      metrics,
      diagnostics,
    },
    values.json,
    io,
  );
  return 0;
}

function oneOf<Value extends string>(option: string, told: string, choices: readonly Value[]): Value {
  const found = choices.find((choice) => choice === told);
  if (found === undefined) throw new UsageError(`${option} ${told}: one of ${choices.join(', ')}`);
  return found;
}

function number(option: string, told: string | undefined, otherwise: number): number {
  if (told === undefined) return otherwise;
  const value = told.trim() === '' ? Number.NaN : Number(told);
  if (!Number.isFinite(value)) throw new UsageError(`${option} ${told} is not a number`);
  return value;
}

/** The part each row belongs to. @throws UsageError for another word, or when a part that is needed has no rows. */
function partColumn(file: Table, name: string, calibrating: boolean): Part[] {
  const parts = textColumn(file, name).map((cell, row) => {
    const part = PARTS.find((each) => each === cell);
    if (part === undefined) throw cellError(file, row, name, `'${cell}' is not one of ${PARTS.join(', ')}`);
    return part;
  });
  for (const part of calibrating ? (['train', 'calibrate'] as const) : (['train'] as const))
    if (!parts.includes(part)) throw new UsageError(`${file.name}: no row has ${name} = ${part}`);
  return parts;
}

function featureNames(
  file: Table,
  { features, all, drop }: { features?: string; all: boolean; drop?: string },
  taken: number[],
): string[] {
  const list = (text: string) => text.split(',').map((name) => columnIndex(file, name.trim()));
  if ((features === undefined) === !all)
    throw new UsageError('fit logistic needs either --features a,b,c or --all (with --drop for ids and dates)');
  const dropped = new Set([...(drop === undefined ? [] : list(drop)), ...taken]);
  const wanted = features === undefined ? [...file.header.keys()] : list(features);
  const told = features === undefined ? undefined : wanted.find((at) => taken.includes(at));
  if (told !== undefined)
    throw new UsageError(`--features ${file.header[told]}: that column is the label, weight or split`);
  const kept = [...new Set(wanted)].filter((at) => !dropped.has(at)).map((at) => file.header[at]!);
  if (kept.length === 0) throw new UsageError(`${file.name}: no column is left as a feature`);
  return kept;
}

const textColumn = (file: Table, name: string): string[] => {
  const index = columnIndex(file, name);
  return file.rows.map((row) => row[index] ?? '');
};

function refuseUnusable(file: Table, encoding: readonly FeatureEncoding[]): void {
  for (const feature of encoding) {
    if (feature.kind === 'categorical' && feature.levels.length > MOST_LEVELS)
      throw new UsageError(
        `${file.name}, column ${feature.column}: ${feature.levels.length} different texts are an id or a date, not a category; --drop ${feature.column}`,
      );
    if (feature.kind === 'numeric' && feature.blank === null)
      throw new UsageError(
        `${file.name}, column ${feature.column}: blank in every row to fit; --drop ${feature.column}`,
      );
  }
}

function where(data: LogisticColumns, keep: (row: number) => boolean): LogisticColumns {
  const pick = (column: Float64Array) => column.filter((_, row) => keep(row));
  return {
    names: data.names,
    features: data.features.map(pick),
    label: pick(data.label),
    weight: data.weight && pick(data.weight),
  };
}

/** Platt and isotonic both read log-odds. */
function fitCalibration(method: 'platt' | 'isotonic', model: LogisticModel, rows: LogisticColumns): Calibration {
  const scored = { label: rows.label, score: predictLogOdds(model, rows.features), weight: rows.weight };
  const answer = method === 'platt' ? fitPlatt(scored) : fitIsotonic(scored);
  if (!answer.ok) throw new UsageError(`the calibrate rows cannot calibrate: ${answer.reason}`);
  return answer.value;
}

function measure(model: LogisticModel, rows: LogisticColumns, calibration: Calibration | undefined): ScoreMetrics {
  const eta = predictLogOdds(model, rows.features);
  const score = calibration === undefined ? probability(eta) : calibrate(calibration, eta);
  return scoreMetrics({ label: rows.label, score, weight: rows.weight });
}

interface Answer extends Omit<LogisticModel, 'ok'> {
  encoding: FeatureEncoding[];
  calibration?: Calibration;
  uncalibratedMetrics?: ScoreMetrics;
  measuredOn: Part;
  metrics: ScoreMetrics;
  diagnostics: Diagnostic[];
}

function say(answer: Answer, json: boolean, io: Io): void {
  if (json) {
    io.stdout(`${JSON.stringify(answer)}\n`);
    return;
  }
  const rows = answer.coefficients.map(({ name, coef, standardised }) => [
    name,
    Number(coef.toPrecision(6)),
    Number(standardised.toPrecision(6)),
  ]);
  io.stdout(
    `${[
      `logistic, ${answer.n} rows, penalty ${answer.penalty}, lambda ${answer.lambda.toPrecision(6)}`,
      aligned(
        ['feature', 'coefficient', 'per sd'],
        [['(intercept)', answer.intercept, answer.standardisedIntercept], ...rows],
      ),
      `objective ${answer.objective.toFixed(9)}, optimality violated by ${answer.kkt.toExponential(1)} after ${answer.iterations} steps`,
      '',
      `measured on ${answer.measuredOn}: ${describeMetrics(answer.metrics).join('\n')}`,
    ].join('\n')}\n`,
  );
  for (const { code, message } of answer.diagnostics) io.stderr(`axiom47: warning: ${code}: ${message}\n`);
}
