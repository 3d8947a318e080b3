// What can be asked for, by kind of job: its fields with their defaults. How they become the body the API takes is in job-values.ts, what of them the log
// has nobody for in people.ts.
import type { Permission } from '#domain/access.ts';

/** Of whom something is learned. */
export type People = 'buyers' | 'subscribers';
export type Option = readonly [value: string, word: string, of?: People];

export interface Field {
  name: string;
  label: string;
  kind: 'select' | 'number' | 'text' | 'date' | 'check' | 'list';
  /** `models` asks the registry. */
  options?: readonly Option[] | 'models';
  /** Options that cannot be chosen here. */
  off?: readonly string[];
  initial?: string | boolean;
  /** What the API takes where an earlier job has left it out. */
  absent?: string;
  hint?: string;
  least?: number;
  most?: number;
  step?: number;
  /** Whoever may not sees it locked. */
  needs?: Permission;
  /** Says nothing where there are none of these. */
  of?: People;
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
  /** What cannot be asked for where nobody has bought, or nobody has a subscription. */
  without?: Readonly<Record<People, string>>;
  fields: readonly Field[];
}

const isChurn = ({ kind }: Values): boolean => kind !== 'clv';
const isLogistic = ({ kind }: Values): boolean => kind === 'churn-logistic';
const DEFINITIONS: readonly Option[] = [
  ['non-contractual', 'silence: no purchase within the horizon', 'buyers'],
  ['contractual', 'the subscription ends within the horizon', 'subscribers'],
];
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
    without: {
      buyers:
        'Lifetime value, and churn as a silence, are learned from purchases. Nobody here has bought, so neither can be trained.',
      subscribers:
        'Survival, and churn as the end of a contract, are learned from subscriptions. Nobody here has one, so neither can be trained.',
    },
    fields: [
      {
        name: 'kind',
        label: 'What it answers',
        kind: 'select',
        initial: 'churn-logistic',
        options: [
          ['churn-logistic', 'Who will be lost: classifier'],
          ['churn-cox', 'How long subscriptions last: Cox', 'subscribers'],
          ['clv', 'What each will be worth: BG/NBD and Gamma-Gamma', 'buyers'],
        ],
      },
      {
        name: 'definition',
        label: 'Lost means',
        kind: 'select',
        initial: 'non-contractual',
        absent: 'non-contractual',
        options: DEFINITIONS,
        when: isLogistic,
      },
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
      {
        name: 'months',
        label: 'Lifetime value over, months',
        kind: 'number',
        initial: '12',
        least: 1,
        most: 120,
        of: 'buyers',
      },
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
      {
        name: 'quantiles',
        label: 'With exact p05, p50 and p95 of spend',
        kind: 'check',
        initial: true,
        of: 'buyers',
      },
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
        of: 'buyers',
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
    without: {
      buyers:
        'Models of purchases are judged by purchases. Nobody here has bought, so only the churn of subscribers can be judged.',
      subscribers:
        'Churn as the end of a contract is judged by subscriptions. Nobody here has one, so it cannot be judged.',
    },
    fields: [
      {
        name: 'model',
        label: 'What is judged',
        kind: 'select',
        initial: 'clv',
        options: [
          ['clv', 'Purchases: the model the data choose, rivals beside', 'buyers'],
          ['bg-nbd', 'Purchases: BG/NBD', 'buyers'],
          ['mbg-nbd', 'Purchases: MBG/NBD', 'buyers'],
          ['pareto-nbd', 'Purchases: Pareto/NBD', 'buyers'],
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
        options: [['', 'the end of a contract where there are any, else silence'], ...DEFINITIONS],
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
