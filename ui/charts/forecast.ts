// What the model in force says P(alive) will be if no order comes: the same kernel the server answers with, run in the browser on the model's
// published parameters.
import { probabilityAlive as ofBg } from '#domain/models/bg-nbd.ts';
import { probabilityAlive as ofMbg } from '#domain/models/mbg-nbd.ts';
import { probabilityAlive as ofPareto } from '#domain/models/pareto-nbd.ts';
import type { AlivePoint } from './alive.ts';
import { DAY_MS, dayMs, dayOfMs } from './axes.ts';

/** Parameters by kind, and the same kernel the server has. */
const KINDS = {
  bgNbd: { file: 'bg-nbd', names: ['r', 'alpha', 'a', 'b'] },
  mbgNbd: { file: 'mbg-nbd', names: ['r', 'alpha', 'a', 'b'] },
  paretoNbd: { file: 'pareto-nbd', names: ['r', 'alpha', 's', 'beta'] },
} as const;
type Kind = keyof typeof KINDS;
export interface PurchaseModel {
  kind: Kind;
  daysPerUnit: number;
  params: Record<string, number>;
}

function probabilityAlive({ kind, params }: PurchaseModel, x: number, tx: number, T: number): number {
  const {
    r = Number.NaN,
    alpha = Number.NaN,
    a = Number.NaN,
    b = Number.NaN,
    s = Number.NaN,
    beta = Number.NaN,
  } = params;
  if (kind === 'paretoNbd') return ofPareto({ r, alpha, s, beta }, x, tx, T);
  return (kind === 'bgNbd' ? ofBg : ofMbg)({ r, alpha, a, b }, x, tx, T);
}

const record = (value: unknown): Record<string, unknown> | null =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;

function paramsOf(value: unknown, names: readonly string[]): Record<string, number> | null {
  const outer = record(value);
  const given = record(outer?.params) ?? outer;
  const found = names.map((name) => [name, given?.[name]] as const);
  return found.every((pair): pair is readonly [string, number] => typeof pair[1] === 'number')
    ? Object.fromEntries(found)
    : null;
}

/** The purchase part of a stored model file; null for a file of another kind, which then gets no forecast. */
export function purchaseModelOf(artefact: unknown): PurchaseModel | null {
  for (const part of Array.isArray(artefact) ? artefact : [artefact]) {
    const file = record(part);
    const daysPerUnit = file?.unit === 'day' ? 1 : 7;
    for (const kind of Object.keys(KINDS) as Kind[]) {
      const params = paramsOf(file?.model === KINDS[kind].file ? file : file?.[kind], KINDS[kind].names);
      if (params) return { kind, daysPerUnit, params };
    }
  }
  return null;
}

const POINTS = 40;

/** P(alive) from the day after `from` to `until`, for a customer who buys no more. */
export function aliveForecast(
  model: PurchaseModel,
  history: { firstDay: string; lastDay: string; frequency: number },
  from: string,
  until: string,
): AlivePoint[] {
  const birth = dayMs(history.firstDay);
  const span = (dayMs(until) - dayMs(from)) / DAY_MS;
  if (!(span > 0)) return [];
  const unit = DAY_MS * model.daysPerUnit;
  const recency = history.frequency === 0 ? 0 : (dayMs(history.lastDay) - birth) / unit;
  const points: AlivePoint[] = [];
  for (let i = 1; i <= POINTS; i++) {
    const at = dayMs(from) + Math.round((span * i) / POINTS) * DAY_MS;
    const p = probabilityAlive(model, history.frequency, recency, (at - birth) / unit);
    if (Number.isFinite(p)) points.push({ day: dayOfMs(at), p_alive: p });
  }
  return points;
}
