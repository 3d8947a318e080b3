// What the model in force says P(alive) will be if no order comes: the same kernel the server answers with, run in the browser on the model's
// published parameters.
import { probabilityAlive as ofBg } from '#domain/models/bg-nbd.ts';
import { probabilityAlive as ofMbg } from '#domain/models/mbg-nbd.ts';
import type { AlivePoint } from './alive.ts';
import { DAY_MS, dayMs, dayOfMs } from './axes.ts';

interface Params {
  r: number;
  alpha: number;
  a: number;
  b: number;
}
export interface PurchaseModel {
  kind: 'bgNbd' | 'mbgNbd';
  daysPerUnit: number;
  params: Params;
}

const record = (value: unknown): Record<string, unknown> | null =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;

function paramsOf(value: unknown): Params | null {
  const outer = record(value);
  const given = record(outer?.params) ?? outer;
  const [r, alpha, a, b] = ['r', 'alpha', 'a', 'b'].map((name) => given?.[name]);
  return typeof r === 'number' && typeof alpha === 'number' && typeof a === 'number' && typeof b === 'number'
    ? { r, alpha, a, b }
    : null;
}

/** The purchase part of a stored model file; null for a file of another kind, which then gets no forecast. */
export function purchaseModelOf(artefact: unknown): PurchaseModel | null {
  for (const part of Array.isArray(artefact) ? artefact : [artefact]) {
    const file = record(part);
    const daysPerUnit = file?.unit === 'day' ? 1 : 7;
    for (const [kind, value] of [
      ['bgNbd', file?.model === 'bg-nbd' ? file : file?.bgNbd],
      ['mbgNbd', file?.model === 'mbg-nbd' ? file : file?.mbgNbd],
    ] as const) {
      const params = paramsOf(value);
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
  const kernel = model.kind === 'bgNbd' ? ofBg : ofMbg;
  const unit = DAY_MS * model.daysPerUnit;
  const recency = history.frequency === 0 ? 0 : (dayMs(history.lastDay) - birth) / unit;
  const points: AlivePoint[] = [];
  for (let i = 1; i <= POINTS; i++) {
    const at = dayMs(from) + Math.round((span * i) / POINTS) * DAY_MS;
    const p = kernel(model.params, history.frequency, recency, (at - birth) / unit);
    if (Number.isFinite(p)) points.push({ day: dayOfMs(at), p_alive: p });
  }
  return points;
}
