// Many predictions at once: ids in, columns out, as JSON or as raw little-endian float64 (50 times the rate of one request each).
import { z } from '@hono/zod-openapi';
import { CLV_COLUMNS } from '#domain/models/clv-columns.ts';
import { LONGEST_HORIZON_DAYS, predictChurn } from '#domain/models/clv-model.ts';
import type { Deps } from '../deps.ts';
import { COLUMNS } from '../examples.ts';
import type { Moment } from '../predict/as-of.ts';
import { createChurnPredictions } from '../predict/churn.ts';
import { type Coordinate, DEFAULT_HORIZON_DAYS } from '../predict/coordinates.ts';
import { byAnswerer, clvColumnsOf } from '../predict/many.ts';
import type { Predictions } from '../predict/service.ts';
import type { Subject } from '../predict/subjects.ts';
import { Problem } from '../problem.ts';
import { createRouter, route } from '../route.ts';
import { AsOfInput, CustomerId, jsonBody, Provenance } from '../schemas.ts';

const MAX_IDS = 10_000;
const BATCH_BODY = 4 * 1024 * 1024;
export const COLUMNS_TYPE = 'application/vnd.axiom47.columns';
const CHURN_COLUMNS = ['p_churn', 'p_alive', 'expected_purchases'] as const;
/** Values of the last column, `status`: numbers of a row are 0 where it is 2, NaN where the row's model does not say them. */
const STATUS = { history: 0, prior: 1, refused: 2 } as const;

const Body = z
  .strictObject({
    customer_ids: z.array(CustomerId).min(1).max(MAX_IDS),
    kind: z.enum(['churn', 'clv']).default('churn'),
    horizon_days: z.number().positive().max(LONGEST_HORIZON_DAYS).optional(),
    months: z.number().positive().max(120).optional(),
    discount_monthly: z.number().min(0).max(1).default(0.01),
    as_of: AsOfInput.optional(),
  })
  .refine((body) => body.months === undefined || (body.kind === 'clv' && body.horizon_days === undefined), {
    path: ['months'],
    message: 'goes with kind clv, and not together with horizon_days',
  });
const Answer = z.object({
  columns: z.record(z.string(), z.array(z.number().nullable())),
  refused: z.array(z.object({ row: z.number(), reason: z.string() })),
  horizon_days: z.number().nullable().describe('null where definitions of churn differ: then it is a column'),
  models: z.array(z.string()).optional().describe('What the column `model` counts, from 0'),
  ...Provenance,
  model: Provenance.model,
});

interface Table {
  names: string[];
  columns: Float64Array[];
  refused: { row: number; reason: string }[];
  horizonDays: number | null;
  models?: string[];
}

const reasonOf = (problem: Problem) => String(problem.extra.applicable ?? problem.reason);

function churnTable(at: Coordinate, subjects: (Subject | Problem)[], horizonDays: number): Table {
  const n = subjects.length;
  const [pChurn, pAlive, expected, status] = [
    new Float64Array(n),
    new Float64Array(n),
    new Float64Array(n),
    new Float64Array(n),
  ];
  const refused: Table['refused'] = [];
  for (const [row, subject] of subjects.entries()) {
    const answer = subject instanceof Problem ? null : predictChurn(at.serving.model, subject.customer, horizonDays);
    if (!answer?.ok) {
      status[row] = STATUS.refused;
      refused.push({ row, reason: answer ? answer.reason.reason : reasonOf(subject as Problem) });
      continue;
    }
    status[row] = (subject as Subject).basis === 'prior' ? STATUS.prior : STATUS.history;
    pChurn[row] = answer.value.pChurn;
    pAlive[row] = answer.value.pAlive;
    expected[row] = answer.value.expectedPurchases;
  }
  return { names: [...CHURN_COLUMNS, 'status'], columns: [pChurn, pAlive, expected, status], refused, horizonDays };
}

