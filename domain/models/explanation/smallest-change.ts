// What would have to be different for a customer to be in another risk band: one feature alone, or the cheapest combination.
import { ok, type Result, refuse } from '../../result.ts';
import { type Calibration, calibrateOne } from '../calibration.ts';
import { encodedNames, type FeatureRow, type FeatureTable } from '../feature-encoding.ts';
import { type LogisticArtefact, score } from '../logistic-model.ts';
import { type ChangeRefusal, type CheapestChange, cheapestChange, type Lever } from './cheapest-change.ts';
import { type Cell, type Predict, withConstant } from './predict.ts';

/** The edge of a band: below or at and above this probability. */
export interface Goal {
  side: 'below' | 'above';
  probability: number;
}

/** What may be changed, and within which bounds. A cost is per unit (numbers; 1/sd when absent) or per change (levels; 1 when absent). */
export type Actionable =
  | { feature: string; lower: number; upper: number; step?: number; cost?: number }
  | { feature: string; levels: readonly string[]; cost?: number };

/** Steps between the bounds of one feature. */
const MOST_STEPS = 10_000;

export type SmallestChangeRefusal = ChangeRefusal | { reason: 'unreadable'; message: string };

/**
 * The cheapest combination of the allowed changes that takes a customer across the edge of a band, for a logistic model: exact, because
 * log-odds add up. With one `Actionable` it is the smallest change of that feature alone.
 *
 * It speaks about the model, not the world: changing a feature need not change what the customer does.
 * @returns no changes for a customer who is there already; refused when the bounds do not reach it.
 * @throws RangeError for an unknown feature or level, bounds upside down, a cost or step that is not above 0.
 */
export function smallestLogisticChange(
  artefact: LogisticArtefact,
  row: FeatureRow,
  goal: Goal,
  actionable: readonly Actionable[],
): Result<CheapestChange & { probability: number }, SmallestChangeRefusal> {
  if (!(goal.probability > 0 && goal.probability < 1))
    throw new RangeError(`probability ${goal.probability} is not between 0 and 1`);
  const now = score(artefact, row);
  if (!now.ok) return refuse({ reason: 'unreadable', message: `${now.reason.column}: ${now.reason.message}` });
  const edge = logOddsAtEdge(artefact.calibration, goal.probability);
  const sign = goal.side === 'below' ? -1 : 1;
  const there =
    goal.side === 'below' ? now.value.probability < goal.probability : now.value.probability >= goal.probability;
  if (there) return ok({ changes: [], cost: 0, gain: 0, probability: now.value.probability });
  if (!Number.isFinite(edge))
    return refuse({
      reason: 'impossible',
      most: 0,
      message: `no score is ${goal.side} ${goal.probability} after this model's calibration`,
    });
  const levers: Lever[] = [];
  for (const each of actionable) {
    const lever = leverOf(artefact, row, each, sign);
    if (typeof lever === 'string') return refuse({ reason: 'unreadable', message: lever });
    levers.push(lever);
  }
  // A hair further than the edge, so that rounding does not leave the customer on it.
  const distance = sign * (edge - now.value.logOdds);
  const found = cheapestChange(levers, distance + 1e-9 * Math.max(1, Math.abs(edge), Math.abs(now.value.logOdds)));
  if (!found.ok) return found;
  const changed = { ...row, ...Object.fromEntries(found.value.changes.map(({ feature, to }) => [feature, to])) };
  const after = score(artefact, changed);
  if (!after.ok) return refuse({ reason: 'unreadable', message: `${after.reason.column}: ${after.reason.message}` });
  return ok({ ...found.value, probability: after.value.probability });
}

/** The log-odds at which the calibrated probability passes p; ±Infinity where the calibration never does. */
function logOddsAtEdge(calibration: Calibration, p: number): number {
  if (calibration.method === 'identity') return Math.log(p / (1 - p));
  if (calibration.method === 'platt') return (Math.log((1 - p) / p) - calibration.B) / calibration.A;
  const { x, y } = calibration;
  if (y[0]! >= p) return Number.NEGATIVE_INFINITY;
  if (y.at(-1)! < p) return Number.POSITIVE_INFINITY;
  let [low, high] = [x[0]!, x.at(-1)!];
  for (;;) {
    const middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return high;
    if (calibrateOne(calibration, middle) < p) low = middle;
    else high = middle;
  }
}

