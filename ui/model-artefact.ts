// What an artefact tells of its model beside the coefficients: metrics on rows it never saw, parameters, rivals, window, diagnostics. Read part by
// part, because a model that was imported from a file carries its parameters only.
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import type { Candidate } from '#domain/models/rivals.ts';
import type { Found, Verdict } from './job-results.ts';

export type Artefact = Readonly<Record<string, unknown>>;
const object = (value: unknown): Record<string, unknown> | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
const number = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null);

export const metricsOf = (artefact: Artefact): Verdict | null => object(artefact.metrics) as Verdict | null;
export const definitionOf = (artefact: Artefact): ChurnDefinition | null =>
  object(artefact.definition) as ChurnDefinition | null;
export const diagnosticsOf = (artefact: Artefact): Found[] =>
  Array.isArray(artefact.diagnostics) ? (artefact.diagnostics as Found[]) : [];
export const naiveOf = (artefact: Artefact): { rate: number | null; brier: number | null } | null => {
  const told = object(artefact.naive);
  return told && { rate: number(told.rate), brier: number(told.brier) };
};

export interface Parameter {
  name: string;
  value: number;
  standardError: number | null;
}
/** Of a value model by part (purchases, money); of a churn model its coefficients, per standard deviation where that is known. */
export function parametersOf(artefact: Artefact): { part: string; parameters: Parameter[] }[] {
  const fits = object(artefact.fits);
  if (artefact.model === 'clv') {
    const served = object(artefact.rivals)?.served;
    const purchases =
      PURCHASES.find(([name, of]) => object(artefact[name]) && (served === undefined || of === served)) ??
      PURCHASES.find(([name]) => object(artefact[name]));
    return [
      ...(purchases ? [[purchases[0], purchases[2]] as const] : []),
      ['gammaGamma', 'Money: Gamma-Gamma'] as const,
    ].flatMap(([name, part]) => {
      const params = object(artefact[name]);
      const errors = object(object(fits?.[name])?.standardErrors);
      return params
        ? [
            {
              part,
              parameters: Object.entries(params).flatMap(([each, value]) =>
                number(value) === null
                  ? []
                  : [{ name: each, value: number(value)!, standardError: number(errors?.[each]) }],
              ),
            },
          ]
        : [];
    });
  }
  const own = object(artefact.logistic) ?? object(artefact.cox);
  const coefficients = Array.isArray(own?.coefficients) ? (own.coefficients as Record<string, unknown>[]) : [];
  if (coefficients.length === 0) return [];
  const standardised = coefficients.every((each) => number(each.standardised) !== null);
  return [
    {
      part:
        artefact.model === 'churn-cox'
          ? 'Log hazard ratios'
          : standardised
            ? 'Log odds per standard deviation'
            : 'Log odds',
      parameters: coefficients
        .map((each) => ({
          name: String(each.name),
          value: number(standardised ? each.standardised : each.coef) ?? 0,
          standardError: number(each.standardError),
        }))
        .filter(({ value }) => value !== 0)
        .sort((a, b) => Math.abs(b.value) - Math.abs(a.value)),
    },
  ];
}
const PURCHASES = [
  ['bgNbd', 'bg-nbd', 'Purchases: BG/NBD'],
  ['mbgNbd', 'mbg-nbd', 'Purchases: MBG/NBD'],
  ['paretoNbd', 'pareto-nbd', 'Purchases: Pareto/NBD'],
] as const;

export function rivalsOf(artefact: Artefact): { served: string; reason: string; candidates: Candidate[] } | null {
  const told = object(artefact.rivals);
  return told && Array.isArray(told.candidates)
    ? (told as unknown as { served: string; reason: string; candidates: Candidate[] })
    : null;
}

export interface Rows {
  n: number;
  lost: number;
}
export const rowsOf = (artefact: Artefact): Record<'train' | 'calibrate' | 'test', Rows> | null =>
  object(artefact.rows) as Record<'train' | 'calibrate' | 'test', Rows> | null;
