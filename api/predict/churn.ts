// Churn by the definition a customer belongs to: the classifier trained for it answers its own horizon; another horizon, and a customer without a
// classifier, goes to the model of the same definition that answers any (BG/NBD, or Cox for contracts); else 422 (facts §9).
import { type ChurnDefinition, DEFAULT_CHURN, definitionOf } from '#domain/churn-definition.ts';
import { CATALOGUE, type FeatureValue, featureRow } from '#domain/churn-features.ts';
import {
  beyondWatched,
  type ChurnAnswer,
  type ChurnContext,
  type ChurnRefusal,
  predictChurnBy,
  predictFromFeatures,
  startRow,
  stayCurve,
} from '#domain/models/churn-model.ts';
import { churnBand } from '#domain/models/clv-model.ts';
import type { Contribution } from '#domain/models/explanation/contributions.ts';
import { COLUMN_FLAG } from '#projections/memory/columns.ts';
import type { Deps } from '../deps.ts';
import type { ServingChurnModel } from '../model-deps.ts';
import { Problem } from '../problem.ts';
import type { LedgerView } from '../read-deps.ts';
import { answererOf, answeringOf, inForceOf, type Moment } from './as-of.ts';
import { firstOf, tooEarly } from './coordinates.ts';
import type { Predictions } from './service.ts';
import { orProblem, type Subject, unknownCustomer } from './subjects.ts';

export interface ChurnAsked {
  /** null = the model's own. */
  horizonDays: number | null;
  curve: boolean;
  explain: boolean;
}

const refusal = ({ reason, message }: ChurnRefusal): Problem =>
  new Problem('not-applicable', message, {
    fields: reason === 'horizon-not-served' ? [{ pointer: '/horizon_days', detail: message }] : [],
    extra: { applicable: reason },
  });
const CURVE_POINTS = 12;
type Views = ReadonlyMap<number, LedgerView | null>;
const contextOf = (view: LedgerView, moment: Moment): ChurnContext => ({
  rates: view.rates,
  leftTruncated: (view.at(moment.day).flags & COLUMN_FLAG.leftTruncated) !== 0,
});
/** Of a page's curve of the time under contract: so far ahead. */
const AHEAD_DAYS = 365;
/** Ledgers read from the fold at once: some tens of µs each, and the fold waits meanwhile. */
const LEDGERS_AT_ONCE = 250;
const UNITS = new Map(CATALOGUE.map(({ name, unit }) => [name, unit]));

