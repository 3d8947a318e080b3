// What a logistic fit knows of its rows before the first step: which columns vary, their means and scales, and a good place to start.
import { cholesky } from '../numerics/cholesky.ts';
import { type Diagnostic, RowError } from './fit.ts';
import { type LogisticRows, type Pass, passHere, type Scale } from './logistic-kernel.ts';
import { minimise, type Passes, type PenaltyWeights, type Point, pointAt } from './logistic-newton.ts';

/** One row per case; columns of one length. */
export interface LogisticColumns {
  names: readonly string[];
  features: readonly Float64Array[];
  /** 1 for the event, 0 for none. */
  label: Float64Array;
  /** How many times the row counts, ≥ 0; 1 when absent. */
  weight?: Float64Array | undefined;
}

export interface LogisticDesign {
  rows: LogisticRows;
  names: readonly string[];
  mean: number[];
  sd: number[];
  /** The columns that vary. */
  scale: Scale;
  /** Sums of weight: of all rows, of the events. */
  total: number;
  events: number;
  /** Rows with weight. */
  n: number;
  diagnostics: Diagnostic[];
}

/** Runs a computation with every pass made on this thread. */
export function drive<Answer>(rows: LogisticRows, computation: Passes<Answer>): Answer {
  let turn = computation.next();
  while (!turn.done) turn = computation.next(passHere(rows, turn.value));
  return turn.value;
}

/** Runs a computation whose passes are made elsewhere, e.g. on several threads. */
export async function driveBy<Answer>(
  sums: (pass: Pass) => Promise<Float64Array>,
  computation: Passes<Answer>,
): Promise<Answer> {
  let turn = computation.next();
  while (!turn.done) turn = computation.next(await sums(turn.value));
  return turn.value;
}

/** @throws RangeError when the columns are of several lengths. */
export function rowsOf({ names, features, label, weight }: LogisticColumns): LogisticRows {
  const n = label.length;
  if (names.length !== features.length || [...features, weight ?? label].some(({ length }) => length !== n))
    throw new RangeError('names, features, label and weight must be of one length');
  return { features, label, weight: weight ?? new Float64Array(n).fill(1) };
}

/** Checks the columns once and learns their means and scales: one pass. @throws RowError for the first row that cannot be. */
export function* design(rows: LogisticRows, names: readonly string[]): Passes<LogisticDesign> {
  const sums = yield { kind: 'moments' };
  if (!sums.every(Number.isFinite)) throw badRow(rows, names);
  const [total, events, n] = [sums[0]!, sums[1]!, sums[2]!];
  const diagnostics: Diagnostic[] = [];
  const mean = names.map((_, j) => sums[3 + 2 * j]!);
  const sd = names.map((_, j) => (total > 0 ? Math.sqrt(sums[4 + 2 * j]! / total) : 0));
  const columns = names.flatMap((name, j) => {
    if (sd[j]! > 1e-12 * Math.abs(mean[j]!)) return [j];
    diagnostics.push({ code: 'constant-column', message: `${name} never varies: its coefficient is 0` });
    return [];
  });
  return {
    rows,
    names,
    mean,
    sd,
    scale: { columns, mean, inverseSd: sd.map((s) => 1 / s) },
    total,
    events,
    n,
    diagnostics,
  };
}

function badRow({ features, label, weight }: LogisticRows, names: readonly string[]): RangeError {
  for (let i = 0; i < label.length; i++) {
    const w = weight[i]!;
    if (!(w >= 0 && w < Number.POSITIVE_INFINITY)) return new RowError(i, 'weight', `${w} is not a finite number ≥ 0`);
    if (label[i] !== 0 && label[i] !== 1) return new RowError(i, 'label', `${label[i]} is not 0 or 1`);
    for (let j = 0; j < names.length; j++)
      if (!Number.isFinite(features[j]![i]!))
        return new RowError(i, names[j]!, `${features[j]![i]} is not a finite number`);
  }
  return new RangeError('the features or weights are too large to add up; bring them to an ordinary scale first');
}

