// What can be asked for, by kind of job: its fields with their defaults, and how they become the body the API takes. A blank field is left out, so that
// the platform's own default stands.
import type { Permission } from '#domain/access.ts';

export interface Field {
  name: string;
  label: string;
  kind: 'select' | 'number' | 'text' | 'date' | 'check' | 'list';
  /** `models` asks the registry. */
  options?: readonly (readonly [value: string, word: string])[] | 'models';
  initial?: string | boolean;
  hint?: string;
  least?: number;
  most?: number;
  step?: number;
  /** Whoever may not sees it locked. */
  needs?: Permission;
  /** Asked only then. */
  when?: (values: Values) => boolean;
  /** Behind “More”. */
  more?: boolean;
}
export type Values = Readonly<Record<string, string | boolean>>;
export interface JobForm {
  kind: string;
  needs: Permission;
  lead: string;
  submit: string;
  fields: readonly Field[];
}

const isChurn = ({ kind }: Values): boolean => kind !== 'clv';
const isLogistic = ({ kind }: Values): boolean => kind === 'churn-logistic';
const DEFINITIONS = [
  ['', 'what the platform takes'],
  ['non-contractual', 'silence: no purchase within the horizon'],
  ['contractual', 'the subscription ends within the horizon'],
] as const;
const SEED: Field = {
  name: 'seed',
  label: 'Seed',
  kind: 'number',
  initial: '47',
  least: 0,
  more: true,
  hint: 'The same seed and log give the same bytes',
};
const LATENESS: Field = {
  name: 'lateness_days',
  label: 'Lateness allowed, days',
  kind: 'number',
  least: 0,
  most: 90,
  more: true,
  hint: 'Blank: 7 with live input, else 0',
};

export const JOB_FORMS: readonly JobForm[] = [
  {
    kind: 'train',
    needs: 'model:write',
    lead: 'Fits a model to the log as it was known at past moments. The same log and seed give the same version, byte for byte.',
    submit: 'Train',
    fields: [
      {
        name: 'kind',
        label: 'What it answers',
        kind: 'select',
        initial: 'churn-logistic',
        options: [
          ['churn-logistic', 'Who will be lost: classifier'],
          ['churn-cox', 'How long subscriptions last: Cox'],
          ['clv', 'What each will be worth: BG/NBD and Gamma-Gamma'],
        ],
      },
      { name: 'definition', label: 'Lost means', kind: 'select', options: DEFINITIONS, when: isLogistic },
      {
        name: 'horizon_days',
        label: 'Horizon, days',
        kind: 'number',
        least: 1,
        most: 3653,
        when: isChurn,
        hint: 'Blank: that of the definition. Another one cannot be put in force',
      },
      {
        name: 'cutoffs',
        label: 'Cut-offs, at most',
        kind: 'number',
        initial: '4',
        least: 1,
        most: 12,
        when: isLogistic,
        hint: 'One horizon apart, backwards from the last that has settled',
      },
      {
        name: 'without',
        label: 'Features it must not know',
        kind: 'list',
        more: true,
        hint: 'Names, parted by commas',
      },
      LATENESS,
      SEED,
      {
        name: 'deploy',
        label: 'Put it in force when it is done',
        kind: 'check',
        initial: false,
        needs: 'model:deploy',
      },
    ],
  },
  {
    kind: 'score',
    needs: 'customer:read',
    lead: 'Scores everybody at one position of the log into a file; against an earlier scoring it says who moved band, and why.',
    submit: 'Score',
    fields: [
      { name: 'model', label: 'Model', kind: 'select', options: 'models' },
      { name: 'as_of', label: 'As of the day', kind: 'date', hint: 'Blank: now' },
      { name: 'months', label: 'Lifetime value over, months', kind: 'number', initial: '12', least: 1, most: 120 },
      {
        name: 'delta_against',
        label: 'Who',
        kind: 'select',
        options: [
          ['', 'everybody'],
          ['previous', 'who changed since the last scoring'],
        ],
      },
      {
        name: 'format',
        label: 'File',
        kind: 'select',
        initial: 'csv',
        options: [
          ['csv', 'CSV'],
          ['ndjson', 'NDJSON'],
          ['parquet', 'Parquet'],
        ],
      },
      { name: 'quantiles', label: 'With exact p05, p50 and p95 of spend', kind: 'check', initial: true },
      {
        name: 'identified',
        label: 'Name customers by customer_id, not by ref',
        kind: 'check',
        initial: false,
        needs: 'customer:read-identified',
      },
      {
        name: 'discount_monthly',
        label: 'Discount a month',
        kind: 'number',
        initial: '0.01',
        least: 0,
        most: 1,
        step: 0.001,
        more: true,
      },
      {
        name: 'horizon_days',
        label: 'Horizon of churn, days',
        kind: 'number',
        least: 1,
        more: true,
        hint: 'Blank: that of the definition',
      },
      { name: 'dry_run', label: 'Only say what it would cost', kind: 'check', initial: false },
    ],
  },
  {
    kind: 'evaluate',
    needs: 'model:write',
    lead: 'Holds versions of the registry against what came, on the same customers, and against each other.',
    submit: 'Evaluate',
    fields: [
      { name: 'models', label: 'Versions', kind: 'list', hint: 'As in churn_model@1, churn_model@2: one to eight' },
      { name: 'at', label: 'Cut-off', kind: 'date', hint: 'Blank: the latest whose outcomes have settled' },
      {
        name: 'horizon_days',
        label: 'Days foretold',
        kind: 'number',
        least: 1,
        hint: 'Of value: 90 when blank; churn brings its own',
      },
      {
        name: 'offer_cost',
        label: 'An offer costs',
        kind: 'number',
        least: 0,
        step: 0.01,
        hint: 'With what it brings: the profit curve',
      },
      { name: 'offer_benefit', label: 'Somebody kept is worth', kind: 'number', least: 0, step: 0.01 },
      { name: 'segment', label: 'Also judge by', kind: 'text', hint: 'A feature, or attribute:NAME' },
      LATENESS,
      SEED,
    ],
  },
  {
    kind: 'backtest',
    needs: 'model:write',
    lead: 'Fits models to the past as it was known at several moments and holds what they foretold against what came.',
    submit: 'Backtest',
    fields: [
      {
        name: 'model',
        label: 'What is judged',
        kind: 'select',
        initial: 'clv',
        options: [
          ['clv', 'Purchases: the model the data choose, rivals beside'],
          ['bg-nbd', 'Purchases: BG/NBD'],
          ['mbg-nbd', 'Purchases: MBG/NBD'],
          ['pareto-nbd', 'Purchases: Pareto/NBD'],
          ['churn', 'Churn, by its definition'],
        ],
      },
      {
        name: 'horizon_days',
        label: 'Days foretold',
        kind: 'number',
        initial: '90',
        least: 1,
        when: ({ model }) => model !== 'churn',
      },
      {
        name: 'definition',
        label: 'Lost means',
        kind: 'select',
        options: DEFINITIONS,
        when: ({ model }) => model === 'churn',
      },
      {
        name: 'cutoffs',
        label: 'Cut-offs',
        kind: 'number',
        initial: '3',
        least: 1,
        most: 24,
        when: ({ at }) => !at,
        hint: 'Spread over what has come true',
      },
      { name: 'at', label: 'Or at these days', kind: 'list', hint: '2026-01-31, parted by commas' },
      LATENESS,
      SEED,
    ],
  },
];

