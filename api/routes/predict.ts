// Predictions out: churn and lifetime value by customer, by summary, by transactions, or many at once (interfaces.md, "Predictions out").
import { z } from '@hono/zod-openapi';
import { CHURN_KINDS, churnDefinitionSchema } from '#domain/churn-definition.ts';
import {
  type ClvModel,
  type ClvOptions,
  type CustomerHistory,
  LONGEST_HORIZON_DAYS,
} from '#domain/models/clv-model.ts';
import { splitValue, valueFactors } from '#domain/models/explanation/value-split.ts';
import { UNSEEN } from '#projections/memory/history.ts';
import type { Deps } from '../deps.ts';
import { CHURN, CLV } from '../examples.ts';
import type { Moment } from '../predict/as-of.ts';
import { createChurnPredictions } from '../predict/churn.ts';
import { clvEach } from '../predict/many.ts';
import type { Predictions } from '../predict/service.ts';
import { orProblem, type Question, type Subject } from '../predict/subjects.ts';
import { nameCurrencies } from '../predict/unrated.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { AsOfInput, CustomerId, Instant, jsonAnswer, jsonBody, Provenance } from '../schemas.ts';

export const MAX_ITEMS = 1_000;
const ITEMS_BODY = 2 * 1024 * 1024;
/** Exact quantiles of one customer cost tens of µs: a few are answered here, more go to the pool. */
const INLINE_CLV = 8;

const count = z.number().min(0).max(1e9);
const Summary = z
  .strictObject({
    frequency: z.number().int().min(0).max(1e9).describe('Repeat purchases; the first one is not counted'),
    recency: count.describe('Age at the last purchase, in `unit`'),
    T: count.describe('Age at the end of observation, in `unit`'),
    monetary_value: z.number().min(0).max(1e12).nullish().describe('Mean of the repeat purchases, reporting currency'),
    unit: z.enum(['week', 'day']).optional().describe('week by default'),
  })
  .refine((s) => s.recency <= s.T, { path: ['recency'], message: 'must not exceed T' })
  .refine((s) => s.frequency > 0 || s.recency === 0, { path: ['recency'], message: 'must be 0 when frequency is 0' })
  .refine((s) => s.frequency === 0 || s.recency > 0, {
    path: ['recency'],
    message: 'must be > 0 when frequency is > 0',
  });
const TransactionInput = z.strictObject({
  at: Instant,
  amount: z.union([z.string().max(40), z.number()]).nullish(),
  currency: z.string().max(8).optional(),
});
const Transactions = z.array(TransactionInput).min(1).max(10_000);
const subject = {
  customer_id: CustomerId.optional(),
  summary: Summary.optional(),
  transactions: Transactions.optional(),
};
const FeatureValues = z
  .record(z.string().min(1).max(100), z.union([z.number(), z.string().max(200), z.boolean(), z.null()]))
  .refine((features) => Object.keys(features).length <= 500, 'at most 500 features');
const features = FeatureValues.optional().describe(
  'Features by name (GET /api/churn/features), answered by the classifier in force; what is left out counts as missing',
);
const SUBJECTS = ['customer_id', 'summary', 'features', 'transactions'] as const;
const oneOf = (names: readonly string[]) => (value: Record<string, unknown>, context: z.core.$RefinementCtx) => {
  const given = names.filter((name) => value[name] !== undefined);
  if (given.length !== 1)
    context.addIssue({
      code: 'custom',
      input: value,
      path: given[1] === undefined ? [] : [given[1]],
      message: `give exactly one of ${names.join(', ')}`,
    });
};
const clvSubject = { ...subject, features: Summary.optional().describe('The same as `summary`') };
const itemsOf = <Item extends z.ZodType>(item: Item) => z.array(item).min(1).max(MAX_ITEMS).optional();
const Horizon = z.number().positive().max(LONGEST_HORIZON_DAYS);
const common = {
  as_of: AsOfInput.optional(),
  strict: z.boolean().optional().describe('404 for an unknown customer instead of the prior-led answer'),
  explain: z.boolean().optional().describe('What the answer is made of'),
};