export function createChurnPredictions(deps: Deps, predictions: Predictions) {
  const { definitionsAt } = predictions;
  /** @param person whose place decides between the active version and a canary; null: the active one. */
  const modelsAt = (seq: number, definition: ChurnDefinition, person: Uint8Array | null) => {
    const of = (kind: ServingChurnModel['model']['model']) => {
      const found = answeringOf(
        deps
          .deployedChurnModels()
          .filter(({ model }) => model.model === kind && model.definition.kind === definition.kind),
        seq,
      );
      return found && answererOf(found, person);
    };
    const value = definition.kind === 'non-contractual' ? answeringOf(deps.deployedModels(), seq) : null;
    return {
      classifier: of('churn-logistic'),
      cox: of('churn-cox'),
      clv: value && answererOf(value, person),
    };
  };
  /** Anything but BG/NBD at that position: only then ledgers are read. */
  const isPlain = (seq: number): boolean =>
    !deps.deployedChurnModels().some(({ deployedSeq }) => deployedSeq <= seq) &&
    !deps.churnDefinitions().some((each) => each.seq <= seq);

  /** Nobody can be answered there: the ledger tells whose model is missing. */
  const needsReason = (seq: number): boolean =>
    predictions.answeringAt(seq) === null && deps.deployedChurnModels().length > 0;

  function definitionFor(moment: Moment, view: LedgerView | null): ChurnDefinition {
    const definitions = definitionsAt(moment.seq);
    return view
      ? definitionOf(definitions, view.entries, moment.day)
      : (definitions.find(({ kind }) => kind === 'non-contractual') ?? DEFAULT_CHURN);
  }

  function byBgNbd(moment: Moment, subject: Subject, definition: ChurnDefinition, asked: ChurnAsked) {
    const at = predictions.at(moment);
    const horizon = asked.horizonDays ?? definition.horizonDays;
    const answer = predictions.churn(at, subject, horizon);
    return {
      ...answer,
      ...(asked.explain ? explained(splitOf(answer.p_churn, answer.p_alive)) : {}),
      ...(asked.curve ? { curve: points(horizon, (days) => predictions.churn(at, subject, days).p_churn) } : {}),
    };
  }

  function byModel(
    moment: Moment,
    subject: Subject,
    view: LedgerView,
    serving: ServingChurnModel,
    horizon: number | null,
  ) {
    const { model } = serving;
    const context = contextOf(view, moment);
    const result = predictChurnBy(model, view.entries, moment.day, context, horizon);
    if (!result.ok) throw refusal(result.reason);
    const { pChurn, pChurnRaw, horizonDays, contributions, blank, unknown } = result.value;
    // The fold may have written the ledger since the moment was taken: then the answer holds that change, and says so.
    const seq = Math.max(moment.seq, moment.past ? 0 : view.entries.seq);
    return {
      ...shape(moment, serving, { pChurn, pChurnRaw, horizonDays }, seq),
      score_id: predictions.scoreId({ moment, serving }, subject, seq, { kind: 'churn', horizonDays }),
      customer_id: subject.customerId,
      basis: subject.basis,
      ...(subject.parked ? { parked: true } : {}),
      features_as_of: subject.knownAt,
      contributions,
      missing: blank,
      unknown_levels: unknown,
    };
  }

  /** By the model in force that answers any horizon, by name; a classifier answers one only. */
  function curveBy(moment: Moment, subject: Subject, view: LedgerView, horizonDays: number) {
    const { cox, clv } = modelsAt(moment.seq, definitionFor(moment, view), predictions.personOf(subject));
    const serving = cox ?? clv;
    if (!serving) return { curve: null, curve_reason: 'no model in force answers every horizon' };
    const curve = points(horizonDays, (days) => {
      if (!cox) return predictions.churn({ moment, serving: clv!, canary: null }, subject, days).p_churn;
      const point = predictChurnBy(cox.model, view.entries, moment.day, contextOf(view, moment), days);
      if (!point.ok) throw refusal(point.reason);
      return point.value.pChurn;
    });
    return { curve, curve_model: { id: serving.id, version: serving.version } };
  }

  function shape(
    moment: Moment,
    serving: ServingChurnModel,
    answer: { pChurn: number; pChurnRaw: number; horizonDays: number },
    seq = moment.seq,
  ) {
    return {
      p_churn: answer.pChurn,
      p_churn_raw: answer.pChurnRaw,
      p_alive: null,
      expected_purchases: null,
      lower: null,
      upper: null,
      interval_reason: 'parameter-uncertainty-not-estimated' as const,
      horizon_days: answer.horizonDays,
      band: churnBand(answer.pChurn),
      features: null,
      definition: serving.model.definition,
      score_id: null as string | null,
      ...predictions.placed(moment, serving, seq),
    };
  }

  function one(moment: Moment, subject: Subject, view: LedgerView | null, asked: ChurnAsked) {
    const definition = definitionFor(moment, view);
    const { classifier, cox, clv } = modelsAt(moment.seq, definition, predictions.personOf(subject));
    const own = asked.horizonDays === null || asked.horizonDays === classifier?.model.definition.horizonDays;
    const serving = classifier && own ? classifier : cox;
    if (view && serving) {
      const answer = byModel(moment, subject, view, serving, asked.horizonDays);
      const { contributions, ...bare } = answer;
      return {
        ...bare,
        caveat: caveatsOf(serving, classifier, answer.horizon_days),
        ...(asked.explain ? explained(contributions) : {}),
        ...(asked.curve ? curveBy(moment, subject, view, answer.horizon_days) : {}),
      };
    }
    if (clv) {
      const answer = byBgNbd(moment, subject, definition, asked);
      return classifier && view
        ? { ...answer, caveat: joined(answer.caveat, otherThan(clv, classifier, answer.horizon_days)) }
        : answer;
    }
    if (classifier && view)
      throw refusal({
        reason: 'horizon-not-served',
        message: `${classifier.id} answers ${classifier.model.definition.horizonDays} days and no other horizon; no model in force answers ${asked.horizonDays}`,
      });
    if (definition.kind === 'contractual' || (view?.entries.subscriptions.length ?? 0) > 0) {
      const first = firstOf(deps.deployedChurnModels().filter(({ model }) => model.definition.kind === 'contractual'));
      if (first && first.deployedSeq > moment.seq) throw tooEarly('subscriptions', first, moment.seq);
      throw new Problem(
        'no-model',
        'no model of subscriptions is in force: `axiom47 train churn-logistic --definition contractual --deploy`, or `axiom47 train churn-cox --deploy`',
      );
    }
    // Models of customers have no prior: whom nothing is known of, none of them answers.
    if (
      subject.basis === 'prior' &&
      predictions.answeringAt(moment.seq) === null &&
      deps.deployedChurnModels().some(({ deployedSeq }) => deployedSeq <= moment.seq)
    )
      throw unknownCustomer(
        subject.late ??
          'no customer with this id is known at that moment, and the models in force say nothing of a new one: is the id mistyped?',
        subject.late,
      );
    return byBgNbd(moment, subject, definition, asked);
  }

  /** By place among the subjects. @param also whose ledgers are wanted where BG/NBD alone answers, which asks for none. */
  async function viewsOf(
    moment: Moment,
    subjects: readonly (Subject | Problem)[],
    also: (subject: Subject) => boolean = () => false,
  ): Promise<Views> {
    const views = new Map<number, LedgerView | null>();
    const plain = isPlain(moment.seq) && !needsReason(moment.seq);
    const named = subjects.flatMap((subject, i) =>
      subject instanceof Problem || subject.sid === null || (plain && !also(subject)) ? [] : [{ i, sid: subject.sid }],
    );
    for (let from = 0; from < named.length; from += LEDGERS_AT_ONCE) {
      const page = named.slice(from, from + LEDGERS_AT_ONCE);
      const sids = page.map(({ sid }) => sid);
      const found = moment.past ? await deps.ledgers.past(sids, moment.seq) : await deps.ledgers.present(sids);
      for (const [k, { i }] of page.entries()) views.set(i, found[k] ?? null);
    }
    return views;
  }

  return {
    /** A classifier's or a Cox model's answer computed again. */
    again: byModel,
    isPlain,
    definitionFor,
    /** Models of churn in force beside BG/NBD, the one that is asked first before the others; of contracts first, which decide where there is one. */
    inForce(seq: number): { kind: ChurnDefinition['kind']; serving: ServingChurnModel }[] {
      return (['contractual', 'non-contractual'] as const).flatMap((kind) => {
        const { classifier, cox } = modelsAt(seq, { ...DEFAULT_CHURN, kind }, null);
        const serving = classifier ?? cox;
        return serving ? [{ kind, serving }] : [];
      });
    },
    /** The answer by a ledger that is at hand. */
    byView: (moment: Moment, subject: Subject, view: LedgerView, asked: ChurnAsked) =>
      orProblem(() => one(moment, subject, view, asked)),
    viewsOf,
    /** One answer, or what stands in its place, for each subject. @param known their ledgers, where they are at hand. */
    async answer(moment: Moment, subjects: readonly (Subject | Problem)[], asked: ChurnAsked, known?: Views) {
      const views = known ?? (await viewsOf(moment, subjects));
      const answers = subjects.map((subject, i) =>
        subject instanceof Problem ? subject : orProblem(() => one(moment, subject, views.get(i) ?? null, asked)),
      );
      // The registry is asked once for all that have no answer.
      const unanswered = answers.find(predictions.lacksPurchaseModel);
      if (unanswered === undefined) return answers;
      const told = await predictions.sayWhatWaits(unanswered);
      return answers.map((each) => (predictions.lacksPurchaseModel(each) ? told : each));
    },
    /** What the model that answered read of the customer, beside each contribution. */
    valuesOf(moment: Moment, view: LedgerView, modelId: string, contributions: readonly Contribution[]) {
      const model = deps.deployedChurnModels().find(({ id }) => id === modelId)?.model;
      const known = contextOf(view, moment);
      const row =
        model === undefined
          ? {}
          : model.model === 'churn-cox'
            ? startRow(view.entries, moment.day, known)
            : featureRow(view.entries, moment.day, known, model.featureSet.version);
      return contributions.map((each) => ({
        ...each,
        value: row[each.feature] ?? null,
        unit: UNITS.get(each.feature) ?? null,
      }));
    },
    /**
     * P(still under contract after so many days | under contract now) by the Cox model in force, up to a year and no further than anybody was
     * observed; null for who has no contract, and where no Cox model is in force.
     */
    ahead(moment: Moment, view: LedgerView) {
      const definition = definitionFor(moment, view);
      const { cox } = modelsAt(moment.seq, definition, Buffer.from(view.entries.sid, 'hex'));
      if (cox?.model.model !== 'churn-cox' || definition.kind !== 'contractual') return null;
      const curve = stayCurve(cox.model, view.entries, moment.day, contextOf(view, moment), AHEAD_DAYS);
      const of = { model: cox.id, watched_days: cox.model.watchedDays ?? null };
      if (!curve.ok) return { ...of, points: [], reason: curve.reason.reason, caveat: null };
      const points = curve.value.map(({ days, pStays }) => ({ days, p_stays: pStays }));
      return { ...of, points, reason: null, caveat: beyondWatched(cox.model, points.at(-1)?.days ?? 0) };
    },
    /** The classifier's answer for features the caller has put together. @param kind whose, where classifiers of both kinds are in force. */
    fromFeatures(
      moment: Moment,
      row: Readonly<Record<string, FeatureValue | boolean>>,
      kind: ChurnDefinition['kind'] | null,
      explain: boolean,
    ) {
      const inForce = deps
        .deployedChurnModels()
        .filter(({ model, deployedSeq }) => model.model === 'churn-logistic' && deployedSeq <= moment.seq);
      const kinds = [...new Set(inForce.map(({ model }) => model.definition.kind))].filter(
        (each) => kind === null || each === kind,
      );
      if (kinds.length > 1)
        throw new Problem(
          'bad-field',
          'classifiers of both kinds of business are in force; say whose with definition',
          {
            fields: [{ pointer: '/definition', detail: kinds.join(' or ') }],
          },
        );
      const serving = inForceOf(
        inForce.filter(({ model }) => model.definition.kind === kinds[0]),
        moment.seq,
      );
      if (serving?.model.model !== 'churn-logistic')
        throw new Problem(
          'no-model',
          'no classifier is in force that reads features: `axiom47 train churn-logistic --deploy`',
        );
      const result = predictFromFeatures(serving.model, row);
      if (!result.ok) throw refusal(result.reason);
      const { blank, unknown } = result.value;
      return {
        ...shape(moment, serving, result.value),
        customer_id: null,
        basis: 'features' as const,
        features_as_of: null,
        ...(explain ? explained(result.value.contributions) : {}),
        missing: blank,
        unknown_levels: unknown,
      };
    },
  };
}