export const formOf = (kind: string | undefined): JobForm =>
  JOB_FORMS.find((form) => form.kind === kind) ?? JOB_FORMS[0]!;

export const isPlannable = (kind: string): boolean => JOB_FORMS.some((form) => form.kind === kind);

const blank = (field: Field): string | boolean => field.initial ?? (field.kind === 'check' ? false : '');
/** @param given parameters of an earlier job of this kind. */
export function initialValues({ fields }: JobForm, given: Readonly<Record<string, unknown>> | null): Values {
  return Object.fromEntries(
    fields.map((field) => {
      if (given === null) return [field.name, blank(field)];
      const value = given[field.name];
      if (field.kind === 'check') return [field.name, value === true];
      if (value === undefined || value === null) return [field.name, ''];
      return [field.name, Array.isArray(value) ? value.join(', ') : typeof value === 'object' ? '' : String(value)];
    }),
  );
}

/** The body of the request: what is asked, and nothing that was left blank. */
export function bodyOf({ fields }: JobForm, values: Values): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const field of fields) {
    const value = values[field.name];
    if (field.when && !field.when(values)) continue;
    if (field.kind === 'check') body[field.name] = value === true;
    else if (typeof value !== 'string' || value.trim() === '') continue;
    else if (field.kind === 'number') body[field.name] = Number(value);
    else if (field.kind === 'list')
      body[field.name] = value
        .split(',')
        .map((each) => each.trim())
        .filter(Boolean);
    else body[field.name] = value.trim();
  }
  return body;
}

/** Parameters as an address carries them; what is no object is ignored. */
export function parametersIn(text: string | undefined): Record<string, unknown> | null {
  if (!text) return null;
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === 'object' && found !== null && !Array.isArray(found)
      ? (found as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
