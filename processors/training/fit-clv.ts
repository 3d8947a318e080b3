// Trains the model of a non-contractual business from the ledger's compressed statistics: BG/NBD and MBG/NBD side by side, Gamma-Gamma for
// money. Pure: runs in the pool, in a test, or in a browser. BG/NBD is served unless it cannot be fitted; MBG/NBD then takes its place.
import * as bgNbd from '#domain/models/bg-nbd.ts';
import { models } from '#domain/models/catalogue.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import type { CompressedSummary } from '#domain/models/compress.ts';
import type { Diagnostic, Fit } from '#domain/models/fit.ts';
import * as gammaGamma from '#domain/models/gamma-gamma.ts';
import * as mbgNbd from '#domain/models/mbg-nbd.ts';
import { type Result, refuse } from '#domain/result.ts';

export interface ClvTrainingData {
  /** Times in days. */
  histories: { frequency: Float64Array; recencyDays: Float64Array; ageDays: Float64Array; weight: Float64Array };
  /** Customers with money on repeat days: how many such days, their mean in the reporting currency's major units. */
  spend: { frequency: Float64Array; monetaryValue: Float64Array; weight: Float64Array };
}

export interface ClvTraining {
  model: ClvModel;
  fits: {
    bgNbd: Fit<'bg-nbd', bgNbd.BgNbdParams>;
    mbgNbd: Fit<'mbg-nbd', mbgNbd.MbgNbdParams>;
    gammaGamma: Fit<'gamma-gamma', gammaGamma.GammaGammaParams>;
  };
  /** What deserves attention, over all parts. */
  diagnostics: Diagnostic[];
  customers: number;
}

const scaled = (days: Float64Array, perUnit: number): Float64Array => days.map((value) => value / perUnit);

/** Refuses with one sentence when neither purchase model can be fitted; a money part that cannot be fitted is left out with a diagnostic. */
export function fitClv(data: ClvTrainingData, unit: 'week' | 'day' = 'week'): Result<ClvTraining, string> {
  const perUnit = unit === 'week' ? 7 : 1;
  const summary: CompressedSummary = {
    frequency: data.histories.frequency,
    recency: scaled(data.histories.recencyDays, perUnit),
    T: scaled(data.histories.ageDays, perUnit),
    weight: data.histories.weight,
  };
  const bg = bgNbd.fitCompressed(summary, unit);
  const mbg = mbgNbd.fitCompressed(summary, unit);
  const gg = gammaGamma.fit(data.spend, unit);
  if (!bg.ok && !mbg.ok) return refuse(`BG/NBD: ${bg.message}; MBG/NBD: ${mbg.message}`);
  const diagnostics: Diagnostic[] = [
    ...bg.diagnostics,
    ...gg.diagnostics,
    ...trackingError(summary, bg.ok ? bg : mbg.ok ? mbg : null),
    ...(bg.ok ? [] : [{ code: 'bg-nbd-refused', message: `${bg.message}; MBG/NBD is served instead` }]),
    ...(gg.ok ? [] : [{ code: 'no-money-model', message: `${gg.message}; churn is answered, value is not` }]),
  ];
  const money = gg.ok ? { gammaGamma: gg.params } : {};
  const model: ClvModel = bg.ok
    ? { model: 'clv', unit, bgNbd: bg.params, ...money }
    : { model: 'clv', unit, mbgNbd: (mbg as Extract<typeof mbg, { ok: true }>).params, ...money };
  const customers = summary.weight.reduce((sum, w) => sum + w, 0);
  return { ok: true, value: { model, fits: { bgNbd: bg, mbgNbd: mbg, gammaGamma: gg }, diagnostics, customers } };
}

/** Beyond this share of the repeat purchases there were, the model does not describe this business (facts §9). */
const TRACKING_LIMIT = 0.1;

/** Repeat purchases the model expects of these customers up to today against those there were, and what a constant rate would say. */
function trackingError(
  { frequency, recency, T, weight }: CompressedSummary,
  fitted: { model: 'bg-nbd' | 'mbg-nbd'; params: bgNbd.BgNbdParams } | null,
): Diagnostic[] {
  if (!fitted) return [];
  const ofNew = models[fitted.model].expectedPurchasesOfNewCustomer;
  let expected = 0;
  let actual = 0;
  for (let i = 0; i < T.length; i++) {
    expected += weight[i]! * ofNew(fitted.params, T[i]!);
    actual += weight[i]! * frequency[i]!;
  }
  const error = expected / actual - 1;
  if (!(Math.abs(error) > TRACKING_LIMIT)) return [];
  // The naive forecast of the same span: everybody goes on at the rate of their own repeat purchases up to the last one.
  let naive = 0;
  for (let i = 0; i < T.length; i++) if (frequency[i]! > 0) naive += (weight[i]! * frequency[i]! * T[i]!) / recency[i]!;
  const percent = (share: number) => `${share > 0 ? '+' : '−'}${Math.abs(100 * share).toFixed(1)} %`;
  return [
    {
      code: 'tracking-error',
      message: `the model expects ${Math.round(expected)} repeat purchases up to now, there were ${Math.round(actual)} (${percent(error)}; a constant rate a customer says ${percent(naive / actual - 1)}): buying here is not what BG/NBD assumes, read its values with care`,
    },
  ];
}