/** Of two models that answer different horizons a longer one may say a lower risk: neither knows of the other. */
const otherThan = (
  serving: { id: string },
  classifier: ServingChurnModel | null,
  horizonDays: number,
): string | null =>
  classifier === null || classifier.id === serving.id
    ? null
    : `${horizonDays} days are answered by ${serving.id}; the ${classifier.model.definition.horizonDays} days of the definition by ${classifier.id}, another model that knows other things: between the two the risk may fall as the horizon grows`;
const joined = (...caveats: (string | null)[]): string | null =>
  caveats.filter((each) => each !== null).join('. ') || null;
const caveatsOf = (serving: ServingChurnModel, classifier: ServingChurnModel | null, horizonDays: number) =>
  joined(otherThan(serving, classifier, horizonDays), beyondWatched(serving.model, horizonDays));

/** The two ways to stay silent, which add up to p_churn: gone already, or alive and not buying within the horizon. */
const splitOf = (pChurn: number, pAlive: number): ChurnAnswer['contributions'] => ({
  scale: 'probability',
  against: 'nobody leaves',
  reference: 0,
  score: pChurn,
  contributions: [
    { feature: 'gone already', amount: 1 - pAlive },
    { feature: 'alive, but no purchase within the horizon', amount: pChurn - (1 - pAlive) },
  ].sort((a, b) => b.amount - a.amount),
});
const explained = ({ contributions, scale, against, reference, score }: ChurnAnswer['contributions']) => ({
  contributions,
  explanation: { scale, against, reference, score },
});

const points = (horizon: number, of: (days: number) => number) =>
  Array.from({ length: CURVE_POINTS }, (_, i) => {
    const days = (horizon * (i + 1)) / CURVE_POINTS;
    return { horizon_days: days, p_churn: of(days) };
  });

export type ChurnPredictions = ReturnType<typeof createChurnPredictions>;