/**
 * The design without the columns that the ones before them determine, by pivots of the correlation matrix; those are named in a diagnostic.
 * One pass.
 */
export function* independent(design: LogisticDesign): Passes<LogisticDesign> {
  const { scale, names, total, diagnostics } = design;
  // At β = 0 every row has the curvature ¼, so the Hessian is a quarter of the correlations.
  const { hessian } = yield* pointAt(scale, [0, ...scale.columns.map(() => 0)], total);
  const chosen: number[] = [];
  const dropped: Diagnostic[] = [];
  scale.columns.forEach((j, at) => {
    const tried = [...chosen, at];
    const corner = tried.map((a) => tried.map((b) => 4 * hessian[a + 1]![b + 1]!));
    const pivot = cholesky(corner)?.at(-1)?.at(-1) ?? 0;
    if (pivot > 1e-6) chosen.push(at);
    else
      dropped.push({
        code: 'collinear-column',
        message: `${names[j]} is determined by other columns: its coefficient is 0`,
      });
  });
  const columns = chosen.map((at) => scale.columns[at]!);
  return { ...design, scale: { ...scale, columns }, diagnostics: [...diagnostics, ...dropped] };
}

/** No covariate effect: the log-odds of the event rate. */
export const nullCoefficients = ({ scale, events, total }: LogisticDesign): number[] => [
  Math.log(events / (total - events)),
  ...scale.columns.map(() => 0),
];

/** A sample smaller than this says little; one row in this many is drawn of large data. */
const SAMPLE = 1_000;
const ONE_IN = 32;
/** Rows a coefficient that make the sample's Hessian good enough for a first step over all rows. */
const ROWS_A_COEFFICIENT = 200;

/**
 * Where to start: the minimum over a sample of the rows, which is some steps nearer than no effect at all and costs a fraction of one. One row is
 * drawn of each stretch of rows, by a fixed sequence; the sample only shortens the way, the end is certified on all rows.
 */
export function* start(design: LogisticDesign, penalty: PenaltyWeights): Passes<Point> {
  const { rows, scale, total } = design;
  const n = rows.label.length;
  const every = Math.floor(n / Math.max(SAMPLE, n / ONE_IN));
  const rough = every < 4 ? undefined : roughMinimum(sample(rows, every), scale, penalty);
  if (rough === undefined) return yield* pointAt(scale, nullCoefficients(design), total);
  const enough = n / every > ROWS_A_COEFFICIENT * rough.beta.length && cholesky(rough.hessian) !== undefined;
  return yield* pointAt(scale, rough.beta, total, enough ? rough.hessian : undefined);
}

function roughMinimum(rows: LogisticRows, scale: Scale, penalty: PenaltyWeights): Point | undefined {
  let [total, events] = [0, 0];
  for (let i = 0; i < rows.label.length; i++) {
    total += rows.weight[i]!;
    events += rows.weight[i]! * rows.label[i]!;
  }
  if (!(events > 0 && events < total)) return undefined;
  const beta = [Math.log(events / (total - events)), ...scale.columns.map(() => 0)];
  const from = drive(rows, pointAt(scale, beta, total));
  const found = drive(rows, minimise(scale, penalty, from, total, 1e-3));
  return found.separatedBy === undefined && found.kkt < 1e-2 ? found.point : undefined;
}

function sample({ features, label, weight }: LogisticRows, every: number): LogisticRows {
  const size = Math.floor(label.length / every);
  const at = new Uint32Array(size);
  // A linear congruential step (Numerical Recipes, ranqd1) spreads the rows within their stretches, against periodic files.
  let state = 1;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    at[i] = i * every + Math.floor((state / 2 ** 32) * every);
  }
  const pick = (column: Float64Array) => {
    const picked = new Float64Array(size);
    for (let i = 0; i < size; i++) picked[i] = column[at[i]!]!;
    return picked;
  };
  return { features: features.map(pick), label: pick(label), weight: pick(weight) };
}