export const ChurnBody = z
  .strictObject({
    ...subject,
    features,
    ...common,
    items: itemsOf(z.strictObject({ ...subject, features }).superRefine(oneOf(SUBJECTS))),
    horizon_days: Horizon.optional(),
    curve: z.boolean().optional(),
    definition: z.enum(CHURN_KINDS).optional().describe('Whose classifier reads `features`, where there are two'),
  })
  .superRefine(oneOf([...SUBJECTS, 'items']));
export const ClvBody = z
  .strictObject({
    ...clvSubject,
    ...common,
    items: itemsOf(z.strictObject(clvSubject).superRefine(oneOf(SUBJECTS))),
    months: z.number().positive().max(120).optional(),
    horizon_days: Horizon.optional(),
    discount_monthly: z.number().min(0).max(1).optional().describe('0.01 by default'),
  })
  .superRefine(oneOf([...SUBJECTS, 'items']))
  .refine((body) => body.months === undefined || body.horizon_days === undefined, {
    path: ['months'],
    message: 'give months or horizon_days, not both',
  });

const shared = {
  customer_id: z.string().nullable(),
  horizon_days: z.number(),
  basis: z.enum(['history', 'prior', 'summary', 'transactions', 'features']),
  parked: z
    .boolean()
    .optional()
    .describe(
      'True: an event of this customer could not be applied and later ones wait behind it (GET /api/dead-letters); answered is what was known before',
    ),
  features_as_of: z.object({ seq: z.number(), day: z.string() }).nullable(),
  score_id: z.string().nullable(),
  ...Provenance,
};
const Features = z.object({ frequency: z.number(), recency_days: z.number(), T_days: z.number() });
const Contributions = z.array(z.object({ feature: z.string(), amount: z.number() }));
const Explanation = z.object({ scale: z.string(), against: z.string(), reference: z.number(), score: z.number() });
/** Largest first; the reference and their sum are the score. */
const explainable = { contributions: Contributions.optional(), explanation: Explanation.optional() };
const Caveat = z
  .string()
  .nullable()
  .optional()
  .describe(
    'Of an id that nobody here has (what is known of a new customer; `strict` refuses it), and of a model that few data determined: what it takes for granted (nobody leaves, so P(alive) is 1), and under which condition its interval holds; of a horizon beyond the longest time anybody was watched; and of one that another model answers than that of the definition, by name',
  );
const Churn = z
  .object({
    ...shared,
    p_alive: z.number().nullable().describe('null for a classifier: it knows nothing of it'),
    expected_purchases: z.number().nullable(),
    p_churn: z.number(),
    p_churn_raw: z.number().describe('Before calibration'),
    lower: z.number().nullable().describe('95 % interval of p_churn that comes from the parameters of the model'),
    upper: z.number().nullable(),
    interval_reason: z.string().nullable().describe('Why lower and upper are null'),
    interval_hint: z.string().nullable().optional().describe('What would change that'),
    caveat: Caveat,
    band: z.enum(['low', 'moderate', 'high', 'severe']),
    features: Features.nullable(),
    definition: churnDefinitionSchema.optional().describe('What churn means for this customer'),
    ...explainable,
    missing: z.array(z.string()).optional().describe('Features that are not known of the customer'),
    unknown_levels: z.array(z.string()).optional().describe('Features with a value the model has never seen'),
    curve: z
      .array(z.object({ horizon_days: z.number(), p_churn: z.number() }))
      .nullable()
      .optional(),
    curve_reason: z.string().optional(),
    curve_model: z.object({ id: z.string(), version: z.number() }).optional(),
  })
  .openapi('Churn');
