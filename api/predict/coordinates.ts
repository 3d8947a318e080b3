// Where a question is asked: the moment, and who answers there: the model in force, the canary beside it, the definitions of churn.
import { type ChurnDefinition, DEFAULT_CHURN } from '#domain/churn-definition.ts';
import { MIN_CUSTOMERS } from '#domain/models/fit.ts';
import type { Deps } from '../deps.ts';
import type { ModelSummary, ServingModel } from '../model-deps.ts';
import { Problem } from '../problem.ts';
import type { ClockInfo } from '../read-deps.ts';
import type { AsOfInput } from '../schemas.ts';
import { type Answering, answererOf, answeringOf, type Moment, present, resolveAsOf } from './as-of.ts';
import { orProblem } from './subjects.ts';

export const DEFAULT_HORIZON_DAYS = DEFAULT_CHURN.horizonDays;

export interface Coordinate {
  moment: Moment;
  /** Answers everybody but who is in the canary. */
  serving: ServingModel;
  canary: ServingModel | null;
}

/** The person behind a subject: whose place decides about a canary, not the id that was asked about. */
export interface Person {
  sid: Uint8Array | null;
  /** The sid of the person at the moment, links followed; where it is left out, that of today. */
  person?: Uint8Array;
}

/** The earliest in force; null: none ever was. */
export const firstOf = <Serving extends Pick<ServingModel, 'id' | 'deployedSeq'>>(
  models: readonly Serving[],
): Serving | null =>
  models.reduce<Serving | null>((best, each) => (best && best.deployedSeq <= each.deployedSeq ? best : each), null);

/** No model of purchases answers; which one was fitted and waits is told by `sayWhatWaits`. */
class NoPurchaseModel extends Problem {}

const IMPORT_MODEL = '`axiom47 model import FILE`';
const WAITING =
  'one that was fitted but not put in force is in `axiom47 model list`, `axiom47 model deploy ID --yes` puts it there';

/** What is missing for a model of purchases. @param customers known by an event, whether they have bought or not. */
const whatIsMissing = ({ orders, customers }: { orders: number; customers: number }): string =>
  orders === 0
    ? `purchases are needed: import orders (a model is fitted from ten customers on), or ${IMPORT_MODEL}; ${WAITING}`
    : customers < MIN_CUSTOMERS
      ? `a model is fitted from ${MIN_CUSTOMERS} customers on, and there are ${customers} of ${MIN_CUSTOMERS} customers; until then ${IMPORT_MODEL}`
      : `there are orders, but no model of them is in force: \`axiom47 train clv --deploy\` fits one, or ${IMPORT_MODEL}; ${WAITING}`;

/** Asked about a position of the log at which no model was in force yet. */
export const tooEarly = (
  of: string,
  { id, deployedSeq }: Pick<ServingModel, 'id' | 'deployedSeq'>,
  seq: number,
): Problem =>
  new Problem(
    'no-model',
    `no model of ${of} was in force at log position ${seq}: the first, ${id}, came at ${deployedSeq}. Ask as of ${deployedSeq} or later, or as of a date: that day as it is known now, by today’s models`,
    { extra: { first_model: { id, deployed_seq: deployedSeq } } },
  );

