// Competing risks: how likely is an end by each cause (a customer who leaves, a payment that fails), when one end rules the others out?
import { argsort } from '../../numerics/argsort.ts';
import { RowError } from '../fit.ts';
import { type BandType, bandOf, riskTable, splitOrder, zOf } from './kaplan-meier.ts';
import { checkSurvival, type SurvivalColumns } from './survival-columns.ts';

export interface CompetingColumns extends Omit<SurvivalColumns, 'eventObserved'> {
  /** 0 where the row is censored, 1 … causes where it ended by that cause. */
  cause: ArrayLike<number>;
}

/** One row per distinct time, of an end or of a censoring. */
export interface IncidenceCurves {
  /** Rows (not weights). */
  n: number;
  time: Float64Array;
  /** Weight under observation just before `time`; ends count before censorings of the same time. */
  atRisk: Float64Array;
  /** Probability of no end by any cause: the Kaplan–Meier curve of all causes together. */
  survival: Float64Array;
  /** One per cause 1 …, in their order. */
  causes: CauseIncidence[];
}

export interface CauseIncidence {
  totalEvents: number;
  events: Float64Array;
  /** P(end by this cause up to t). With the other causes' and the survival it makes 1. */
  incidence: Float64Array;
  standardError: Float64Array;
  lower: Float64Array;
  upper: Float64Array;
}

/**
 * The Aalen–Johansen estimate (1978) of the cumulative incidence of each cause:
 *
 *   I_k(t) = Σ_{t_j ≤ t} S(t_j−) d_kj/n_j,   S the Kaplan–Meier curve of all causes
 *
 * with its variance by the delta method over the multinomial increments (Andersen et al. 1993, eq. 4.4.17; Marubini & Valsecchi 1995), which
 * for a single cause is Greenwood's. 1 − Kaplan–Meier of one cause alone, with the others as censored, is not this probability: it is always
 * at least as high, for it supposes that who ended otherwise might still end by this cause. O(n log n + causes·times).
 *
 * @param causes how many there are.  @param options limits as for the Kaplan–Meier curve; where nothing happened yet both are 0.
 * @throws RowError for a row that cannot be.
 * @example fit({ duration: Float64Array.of(1, 2, 3, 4), cause: [1, 2, 0, 1] }, 2).causes[0].incidence // [1/4, 1/4, 1/4, 3/4]
 */
export function fit(
  columns: CompetingColumns,
  causes: number,
  options: { band?: BandType; level?: number } = {},
): IncidenceCurves {
  checkCauses(columns, causes);
  return curvesOf(columns, argsort(columns.duration), causes, options);
}

/** The curves of each group 0 … groups − 1; `group[i]` is the row's. A group without rows has empty curves. */
export function fitGroups(
  columns: CompetingColumns,
  causes: number,
  group: ArrayLike<number>,
  groups: number,
  options: { band?: BandType; level?: number } = {},
): IncidenceCurves[] {
  checkCauses(columns, causes);
  return splitOrder(argsort(columns.duration), group, groups).map((order) => curvesOf(columns, order, causes, options));
}

function checkCauses({ cause, ...columns }: CompetingColumns, causes: number): void {
  if (!(Number.isInteger(causes) && causes > 0)) throw new RangeError(`${causes} causes: a whole number > 0`);
  checkSurvival({ ...columns, eventObserved: anyCause(cause) });
  for (let i = 0; i < cause.length; i++)
    if (!(Number.isInteger(cause[i]) && cause[i]! >= 0 && cause[i]! <= causes))
      throw new RowError(i, 'cause', `must be 0 (censored) or a cause 1 … ${causes}`);
}

const anyCause = (cause: ArrayLike<number>) => Uint8Array.from(cause, (k) => (k === 0 ? 0 : 1));

function curvesOf(
  { cause, ...columns }: CompetingColumns,
  order: Uint32Array,
  causes: number,
  { band = 'log-log', level = 0.95 }: { band?: BandType; level?: number },
): IncidenceCurves {
  const z = zOf(level);
  const { time, events, atRisk } = riskTable({ ...columns, eventObserved: anyCause(cause) }, order);
  const byCause = Array.from({ length: causes }, () => new Float64Array(time.length));
  for (let k = 0, row = -1; k < order.length; k++) {
    const i = order[k]!;
    if (row < 0 || columns.duration[i] !== time[row]) row += 1;
    if (cause[i] !== 0) byCause[cause[i]! - 1]![row]! += columns.weight === undefined ? 1 : columns.weight[i]!;
  }
  const survival = new Float64Array(time.length);
  let s = 1;
  for (let j = 0; j < time.length; j++) {
    const left = atRisk[j]! - events[j]!;
    if (events[j]! > 0) s *= left > 1e-12 * atRisk[j]! ? left / atRisk[j]! : 0;
    survival[j] = s;
  }
  return {
    n: order.length,
    time,
    atRisk,
    survival,
    causes: byCause.map((own) => incidenceOf(own, events, atRisk, survival, z, band)),
  };
}

/**
 * With D = I(t) − I(t_j), a step before t adds to the variance a_j − 2 b_j D + c_j D² (own events d_k of d among n, S just before):
 * a = S² (d_k/n² − d_k²/n³), b = S·u (d_k/n² − d_k d/n³), c = u² (d/n² − d²/n³), u = n/(n − d). Kept as sums over j, so one pass does.
 */
function incidenceOf(
  own: Float64Array,
  events: Float64Array,
  atRisk: Float64Array,
  survival: Float64Array,
  z: number,
  band: BandType,
): CauseIncidence {
  const rows = own.length;
  const [incidence, standardError, lower, upper] = [0, 1, 2, 3].map(() => new Float64Array(rows)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  let totalEvents = 0;
  let reached = 0;
  let [constant, linear, square] = [0, 0, 0];
  for (let j = 0; j < rows; j++) {
    const [d, n, dk] = [events[j]!, atRisk[j]!, own[j]!];
    const s = j === 0 ? 1 : survival[j - 1]!;
    if (d > 0) {
      const rise = (s * dk) / n;
      // The sums are about I at the last step: what was D grows by the rise.
      constant += rise * (rise * square - 2 * linear);
      linear -= rise * square;
      reached += rise;
      totalEvents += dk;
      const u = n - d > 1e-12 * n ? n / (n - d) : 0;
      constant += (s * s * dk * (n - dk)) / (n * n * n);
      linear += (s * u * dk * (n - d)) / (n * n * n);
      square += (u * u * d * (n - d)) / (n * n * n);
    }
    incidence[j] = Math.min(1, reached);
    standardError[j] = Math.sqrt(Math.max(0, constant));
    if (reached === 0) continue;
    const limits = bandOf(incidence[j]!, standardError[j]! / incidence[j]!, z, band);
    lower[j] = limits.lower;
    upper[j] = limits.upper;
  }
  return { totalEvents, events: own, incidence, standardError, lower, upper };
}

/** I_k(t): 0 before the first time, the last value after the last one. @param cause 1 …. */
export function incidenceAt({ time, causes }: IncidenceCurves, cause: number, t: number): number {
  let low = 0;
  let high = time.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (time[middle]! <= t) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : causes[cause - 1]!.incidence[low - 1]!;
}
