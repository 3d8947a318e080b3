// Fits from the log: statistics from the fold (now) or a refold (then), the fit in the pool, the artefact, the registry, the barrier.
import type { Deployments, FitRequest } from '#api/model-deps.ts';
import { canonicalJson } from '#domain/canonical-json.ts';
import { type LeftOut, leftOutNotes } from '#domain/left-out.ts';
import { models } from '#domain/models/catalogue.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import type { Diagnostic } from '#domain/models/fit.ts';
import { isSimpler } from '#domain/models/simpler-purchases.ts';
import type { Pool } from '#processors/pool.ts';
import type { ClvTraining, ClvTrainingData } from '#processors/training/fit-clv.ts';
import type { Registry } from './registry.ts';

export interface TrainingDeps {
  /** Statistics of all customers up to a local day: at the end of the log, or as it stood at `seq`. */
  statistics(asOf: FitRequest['asOf']): Promise<{
    data: ClvTrainingData;
    seq: number;
    day: number;
    at: number;
    firstDay: number | null;
    excluded: LeftOut;
  }>;
  pool: Pool;
  registry: Pick<Registry, 'register'>;
  deploy: Deployments['deploy'];
  /** What answers about purchases now. */
  inForce(): ClvModel | null;
  /** ISO 4217 of the money in the statistics. */
  currency: () => string;
  codeVersion: string;
}

type Answer = Record<string, unknown>;

export function createTraining(deps: TrainingDeps) {
  async function fitValue(request: FitRequest): Promise<Answer> {
    const { data, seq, day, at, firstDay, excluded } = await deps.statistics(request.asOf);
    const fitted = await deps.pool.fitClv(data, 'week');
    const asOf = { seq, day };
    const notes = leftOutNotes(excluded, sum(data.histories.weight));
    if (!fitted.ok) return { ok: false, model: 'clv', message: withNotes(fitted.reason, notes), excluded, asOf };
    const forService = request.asOf === null && request.deploy;
    const simpler = forService && mayBeSimpler(deps.inForce()) ? fitted.value.simpler : null;
    const { model, fits, rivals, checks, refused, customers, ...told } =
      simpler === null ? fitted.value : { ...fitted.value, ...simpler };
    const diagnostics = [...told.diagnostics, ...notes];
    const answer = {
      ...model,
      n: customers,
      excluded,
      rivals,
      diagnostics,
      checks,
      refused,
      fits: partsOf(fits),
      asOf,
    };
    if (!forService) return { ok: true, ...answer };
    const artefact = JSON.parse(
      canonicalJson({
        ...model,
        currency: deps.currency(),
        fits: partsOf(fits),
        rivals,
        diagnostics,
        checks,
        refused,
        customers,
        excluded,
        window: { seq, fromDay: firstDay, toDay: day },
        code: deps.codeVersion,
      }),
    );
    const window = { seq, at, fromDay: firstDay, toDay: day };
    const registered = await deps.registry.register(model, artefact, window, request.by);
    const { id, version, digest } = registered;
    // Kept, not served: whoever knows better puts it in force by hand.
    if (refused !== null) return { ok: true, ...answer, id, version, digest, deployed: false };
    const deployed = await deps.deploy(id, request.by, { automatic: true });
    if (deployed.ok) return { ok: true, ...answer, id, version, digest, deployed: true };
    const { code, message } = deployed.reason;
    return { ok: true, ...answer, refused: { code, message }, id, version, digest, deployed: false };
  }

  async function fitPart(kind: Exclude<FitRequest['kind'], 'clv'>, request: FitRequest): Promise<Answer> {
    const { data, seq, day, excluded } = await deps.statistics(request.asOf);
    const result =
      kind === 'gamma-gamma' ? models[kind].fit(data.spend, 'week') : await deps.pool.fitPurchases(kind, data, 'week');
    const notes = leftOutNotes(excluded, sum((kind === 'gamma-gamma' ? data.spend : data.histories).weight));
    const diagnostics = [...result.diagnostics, ...notes];
    const failed = result.ok ? {} : { converged: false, message: withNotes(result.message, notes) };
    return { ...result, ...failed, diagnostics, excluded, asOf: { seq, day } };
  }

  return (request: FitRequest): Promise<Answer> =>
    request.kind === 'clv' ? fitValue(request) : fitPart(request.kind, request);
}

/** Where nothing is known of the data, knowing little is better; a model that was determined once stays. */
const mayBeSimpler = (inForce: ClvModel | null): boolean => inForce === null || isSimpler(inForce);

const sum = (weights: Float64Array): number => weights.reduce((total, weight) => total + weight, 0);
/** A refusal says who was missing: perhaps that is why. */
const withNotes = (message: string, notes: Diagnostic[]): string =>
  [message, ...notes.map((note) => note.message)].join('; ');

const partsOf = (fits: ClvTraining['fits']): Record<string, unknown> => JSON.parse(JSON.stringify(fits));