export function createCoordinates(deps: Deps) {
  const { columns, ledgers } = deps;
  let last: Moment | null = null;
  let lastClock: ClockInfo | null = null;

  /** The present; the same object while nothing changed, so that its texts are made once. */
  function now(): Moment {
    columns.refresh();
    const state = columns.state();
    const clock = deps.clock();
    if (last && clock === lastClock && clock.mode === 'log' && state.events > 0 && last.seq === state.seq) return last;
    lastClock = clock;
    last = present(state, clock, deps.now());
    return last;
  }

  /** Everybody's at a position; of the present, found once a deployment. */
  let latest: { of: number; from: number; found: Answering<ServingModel> | null } = { of: -1, from: 0, found: null };
  function answeringAt(seq: number): Answering<ServingModel> | null {
    const models = deps.deployedModels();
    if (latest.of !== models.length)
      latest = {
        of: models.length,
        from: models.reduce((most, { deployedSeq }) => Math.max(most, deployedSeq), 0),
        found: answeringOf(models, Number.POSITIVE_INFINITY),
      };
    return seq >= latest.from ? latest.found : answeringOf(models, seq);
  }

  function modelAt(seq: number): ServingModel {
    const found = answeringAt(seq);
    if (found) return found.active;
    const first = firstOf(deps.deployedModels());
    if (first && first.deployedSeq > seq) throw tooEarly('purchases', first, seq);
    throw new NoPurchaseModel('no-model', whatIsMissing(columns.state()));
  }

  /** The same refusal, with the version that was fitted last and waits named first. */
  async function sayWhatWaits(problem: Problem): Promise<Problem> {
    if (!(problem instanceof NoPurchaseModel)) return problem;
    const waiting = (await deps.models.list())
      .filter(({ kind, inForce }) => kind === 'clv' && !inForce)
      .reduce<ModelSummary | null>((last, each) => (last && last.createdAt > each.createdAt ? last : each), null);
    return waiting === null
      ? problem
      : new Problem(
          'no-model',
          `${waiting.id} was fitted but is not in force: \`axiom47 model gates ${waiting.id}\` says why, \`axiom47 model deploy ${waiting.id} --yes\` puts it in force all the same`,
          { extra: { waiting: waiting.id } },
        );
  }

  /** Definitions of churn in force at a position; without any, everybody is asked for 90 days without a purchase. */
  const definitionsAt = (seq: number): ChurnDefinition[] => {
    const byKind = new Map<string, ChurnDefinition>();
    for (const each of deps.churnDefinitions()) if (each.seq <= seq) byKind.set(each.definition.kind, each.definition);
    return [...byKind.values()];
  };
  /** What of the present can be answered from the columns alone; made anew when a definition or a churn model comes into force. */
  let plan = { of: -1, horizonDays: DEFAULT_HORIZON_DAYS, classifier: false, contractual: false };
  function inlinePlan(): typeof plan {
    const of = deps.churnDefinitions().length + deps.deployedChurnModels().length;
    if (plan.of === of) return plan;
    const definitions = definitionsAt(Number.POSITIVE_INFINITY);
    const kindOf = (kind: ChurnDefinition['kind']) => definitions.find((each) => each.kind === kind);
    plan = {
      of,
      horizonDays: kindOf('non-contractual')?.horizonDays ?? DEFAULT_HORIZON_DAYS,
      classifier: deps.deployedChurnModels().some(({ model }) => model.definition.kind === 'non-contractual'),
      contractual: kindOf('contractual') !== undefined,
    };
    return plan;
  }

  async function momentOf(asOf: AsOfInput | undefined): Promise<Moment> {
    const here = now();
    if (asOf === undefined) return here;
    const context = { clock: deps.clock(), wall: deps.now(), clockAtSeq: (seq: number) => ledgers.clockAt(seq) };
    return await resolveAsOf(asOf, here, context);
  }
  const at = (moment: Moment): Coordinate => ({
    moment,
    serving: modelAt(moment.seq),
    canary: answeringAt(moment.seq)?.canary ?? null,
  });
  async function coordinate(asOf: AsOfInput | undefined): Promise<Coordinate> {
    const moment = await momentOf(asOf);
    const found = orProblem(() => at(moment));
    if (found instanceof Problem) throw await sayWhatWaits(found);
    return found;
  }

  function personOf({ sid, person }: Person): Uint8Array | null {
    if (sid === null) return null;
    if (person !== undefined) return person;
    const at = columns.rowOf(sid);
    return at < 0 ? sid : columns.sidOf(at);
  }
  /** The coordinate of the one who answers the subject. */
  const settled = (at: Coordinate, subject: Person): Coordinate =>
    at.canary === null
      ? at
      : {
          moment: at.moment,
          serving: answererOf({ active: at.serving, canary: at.canary }, personOf(subject)),
          canary: null,
        };

  const contractsAt = (moment: Moment): boolean =>
    moment.past ? definitionsAt(moment.seq).some(({ kind }) => kind === 'contractual') : inlinePlan().contractual;

  return {
    now,
    answeringAt,
    inlinePlan,
    modelAt,
    sayWhatWaits,
    lacksPurchaseModel: (answer: unknown): answer is Problem => answer instanceof NoPurchaseModel,
    definitionsAt,
    momentOf,
    at,
    coordinate,
    personOf,
    settled,
    contractsAt,
  };
}
export type Coordinates = ReturnType<typeof createCoordinates>;