const Clv = z
  .object({
    ...shared,
    p_alive: z.number(),
    expected_purchases: z.number(),
    clv_mean: z.number().describe('Expected spend, discounted at month ends'),
    clv_p05: z.number().describe('5 % point of undiscounted spend over the horizon'),
    clv_p50: z.number(),
    clv_p95: z.number(),
    parameter_lower: z
      .number()
      .nullable()
      .describe('95 % interval of clv_mean that comes from the parameters; the quantiles take them as known'),
    parameter_upper: z.number().nullable(),
    interval_reason: z.string().nullable().describe('Why parameter_lower and parameter_upper are null'),
    interval_hint: z.string().nullable().optional().describe('What would change that'),
    caveat: Caveat,
    p_zero_spend: z.number(),
    expected_spend: z.number(),
    expected_spend_per_purchase: z.number(),
    months: z.number(),
    discount_monthly: z.number(),
    discounting: z.enum(['month-end', 'mid-month']).describe('When in each month its purchases are discounted'),
    naive: z
      .object({ expected_purchases: z.number(), expected_spend: z.number() })
      .describe(
        'The forecast to beat: own repeat purchases per day so far × own mean spend, nobody leaves; undiscounted',
      ),
    currency: z.string(),
    features: Features.extend({ monetary_value: z.number().nullable() }),
    ...explainable,
  })
  .openapi('Clv');
const Failed = z.object({
  customer_id: z.string().nullable(),
  error: z.object({ reason: z.string(), status: z.number(), detail: z.string() }),
});
const many = <S extends z.ZodType>(one: S) =>
  z.union([one, z.object({ items: z.array(z.union([one, Failed])), ...Provenance })]);

const failed = (problem: Problem, customerId: string | undefined): z.infer<typeof Failed> => ({
  customer_id: customerId ?? null,
  error: {
    reason: String(problem.extra.applicable ?? problem.reason),
    status: problem.status,
    detail: problem.message,
  },
});
type Asking = Question & { features?: Readonly<Record<string, unknown>> | undefined };
/** The three numbers of BG/NBD may be sent as features too. */
const questionOf = ({ features: row, ...question }: Asking): Question => {
  const summary = row === undefined ? undefined : Summary.safeParse(row);
  return summary?.success ? { ...question, summary: summary.data } : question;
};
/** What sets the value apart from that of a customer of whom nothing is known: being alive, buying while alive, spending (in money, discounted). */
function explainValue(model: ClvModel, customer: CustomerHistory, asked: ClvOptions) {
  const [own, nobody] = [valueFactors(model, customer, asked), valueFactors(model, UNSEEN, asked)];
  // The prediction was made, so its factors are there; of a population whose mean is infinite nobody can say them.
  if (!own.ok || !nobody.ok) return {};
  const { value, reference, contributions } = splitValue(own.value, nobody.value);
  return {
    contributions: Object.entries({
      'P(alive)': contributions.pAlive,
      'purchases while alive': contributions.purchasesWhileAlive,
      'spend per purchase': contributions.spendPerPurchase,
    })
      .map(([feature, amount]) => ({ feature, amount }))
      .sort((a, b) => Math.abs(b.amount) - Math.abs(a.amount)),
    explanation: { scale: 'clv_mean', against: 'a customer of whom nothing is known', reference, score: value },
  };
}

interface Body extends Asking {
  items?: Asking[] | undefined;
  as_of?: AsOfInput | undefined;
  strict?: boolean | undefined;
}