export function batchRoutes(deps: Deps, predictions: Predictions) {
  const churn = createChurnPredictions(deps, predictions);

  /** Each customer by the model of their own definition of churn. */
  async function pickedTable(moment: Moment, subjects: (Subject | Problem)[], asked: number | null): Promise<Table> {
    const answers = await churn.answer(moment, subjects, { horizonDays: asked, curve: false, explain: false });
    const models: string[] = [];
    const refused: Table['refused'] = [];
    const names = [...CHURN_COLUMNS, 'horizon_days', 'model', 'status'];
    const columns = names.map(() => new Float64Array(subjects.length));
    for (const [row, answer] of answers.entries()) {
      if (answer instanceof Problem) {
        columns.at(-1)![row] = STATUS.refused;
        refused.push({ row, reason: reasonOf(answer) });
        continue;
      }
      const model = answer.model?.id ?? '';
      if (!models.includes(model)) models.push(model);
      const { p_churn, p_alive, expected_purchases, horizon_days } = answer;
      const status = answer.basis === 'prior' ? STATUS.prior : STATUS.history;
      const unsaid = Number.NaN;
      const values = [p_churn, p_alive ?? unsaid, expected_purchases ?? unsaid, horizon_days, models.indexOf(model)];
      for (const [k, value] of [...values, status].entries()) columns[k]![row] = value;
    }
    return { names, columns, refused, horizonDays: asked, models };
  }

  /** With a canary the versions are told by a column `model`, as in `pickedTable`. */
  async function clvTable(at: Coordinate, subjects: (Subject | Problem)[], body: z.infer<typeof Body>): Promise<Table> {
    if (at.canary === null) return await clvTableOf(at, subjects, body);
    const names = [...CLV_COLUMNS, 'model', 'status'];
    const columns = names.map(() => new Float64Array(subjects.length));
    const refused: Table['refused'] = [];
    const models: string[] = [];
    let horizonDays: number | null = null;
    for (const [own, rows] of byAnswerer(predictions, at, subjects)) {
      if (rows.length === 0) continue;
      const part = await clvTableOf(
        own,
        rows.map((row) => subjects[row]!),
        body,
      );
      horizonDays = part.horizonDays;
      models.push(own.serving.id);
      for (const [i, row] of rows.entries())
        for (const [k, name] of names.entries())
          columns[k]![row] = name === 'model' ? models.length - 1 : part.columns[part.names.indexOf(name)]![i]!;
      for (const each of part.refused) refused.push({ ...each, row: rows[each.row]! });
    }
    refused.sort((a, b) => a.row - b.row);
    return { names, columns, refused, horizonDays, models };
  }

  async function clvTableOf(
    at: Coordinate,
    subjects: (Subject | Problem)[],
    body: z.infer<typeof Body>,
  ): Promise<Table> {
    const asking = subjects.flatMap((subject, row) => (subject instanceof Problem ? [] : [{ subject, row }]));
    const answer = await clvColumnsOf(
      deps.pool,
      at,
      asking.map(({ subject }) => subject),
      { months: body.months, horizonDays: body.horizon_days, discountMonthly: body.discount_monthly },
    );
    const columns = [...CLV_COLUMNS, 'status'].map(() => new Float64Array(subjects.length));
    const status = columns.at(-1)!;
    const refused: Table['refused'] = [];
    for (const [row, subject] of subjects.entries()) {
      if (!(subject instanceof Problem)) continue;
      status[row] = STATUS.refused;
      refused.push({ row, reason: reasonOf(subject) });
    }
    for (const [i, { subject, row }] of asking.entries()) {
      const no = answer.refused[i];
      status[row] = no ? STATUS.refused : subject.basis === 'prior' ? STATUS.prior : STATUS.history;
      if (no) refused.push({ row, reason: no[0] });
      else for (const [k, column] of answer.columns.entries()) columns[k]![row] = column[i]!;
    }
    refused.sort((a, b) => a.row - b.row);
    return { names: [...CLV_COLUMNS, 'status'], columns, refused, horizonDays: answer.horizonDays };
  }

  return createRouter().openapi(
    route({
      method: 'post',
      path: '/api/predict/batch',
      permission: 'predict',
      bodyLimit: BATCH_BODY,
      tags: ['predict'],
      summary: 'Ids in, columns out; `status` is 0 by history, 1 prior-led, 2 refused',
      request: jsonBody(Body, COLUMNS),
      responses: {
        200: {
          description:
            'JSON columns, or little-endian float64 columns one after the other (names in x-axiom47-columns)',
          content: {
            'application/json': { schema: Answer },
            [COLUMNS_TYPE]: { schema: z.string().openapi({ format: 'binary' }) },
          },
        },
      },
    }),
    async (c) => {
      const body = c.req.valid('json');
      const moment = await predictions.momentOf(body.as_of);
      // A workspace of subscribers has no model of purchases, and needs none for churn.
      const plain = body.kind !== 'churn' || churn.isPlain(moment.seq) ? predictions.at(moment) : null;
      // With a canary there are two who answer: each customer by their own.
      const at = body.kind === 'churn' && plain?.canary ? null : plain;
      const subjects = await predictions.subjects(body.customer_ids, moment, false);
      const table =
        at === null
          ? await pickedTable(moment, subjects, body.horizon_days ?? null)
          : body.kind === 'churn'
            ? churnTable(at, subjects, body.horizon_days ?? DEFAULT_HORIZON_DAYS)
            : await clvTable(at, subjects, body);
      const rows = subjects.length;
      deps.metrics.predicted(body.kind, 'batch').inc(rows - table.refused.length);
      const provenance = predictions.placed(moment, at?.serving ?? null);
      if (c.req.header('accept')?.includes(COLUMNS_TYPE)) {
        const bytes = new Uint8Array(table.columns.length * rows * 8);
        const view = new DataView(bytes.buffer);
        for (const [k, column] of table.columns.entries())
          for (let row = 0; row < rows; row++) view.setFloat64((k * rows + row) * 8, column[row]!, true);
        return new Response(bytes, {
          headers: {
            'content-type': COLUMNS_TYPE,
            'x-axiom47-columns': table.names.join(','),
            'x-axiom47-rows': String(rows),
            'x-axiom47-as-of': `${provenance.as_of.seq};${provenance.as_of.at ?? ''}`,
            ...(provenance.model && { 'x-axiom47-model': `${provenance.model.id};${provenance.model.version}` }),
            ...(table.models && { 'x-axiom47-models': table.models.join(',') }),
          },
        }) as never;
      }
      const status = table.columns.at(-1)!;
      const columns = Object.fromEntries(
        table.names.map((name, k) => [
          name,
          Array.from(table.columns[k]!, (value, row) =>
            (name !== 'status' && status[row] === STATUS.refused) || Number.isNaN(value) ? null : value,
          ),
        ]),
      );
      const { refused, horizonDays, models } = table;
      return c.json({ columns, refused, horizon_days: horizonDays, ...(models && { models }), ...provenance }, 200);
    },
  );
}
