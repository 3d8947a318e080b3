// What every fit answers: parameters with their uncertainty, or a reason; and what deserves attention without failing.

export type TimeUnit = 'week' | 'day';

export interface Diagnostic {
  code: string;
  message: string;
}

type FitReason = 'too-few-customers' | 'not-identifiable' | 'no-convergence';

/** A maximum-likelihood fit. Gradient and covariance are in ln-parameters, where no bound is near. */
interface FittedModel<Model extends string, Params> {
  ok: true;
  model: Model;
  unit: TimeUnit;
  params: Params;
  logLikelihood: number;
  /** 2k − 2 ln L and k ln n − 2 ln L with k parameters and n customers: lower is better, among models of the same histories. */
  aic: number;
  bic: number;
  /** Of a purchase model: what one rate for all customers and nobody ever leaving says of the same histories. */
  naive?: { logLikelihood: number; bic: number };
  /** By the observed information and the delta method; null for a parameter the data do not bound. */
  standardErrors: { [Name in keyof Params]: number | null };
  /** Covariance of the ln-parameters in the order of `params`; null when some parameter stands at a bound. */
  covarianceLog: number[][] | null;
  /** Largest |d logLikelihood / d ln parameter| over the parameters that are not at a bound. */
  gradientNorm: number;
  /** 1-norm condition number of the observed information; null when that is singular. */
  conditionNumber: number | null;
  iterations: number;
  /** Customers (sum of weights). */
  n: number;
  converged: boolean;
  diagnostics: Diagnostic[];
}

export interface FitRefused<Model extends string> {
  ok: false;
  model: Model;
  reason: FitReason;
  message: string;
  iterations: number;
  gradientNorm: number | null;
  n: number;
  diagnostics: Diagnostic[];
}

export type Fit<Model extends string, Params> = FittedModel<Model, Params> | FitRefused<Model>;

/** AIC and BIC of a log-likelihood. */
export const criteria = (logLikelihood: number, parameters: number, n: number) => ({
  aic: 2 * parameters - 2 * logLikelihood,
  bic: parameters * Math.log(n) - 2 * logLikelihood,
});

/** Largest |∂ ln L / ∂ ln parameter|; null where the likelihood is no number there (amounts of 1e300 beside 1e-300). */
export function gradientNorm(gradient: readonly number[]): number | null {
  const norm = Math.max(...gradient.map(Math.abs));
  return Number.isFinite(norm) ? norm : null;
}

/** Fewer customers than this are refused; below FEW_CUSTOMERS the fit is flagged. */
export const MIN_CUSTOMERS = 10;
export const FEW_CUSTOMERS = 30;

/** Bad input of one row, named so that a person can find it. `row` counts from 0; the message counts from 1. */
export class RowError extends RangeError {
  readonly row: number;
  readonly column: string;
  readonly rule: string;

  constructor(row: number, column: string, rule: string) {
    super(`row ${row + 1}, column ${column}: ${rule}`);
    this.name = 'RowError';
    this.row = row;
    this.column = column;
    this.rule = rule;
  }
}
