// What `fit logistic` reads: the options, the columns of the table, and which rows are for what.
import { encodeFeatures, type FeatureEncoding, learnEncoding } from '#domain/models/feature-encoding.ts';
import { type Fold, groupCode, makeFolds } from '#domain/models/folds.ts';
import type { LogisticColumns, Penalty } from '#domain/models/logistic.ts';
import { cellError, columnIndex, labelColumn, numberColumn, readTable, type Table, textColumn } from '../table.ts';
import { UsageError } from './command.ts';

export const PARTS = ['train', 'calibrate', 'test'] as const;
export type Part = (typeof PARTS)[number];

/** More levels than this are an id or a free text, not a category. */
const MOST_LEVELS = 100;

export const LOGISTIC_OPTIONS = {
  data: { type: 'string' },
  label: { type: 'string' },
  features: { type: 'string' },
  all: { type: 'boolean', default: false },
  drop: { type: 'string' },
  'missing-indicator': { type: 'boolean', default: false },
  penalty: { type: 'string', default: 'l2' },
  lambda: { type: 'string' },
  alpha: { type: 'string' },
  weight: { type: 'string' },
  group: { type: 'string' },
  time: { type: 'string' },
  folds: { type: 'string', default: '5' },
  gap: { type: 'string', default: '0' },
  split: { type: 'string' },
  calibrate: { type: 'string' },
  segment: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

export interface LogisticValues {
  data?: string;
  label?: string;
  features?: string;
  all: boolean;
  drop?: string;
  'missing-indicator': boolean;
  penalty: string;
  lambda?: string;
  alpha?: string;
  weight?: string;
  group?: string;
  time?: string;
  folds: string;
  gap: string;
  split?: string;
  calibrate?: string;
  segment?: string;
  json: boolean;
}

export interface LogisticInput {
  file: Table;
  encoding: FeatureEncoding[];
  /** All rows. */
  data: LogisticColumns;
  parts: Part[] | undefined;
  /** Codes of the customers, per row. */
  group: Float64Array | undefined;
  segment: string[] | undefined;
  penalty: Penalty;
  alpha: number;
  /** λ as told; null when not told; or how to choose it. */
  lambda: number | null | 'auto' | 'min';
  calibrate: 'platt' | 'isotonic' | 'auto' | undefined;
  /** Folds over the rows of the train part, in their order. */
  trainFolds(): Fold[];
}

/** @throws UsageError naming option, or file, row and column. */
export function readLogisticInput(values: LogisticValues): LogisticInput {
  if (values.data === undefined || values.label === undefined)
    throw new UsageError('fit logistic needs --data FILE and --label COLUMN; see axiom47 fit --help');
  const penalty = oneOf<Penalty>('--penalty', values.penalty, ['l2', 'l1', 'elastic-net', 'none']);
  const calibrate =
    values.calibrate === undefined
      ? undefined
      : oneOf('--calibrate', values.calibrate, ['platt', 'isotonic', 'auto'] as const);
  if (calibrate !== undefined && values.split === undefined)
    throw new UsageError('--calibrate needs --split COLUMN: rows the model was fitted to cannot calibrate it');
  const lambda =
    values.lambda === 'auto' || values.lambda === 'min'
      ? values.lambda
      : values.lambda === undefined
        ? null
        : number('--lambda', values.lambda);
  if (typeof lambda === 'number' && lambda < 0)
    throw new UsageError(`--lambda ${values.lambda} is not a number ≥ 0, auto or min`);
  if (typeof lambda === 'string' && penalty === 'none')
    throw new UsageError(
      `--lambda ${lambda} chooses a penalty, but --penalty none has none; use l2, l1 or elastic-net`,
    );
  if (typeof lambda !== 'string' && values.time !== undefined)
    throw new UsageError('--time orders the folds of --lambda auto or min; without them leave it out');
  const alpha = number('--alpha', values.alpha ?? '0.5');
  if (!(alpha >= 0 && alpha <= 1)) throw new UsageError(`--alpha ${values.alpha} is not between 0 and 1`);

  const file = readTable(values.data);
  const label = labelColumn(file, values.label);
  const weight = values.weight === undefined ? undefined : numberColumn(file, values.weight);
  const negative = weight?.findIndex((w) => w < 0) ?? -1;
  if (negative >= 0) throw cellError(file, negative, values.weight!, `${weight![negative]} is not a weight ≥ 0`);
  const parts = values.split === undefined ? undefined : partColumn(file, values.split, calibrate !== undefined);
  const isTrain = (row: number) => parts === undefined || parts[row] === 'train';
  const group = values.group === undefined ? undefined : groupCodes(file, values.group);
  const time = values.time === undefined ? undefined : timeColumn(file, values.time);
  const labelName = file.header.includes(values.label)
    ? values.label
    : values.label.slice(0, Math.max(0, values.label.lastIndexOf('='))) || values.label;
  // A segment may be a feature too; the others would tell the answer or the row.
  const taken = [labelName, values.weight, values.split, values.group, values.time].flatMap((name) =>
    name === undefined ? [] : [columnIndex(file, name)],
  );
  const names = featureNames(file, values, taken);
  const cells = new Map(names.map((name) => [name, textColumn(file, name)]));
  const encoding = learnEncoding(cells, names, {
    learnFrom: isTrain,
    missingIndicator: values['missing-indicator'],
  });
  refuseUnusable(file, encoding);
  return {
    file,
    encoding,
    data: { ...encodeFeatures(cells, encoding), label, weight },
    parts,
    group,
    segment: values.segment === undefined ? undefined : textColumn(file, values.segment),
    penalty,
    alpha,
    lambda,
    calibrate,
    trainFolds() {
      const train = [...label.keys()].filter(isTrain);
      const ofTrain = (column: Float64Array) => Float64Array.from(train, (row) => column[row]!);
      const columns = { rows: train.length, group: group && ofTrain(group), time: time && ofTrain(time) };
      const folds = number('--folds', values.folds);
      if (!(Number.isInteger(folds) && folds >= 2 && folds <= 100))
        throw new UsageError(`--folds ${values.folds} is not a whole number from 2 to 100`);
      const gap = number('--gap', values.gap);
      if (gap < 0) throw new UsageError(`--gap ${values.gap} is not a number ≥ 0`);
      const made = makeFolds(columns, folds, gap);
      if (!made.ok) throw new UsageError(`${file.name}: ${made.reason}; tell --lambda a number instead`);
      return made.value;
    },
  };
}

function oneOf<Value extends string>(option: string, told: string, choices: readonly Value[]): Value {
  const found = choices.find((choice) => choice === told);
  if (found === undefined) throw new UsageError(`${option} ${told}: one of ${choices.join(', ')}`);
  return found;
}

function number(option: string, told: string): number {
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

/** @throws UsageError for an empty cell: it would make strangers one customer. */
function groupCodes(file: Table, name: string): Float64Array {
  return Float64Array.from(textColumn(file, name), (cell, row) => {
    if (cell === '') throw cellError(file, row, name, 'is empty; every row needs its group');
    return groupCode(cell);
  });
}

const MS_PER_DAY = 86_400_000;

/** Numbers as they stand, or ISO dates and times in days. @throws UsageError naming the first cell that is neither. */
function timeColumn(file: Table, name: string): Float64Array {
  return Float64Array.from(textColumn(file, name), (cell, row) => {
    const at = cell === '' ? Number.NaN : Number(cell);
    if (Number.isFinite(at)) return at;
    const instant = /^\d{4}-\d\d-\d\d([T ].*)?$/.test(cell) ? Date.parse(cell) : Number.NaN;
    if (!Number.isFinite(instant))
      throw cellError(file, row, name, `'${cell}' is neither a number nor a date such as 2026-06-30`);
    return instant / MS_PER_DAY;
  });
}

function featureNames(file: Table, { features, all, drop }: LogisticValues, taken: number[]): string[] {
  const list = (text: string) => text.split(',').map((name) => columnIndex(file, name.trim()));
  if ((features === undefined) === !all)
    throw new UsageError('fit logistic needs either --features a,b,c or --all (with --drop for ids and dates)');
  const dropped = new Set([...(drop === undefined ? [] : list(drop)), ...taken]);
  const wanted = features === undefined ? [...file.header.keys()] : list(features);
  const told = features === undefined ? undefined : wanted.find((at) => taken.includes(at));
  if (told !== undefined)
    throw new UsageError(`--features ${file.header[told]}: that column is the label, weight, split, group or time`);
  const kept = [...new Set(wanted)].filter((at) => !dropped.has(at)).map((at) => file.header[at]!);
  if (kept.length === 0) throw new UsageError(`${file.name}: no column is left as a feature`);
  return kept;
}

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
