// `axiom47 fit cox`: hazard ratios with their baseline, tests, robust errors, residuals, and the future of those who are still there.
import { parseArgs } from 'node:util';
import { type CoxModel, coefficient, fit as fitModel, linearPredictor } from '#domain/models/survival/cox.ts';
import type { CoxColumns } from '#domain/models/survival/cox-design.ts';
import { proportionality, TRANSFORMS } from '#domain/models/survival/cox-proportionality.ts';
import { residuals, robustCovariance, schoenfeldResiduals } from '#domain/models/survival/cox-residuals.ts';
import { baselineUncertainty, survivalWithLimits } from '#domain/models/survival/cox-survival.ts';
import { type Io, UsageError } from './command.ts';
import { print, table } from './options.ts';
import {
  categories,
  covariate,
  named,
  numberOption,
  oneOf,
  readInput,
  short,
  shown,
  survivalOptions,
} from './survival-input.ts';

export const coxHelp = `axiom47 fit cox --data FILE --duration COL --event COL[=VALUE] --covariates COL,COL=VALUE,… [--start COL] [--strata COL] [--weights COL]
                [--ties efron|breslow|exact] [--robust | --cluster COL] [--zph km|identity|log|rank] [--horizon H] [--residuals] [--json]
                --cluster: rows of one customer count as one in the errors; --horizon: in the JSON, P(still there H later) of each row without event`;

export function cox(args: string[], io: Io): number {
  const { values } = parseArgs({
    args,
    options: {
      ...survivalOptions,
      covariates: { type: 'string' },
      strata: { type: 'string' },
      ties: { type: 'string', default: 'efron' },
      robust: { type: 'boolean', default: false },
      cluster: { type: 'string' },
      zph: { type: 'string', default: 'km' },
      horizon: { type: 'string' },
      residuals: { type: 'boolean', default: false },
    },
  });
  const ties = oneOf('--ties', values.ties, ['efron', 'breslow', 'exact'] as const);
  const transform = oneOf('--zph', values.zph, TRANSFORMS);
  const horizon = values.horizon === undefined ? undefined : numberOption('--horizon', values.horizon, 0);
  const robust = values.robust || values.cluster !== undefined;
  if (ties === 'exact' && (robust || horizon !== undefined || values.residuals))
    throw new UsageError('--ties exact has no residuals, robust errors or limits; use --ties efron');
  const input = readInput('axiom47 fit cox', values);
  if (values.covariates === undefined)
    throw new UsageError('fit cox needs --covariates COL,COL=VALUE,…; see axiom47 fit --help');
  const { rows } = input;
  const covariates = values.covariates.split(',').map((text) => covariate(rows, text.trim()));
  const twice = covariates.find(({ name }, j) => covariates.findIndex((other) => other.name === name) < j);
  if (twice !== undefined) throw new UsageError(`--covariates names ${twice.name} twice`);
  const strata = values.strata === undefined ? undefined : categories(rows, values.strata);
  const cluster = values.cluster === undefined ? undefined : categories(rows, values.cluster).codes;
  const columns: CoxColumns = { ...input.columns, covariates, strata: strata?.codes };
  const model = named(input, () => fitModel(columns, ties));
  if (!model.ok) {
    if (values.json) io.stdout(`${JSON.stringify({ ...model, converged: false })}\n`);
    io.stderr(`axiom47: ${rows.name}: cox was not fitted (${model.reason}): ${model.message}\n`);
    return 1;
  }
  const { ok: _, means: __, baseline: ___, ...fitted } = model;
  const errors = robust ? named(input, () => robustErrors(columns, model, cluster)) : undefined;
  const coefficients = errors?.coefficients ?? model.coefficients;
  const answer = {
    ...fitted,
    ...errors,
    proportionality: named(input, () => proportionality(columns, model, transform)),
    baseline: baselineRows(model, strata?.names),
    ...(horizon !== undefined && { predictions: predictions(columns, model, horizon) }),
    ...(values.residuals && { residuals: residualRows(columns, model), schoenfeld: schoenfeldRows(columns, model) }),
  };
  print(io, values.json, answer, () => describe(model, coefficients));
  if (!values.json)
    for (const { code, message } of model.diagnostics) io.stderr(`axiom47: warning: ${code}: ${message}\n`);
  return 0;
}