function leverOf(artefact: LogisticArtefact, row: FeatureRow, told: Actionable, sign: 1 | -1): Lever | string {
  const { feature } = told;
  const encoding = artefact.encoding.find(({ column }) => column === feature);
  if (encoding === undefined)
    throw new RangeError(
      `the model has no feature '${feature}'; it has ${artefact.encoding.map((e) => e.column).join(', ')}`,
    );
  if (told.cost !== undefined && !(told.cost > 0))
    throw new RangeError(`${feature}: a cost of ${told.cost} is not above 0`);
  const coefficient = (name: string) => artefact.coefficients.find((each) => each.name === name);
  const cell = row[feature];
  const missing = cell === null || cell === undefined || String(cell).trim() === '';
  if (encoding.kind === 'categorical') {
    if (!('levels' in told)) throw new RangeError(`${feature} has levels: say which are allowed, not bounds`);
    const unknown = told.levels.find((level) => !encoding.levels.includes(level));
    if (unknown !== undefined)
      throw new RangeError(`${feature} has no level '${unknown}'; it has ${encoding.levels.join(', ')}`);
    // The first level, and one the model has never seen, stand at 0.
    const at = (level: string) => coefficient(`${feature}=${level}`)?.coef ?? 0;
    const current = missing ? 'missing' : String(cell).trim();
    const options = told.levels
      .filter((level) => level !== current)
      .map((value) => ({ value, gain: sign * (at(value) - at(current)), cost: told.cost ?? 1 }));
    return { feature, kind: 'choice', current, options };
  }
  if ('levels' in told) throw new RangeError(`${feature} is a number: say bounds, not levels`);
  if (missing) return `${feature} is missing: a change from an unknown value has no size`;
  if (!(Number.isFinite(told.lower) && Number.isFinite(told.upper) && told.lower <= told.upper))
    throw new RangeError(`${feature}: bounds ${told.lower} to ${told.upper} are not two finite numbers in order`);
  if (told.step !== undefined && !(told.step > 0))
    throw new RangeError(`${feature}: a step of ${told.step} is not above 0`);
  if (told.step !== undefined && (told.upper - told.lower) / told.step > MOST_STEPS)
    throw new RangeError(`${feature}: more than ${MOST_STEPS} steps between the bounds; take a larger step`);
  const { coef, sd } = coefficient(encodedNames([encoding])[0]!)!;
  const current = Number(cell);
  const direction = sign * coef >= 0 ? 1 : -1;
  return {
    feature,
    kind: 'amount',
    current,
    direction,
    gainPerUnit: Math.abs(coef),
    costPerUnit: told.cost ?? (sd > 0 ? 1 / sd : 1),
    room: Math.max(0, direction > 0 ? told.upper - current : current - told.lower),
    step: told.step ?? null,
  };
}

export interface SingleChange {
  feature: string;
  from: Cell;
  to: Cell;
  prediction: number;
}

/**
 * The nearest value of one feature, among candidates, that takes one row's prediction across the edge, for any model; for a number then narrowed
 * down to where it crosses (assuming one crossing between the two candidates around it).
 *
 * @param table one row.  @param candidates numbers, taken by distance; or levels, taken in order.
 * @returns refused when no candidate crosses.
 */
export function smallestSingleChange(
  predict: Predict,
  table: FeatureTable,
  feature: string,
  candidates: readonly Cell[],
  goal: Goal,
): Result<SingleChange, SmallestChangeRefusal> {
  const from = table.get(feature)?.[0];
  if (from === undefined) throw new RangeError(`no column '${feature}' with a row`);
  const predictAt = (value: Cell) => predict(withConstant(table, feature, value, 1))[0]!;
  const crossed = (p: number) => (goal.side === 'below' ? p < goal.probability : p >= goal.probability);
  if (crossed(predictAt(from))) return ok({ feature, from, to: from, prediction: predictAt(from) });
  const far = (value: Cell) => (typeof value === 'number' ? Math.abs(value - Number(from)) : 0);
  const nearest = [...candidates].sort((a, b) => far(a) - far(b));
  const to = nearest.find((value) => crossed(predictAt(value)));
  if (to === undefined)
    return refuse({
      reason: 'impossible',
      most: 0,
      message: `${feature} alone does not do it within ${nearest.length} values tried`,
    });
  if (typeof to !== 'number' || typeof from !== 'number') return ok({ feature, from, to, prediction: predictAt(to) });
  // The last candidate on the way there that does not cross, else the present value.
  const between = candidates.filter(
    (value) => typeof value === 'number' && (value - from) * (to - from) > 0 && far(value) < far(to),
  );
  let outside = between.reduce<number>((last, value) => (far(value) > far(last) ? Number(value) : last), from);
  let inside = to;
  for (let i = 0; i < 60; i++) {
    const middle = outside + (inside - outside) / 2;
    if (middle === outside || middle === inside) break;
    if (crossed(predictAt(middle))) inside = middle;
    else outside = middle;
  }
  return ok({ feature, from, to: inside, prediction: predictAt(inside) });
}