export function predictRoutes(deps: Deps, predictions: Predictions) {
  const churn = createChurnPredictions(deps, predictions);
  async function gather(body: Body, moment: Moment) {
    const questions = (body.items ?? [body]).map(questionOf);
    const subjects = await predictions.ask(questions, moment, {
      strict: body.strict ?? false,
      bounded: body.as_of !== undefined,
      pointers: questions.map((_, index) => (body.items ? `/items/${index}` : '')),
    });
    return { questions, subjects };
  }

  return createRouter()
    .openapi(
      route({
        method: 'post',
        path: '/api/predict/churn',
        permission: 'predict',
        bodyLimit: ITEMS_BODY,
        tags: ['predict'],
        summary: 'P(no purchase within the horizon) and P(alive)',
        request: jsonBody(ChurnBody, CHURN),
        responses: { 200: jsonAnswer('The prediction, or one per item', many(Churn)) },
      }),
      async (c) => {
        const body = c.req.valid('json');
        const explain = body.explain ?? false;
        const asked = { horizonDays: body.horizon_days ?? null, curve: body.curve ?? false, explain };
        const moment = await predictions.momentOf(body.as_of);
        const { questions, subjects } = await gather(body, moment);
        const byCustomer = await churn.answer(moment, subjects, asked);
        const answers = (body.items ?? [body]).map(({ features: row }, i) =>
          row && questions[i]!.summary === undefined
            ? orProblem(() => churn.fromFeatures(moment, row, body.definition ?? null, explain))
            : byCustomer[i]!,
        );
        if (!body.items) {
          const [answer] = answers;
          if (answer instanceof Problem) throw answer;
          return c.json(answer!, 200);
        }
        const items = answers.map((a, i) => (a instanceof Problem ? failed(a, questions[i]!.customer_id) : a));
        return c.json({ items, ...predictions.placed(moment, null) }, 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/predict/clv',
        permission: 'predict',
        bodyLimit: ITEMS_BODY,
        tags: ['predict'],
        summary: 'Expected lifetime value with its exact p05–p95',
        request: jsonBody(ClvBody, CLV),
        responses: { 200: jsonAnswer('The prediction, or one per item', many(Clv)) },
      }),
      async (c) => {
        const body = c.req.valid('json');
        const asked = {
          months: body.months,
          horizonDays: body.horizon_days,
          discountMonthly: body.discount_monthly ?? 0.01,
        };
        const at = await predictions.coordinate(body.as_of);
        const { questions, subjects } = await gather(body, at.moment);
        const predicted =
          subjects.length > INLINE_CLV
            ? await clvEach(deps.pool, predictions, at, subjects, asked)
            : subjects.map((s) => (s instanceof Problem ? s : orProblem(() => predictions.clv(at, s, asked))));
        const told = await nameCurrencies(deps.ledgers, at.moment, subjects, predicted);
        const answers = told.map((answer, i) =>
          answer instanceof Problem || !body.explain
            ? answer
            : {
                ...answer,
                ...explainValue(
                  predictions.settled(at, subjects[i] as Subject).serving.model,
                  (subjects[i] as Subject).customer,
                  asked,
                ),
              },
        );
        if (!body.items) {
          const [answer] = answers;
          if (answer instanceof Problem) throw answer;
          return c.json(answer!, 200);
        }
        const items = answers.map((a, i) => (a instanceof Problem ? failed(a, questions[i]!.customer_id) : a));
        return c.json({ items, ...predictions.provenance(at) }, 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/predict',
        permission: 'predict',
        tags: ['predict'],
        summary: 'The reference stack’s call: churn of one user',
        request: { query: z.object({ user_id: CustomerId }) },
        responses: {
          200: jsonAnswer(
            'Churn over the horizon of the definition (90 days without one)',
            z.object({
              user_id: z.union([z.string(), z.number()]),
              churn_probability: z.number(),
              model_version: z.string(),
              timestamp: z.string(),
            }),
          ),
        },
      }),
      async (c) => {
        const { user_id: id } = c.req.valid('query');
        const moment = predictions.now();
        const subjects = await predictions.subjects([id], moment, false);
        const [answer] = await churn.answer(moment, subjects, { horizonDays: null, curve: false, explain: false });
        if (answer instanceof Problem) throw answer;
        if (!answer?.model) throw new Error('an answer without a model');
        return c.json(
          {
            // The reference stack's ids are numbers; what was sent as one comes back as one.
            user_id: /^(0|[1-9]\d{0,14})$/.test(id) ? Number(id) : id,
            churn_probability: answer.p_churn,
            model_version: `${answer.model.version}.0.0`,
            timestamp: new Date(deps.now()).toISOString().replace(/\.\d{3}Z$/, 'Z'),
          },
          200,
        );
      },
    );
}