const describe = (model: CoxModel, coefficients: CoxModel['coefficients']) =>
  [
    table(
      ['covariate', 'coef', 'se', 'z', 'p', 'hazard ratio', 'lower', 'upper'],
      coefficients.map(({ name, coef, se, z, p, hazardRatio, lower, upper }) => [
        name,
        ...[coef, se, z, p, hazardRatio, lower, upper].map(shown),
      ]),
    ),
    `${model.n} rows, ${model.events} events; log-likelihood ${short(model.logLikelihood)} (null ${short(model.nullLogLikelihood)}); concordance ${shown(model.concordance) ?? '–'}${model.concordanceError === null ? '' : ` ± ${model.concordanceError.toPrecision(2)}`}`,
  ].join('\n');

/** The coefficients with the sandwich's errors, the model's beside them as `modelSe`. */
function robustErrors(columns: CoxColumns, model: CoxModel, cluster: Uint32Array | undefined) {
  const covariance = robustCovariance(columns, model, cluster);
  return {
    covariance,
    coefficients: model.coefficients.map(({ name, coef, se }, j) => ({
      ...coefficient(name, coef, covariance[j]![j]!),
      modelSe: se,
    })),
  };
}

/** From the means to covariates of 0, so that coefficients and baseline are all a reader needs. */
function baselineRows(model: CoxModel, strata: string[] | undefined) {
  const zero = model.means.map(() => 0);
  const shift = Math.exp(linearPredictor(model, zero));
  return model.baseline.flatMap(({ time, cumulativeHazard }, s) =>
    time.map((t, k) => {
      const hazard = cumulativeHazard[k]! * shift;
      return {
        ...(strata && { stratum: strata[s]! }),
        time: t,
        cumulativeHazard: Number.isFinite(hazard) ? hazard : null,
      };
    }),
  );
}

/** P(still there `horizon` after the duration | there at it), of each row that had no event. */
function predictions(columns: CoxColumns, model: CoxModel, horizon: number) {
  const uncertainty = baselineUncertainty(columns, model);
  const last = model.baseline.map(({ time }) => time.at(-1) ?? 0);
  return Array.from(columns.duration.keys()).flatMap((i) => {
    if (columns.eventObserved[i] === 1) return [];
    const alive = columns.duration[i]!;
    const stratum = columns.strata?.[i] ?? 0;
    const x = columns.covariates.map(({ values }) => values[i]!);
    const answer = survivalWithLimits(model, uncertainty, x, alive + horizon, { alive, stratum });
    return [{ row: i + 1, active: alive, horizon, ...answer, beyondData: alive + horizon > last[stratum]! }];
  });
}

const byName = (model: CoxModel, values: Float64Array) =>
  Object.fromEntries(model.coefficients.map(({ name }, j) => [name, values[j]!]));

function residualRows(columns: CoxColumns, model: CoxModel) {
  const { martingale, deviance, dfbeta } = residuals(columns, model);
  return Array.from(martingale, (value, i) => ({
    row: i + 1,
    martingale: value,
    deviance: deviance[i]!,
    dfbeta: byName(model, dfbeta[i]!),
  }));
}

function schoenfeldRows(columns: CoxColumns, model: CoxModel) {
  const { row, time, residual, scaled } = schoenfeldResiduals(columns, model);
  return Array.from(row, (i, k) => ({
    row: i + 1,
    time: time[k]!,
    residual: byName(model, residual[k]!),
    scaled: byName(model, scaled[k]!),
  }));
}
