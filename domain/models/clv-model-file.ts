// The file form of a CLV model: parameters written by hand, what `fit --json` prints, or an artefact of the registry.
import { z } from 'zod';
import { ok, type Result } from '../result.ts';
import type { ClvModel } from './clv-model.ts';
import type { TimeUnit } from './fit.ts';
import type { GammaGammaParams } from './gamma-gamma.ts';

const positive = z.number().positive().finite();
const square = (size: number) => z.array(z.array(z.number().finite()).length(size)).length(size);
const unit = z.enum(['week', 'day']).default('week');
/** null: the fit had none (a parameter at a bound). */
const fourByFour = square(4).nullish();

const number = z.number().finite();
const covariates = z.array(z.object({ name: z.string(), mean: number, alpha: number, a: number, b: number }));
const geometric = z.object({ r: positive, alpha: positive, a: positive, b: positive });
const pareto = z.object({ r: positive, alpha: positive, s: positive, beta: positive });
const spend = z.object({ p: positive, q: positive, v: positive });

/** Parameters bare, or inside what `fit --json` prints. */
const fitted = <Params extends z.ZodType>(params: Params, size: number) =>
  z.union([
    params,
    z.object({ params, unit: z.enum(['week', 'day']).optional(), covarianceLog: square(size).nullish() }),
  ]);
const printed = <Name extends string, Params extends z.ZodType>(name: Name, params: Params) =>
  z.object({ model: z.literal(name), unit, params, covarianceLog: fourByFour, covariates: covariates.optional() });

const fileSchema = z.discriminatedUnion('model', [
  z.object({
    model: z.literal('clv'),
    unit,
    bgNbd: fitted(geometric, 4).optional(),
    mbgNbd: fitted(geometric, 4).optional(),
    paretoNbd: fitted(pareto, 4).optional(),
    gammaGamma: fitted(spend, 3).optional(),
    covariance: z.object({ purchases: square(4).optional(), money: square(3).optional() }).optional(),
  }),
  printed('bg-nbd', geometric),
  printed('mbg-nbd', geometric),
  printed('pareto-nbd', pareto),
  z.object({ model: z.literal('gamma-gamma'), params: spend, covarianceLog: square(3).nullish() }),
]);

const KINDS = { 'bg-nbd': 'bgNbd', 'mbg-nbd': 'mbgNbd', 'pareto-nbd': 'paretoNbd' } as const;
type Kind = (typeof KINDS)[keyof typeof KINDS];
interface Purchases {
  kind: Kind;
  unit: TimeUnit;
  params: object;
  covariance: number[][] | null | undefined;
}
interface Money {
  params: GammaGammaParams;
  covariance: number[][] | null | undefined;
}

/**
 * A CLV model from one or more parsed files: a CLV model file, or what `fit --json` prints for a purchase model and, for money, Gamma-Gamma.
 *
 * @returns the model, or one sentence per problem that names the field.
 */
export function parseClvModel(...files: unknown[]): Result<ClvModel, string> {
  const purchases: Purchases[] = [];
  const money: Money[] = [];
  for (const file of files) {
    const parsed = fileSchema.safeParse(file);
    if (!parsed.success) return { ok: false, reason: problems(parsed.error) };
    const part = parsed.data;
    if (part.model === 'gamma-gamma') money.push({ params: part.params, covariance: part.covarianceLog });
    else if (part.model !== 'clv' && part.covariates?.length)
      return {
        ok: false,
        reason: `covariates: the model needs ${part.covariates.map(({ name }) => name).join(', ')} of each customer, which a workspace does not hold; use axiom47 predict --params FILE --data FILE`,
      };
    else if (part.model !== 'clv')
      purchases.push({ kind: KINDS[part.model], unit: part.unit, params: part.params, covariance: part.covarianceLog });
    else {
      for (const kind of Object.values(KINDS)) {
        const given = part[kind];
        if (given === undefined) continue;
        const bare = !('params' in given);
        if (!bare && given.unit !== undefined && given.unit !== part.unit)
          return { ok: false, reason: `${kind}.unit is ${given.unit} but unit is ${part.unit}; make them the same` };
        const covariance = part.covariance?.purchases ?? (bare ? null : given.covarianceLog);
        purchases.push({ kind, unit: part.unit, params: bare ? given : given.params, covariance });
      }
      const given = part.gammaGamma;
      if (given === undefined) continue;
      const bare = !('params' in given);
      const covariance = part.covariance?.money ?? (bare ? null : given.covarianceLog);
      money.push({ params: bare ? given : given.params, covariance });
    }
  }
  if (purchases.length !== 1)
    return {
      ok: false,
      reason: `found ${purchases.length} purchase models; give exactly one of bgNbd, mbgNbd and paretoNbd`,
    };
  if (money.length > 1) return { ok: false, reason: `found ${money.length} money models; give at most one gammaGamma` };
  return ok(assemble(purchases[0]!, money[0]));
}

/** The effects of covariates in a file of `fit bg-nbd --covariates … --json`, and the file without them; no effects for any other file. */
export function splitCovariates(file: unknown): { file: unknown; effects: z.infer<typeof covariates> } {
  const parsed = z.looseObject({ covariates }).safeParse(file);
  if (!parsed.success) return { file, effects: [] };
  const { covariates: effects, ...rest } = parsed.data;
  return { file: rest, effects };
}

function assemble({ kind, unit: timeUnit, params, covariance }: Purchases, money: Money | undefined): ClvModel {
  const known = {
    ...(covariance && { purchases: covariance }),
    ...(money?.covariance && { money: money.covariance }),
  };
  return {
    model: 'clv',
    unit: timeUnit,
    [kind]: params,
    ...(money && { gammaGamma: money.params }),
    ...(Object.keys(known).length > 0 && { covariance: known }),
  } as ClvModel;
}

const problems = (error: z.ZodError) =>
  error.issues.map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`).join('; ');
