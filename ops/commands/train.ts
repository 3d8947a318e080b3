// Training models from the log, from the command line: a job of the running server (or of one started for the time), watched until it ends.
import { CHURN_KINDS } from '#domain/churn-definition.ts';
import { TRAINED_KINDS } from '#processors/training/plan.ts';
import type { TrainingCheck } from '#processors/training/training-check.ts';
import { type Client, dataDirOf, withServer } from '../client.ts';
import type { TrainResult } from '../jobs/train.ts';
import { doJob } from '../jobs/watch.ts';
import { daysOf } from './churn.ts';
import { type Command, type Io, UsageError } from './command.ts';
import { parseCommand, print, table } from './options.ts';

/** What a churn model's result says besides. */
interface ChurnFindings {
  cutoffs: number[];
  rows: Record<'train' | 'calibrate' | 'test', { n: number; lost: number }>;
  metrics: { auc: number | null; brier: number | null; calibrationSlope: number | null } | null;
  naive: { rate: number; brier: number } | null;
  concordance: number | null;
  lambda: number | null;
  diagnostics: { code: string; message: string }[];
}

export const train: Command = {
  name: 'train',
  summary: 'train a model from the log, judged on customers it has not seen; --dry-run says what is missing',
  help: `
axiom47 train churn-logistic [--definition non-contractual|contractual] [--horizon 60d] [--cutoffs N] [--lateness DAYS] [--seed N]
  [--without NAME,NAME…] [--features N] [--deploy] [--dry-run] [--data-dir DIR] [--json]
axiom47 train churn-cox [--without NAME,…] [--deploy] [--dry-run]
axiom47 train clv [--deploy] [--dry-run]

churn-logistic (or churn): a classifier of the definition's horizon, on what was known of each customer at up to N past moments (4), one horizon
apart; calibrated and judged at the last of them on customers it never saw, beside the rate everybody would be given without a model.
churn-cox: how long subscriptions last, by plan, price and attributes; answers any horizon within what was observed.
clv: purchases and money of buyers; BG/NBD unless a rival is clearly better.
--dry-run: how many labels have matured, who is left out and why, what is missing and how far; for buyers also how many of those silent for 30,
60, 90 … days came back. Nothing is written; exit code 2 when something required is missing.
--lateness: days in which late events may still arrive before a label counts (7 with live input, else 0). --seed: who learns and who
calibrates (who judges is always the same fifth). --without: features the model must not know (attributes as attribute:NAME).
--features: version of the set of features (axiom47 features); 1 unless told, 2 to 4 know more of each customer (4: channels), which is not always better.
The same log and seed trained again are the same version. --deploy puts it in force; without it: axiom47 model deploy ID.
The job outlives this command; a server that ends meanwhile goes on with it.

Example: axiom47 train churn --dry-run
Example: axiom47 train churn-logistic --definition contractual --deploy
`,
  async run(argv, io) {
    const { values, body } = readTrain(argv);
    const deploy = values.deploy ?? false;
    return withServer(dataDirOf(values['data-dir']), { io, settle: deploy }, async (client) => {
      if (values['dry-run']) {
        const check = await client.call<TrainingCheck>('POST', '/api/jobs/train', { ...body, dry_run: true });
        print(io, values.json, check, () => describeCheck(check));
        return check.ready ? 0 : 2;
      }
      const ended = await trainOf(client, { ...body, deploy }, io);
      if (ended.result === null) return ended.code;
      const { id: job, result } = ended;
      const { items } = await client.call<{ items: { id: string; in_force: boolean }[] }>('GET', '/api/models');
      const answers = items.some(({ id, in_force }) => in_force && id === result.id);
      print(io, values.json, { job, ...result }, () => describeTraining(result, answers));
      return 0;
    });
  },
};

/** What the words after `train` ask for. */
export function readTrain(argv: string[]) {
  const { values, positionals } = parseCommand(argv, {
    definition: { type: 'string' },
    horizon: { type: 'string' },
    cutoffs: { type: 'string' },
    lateness: { type: 'string' },
    seed: { type: 'string' },
    without: { type: 'string' },
    features: { type: 'string' },
    deploy: { type: 'boolean' },
    'dry-run': { type: 'boolean' },
  });
  const kind = positionals[0] === 'churn' ? 'churn-logistic' : positionals[0];
  if (positionals.length > 1 || !TRAINED_KINDS.some((each) => each === kind))
    throw new UsageError(`train ${TRAINED_KINDS.join(' or train ')}`);
  if (values.definition !== undefined && !CHURN_KINDS.some((each) => each === values.definition))
    throw new UsageError(`--definition ${values.definition}: ${CHURN_KINDS.join(' or ')}`);
  if (values.deploy && values['dry-run']) throw new UsageError('a dry run makes no model: leave --deploy out');
  const body = {
    kind,
    ...(values.definition !== undefined && { definition: values.definition }),
    ...(values.horizon !== undefined && { horizon_days: daysOf('--horizon', values.horizon) }),
    ...whole('cutoffs', 'cutoffs', values.cutoffs, 1, 12),
    ...whole('lateness', 'lateness_days', values.lateness, 0, 90),
    ...whole('seed', 'seed', values.seed, 0, 2 ** 31 - 1),
    ...whole('features', 'feature_set', values.features?.replace(/^customer@/, ''), 1, 1e6),
    ...(values.without !== undefined && { without: values.without.split(',').map((name) => name.trim()) }),
  };
  return { values, body };
}

/** The job with what it found worth saying. */
export async function trainOf(client: Client, body: object, io: Io): ReturnType<typeof doJob<TrainResult>> {
  const ended = await doJob<TrainResult>(client, 'train', body, io);
  if (ended.result === null) return ended;
  const { id, refused, diagnostics, rivals } = ended.result;
  if (refused)
    io.stderr(
      `model ${id} was trained but NOT put in force (${refused.code}): ${refused.message}; what was in force before, if anything, stays. To use it all the same: axiom47 model deploy ${id} --yes\n`,
    );
  const reason = (rivals as { reason?: string } | undefined)?.reason ?? '';
  for (const note of notesBeside(diagnostics as ChurnFindings['diagnostics'], [refused?.message ?? '', reason]))
    io.stderr(`  note: ${note}\n`);
  return ended;
}

/** What was found, without what is said beside it anyway: the refusal, and why this model answers. */
export function notesBeside(diagnostics: ChurnFindings['diagnostics'], said: readonly string[]): string[] {
  const told = diagnostics.map(({ message }) =>
    said.reduce((text, each) => (each === '' ? text : text.replace(`; ${each}`, '')), message),
  );
  return [...new Set(told)].filter((text) => !said.some((each) => each.includes(text)));
}

function whole(option: string, name: string, text: string | undefined, least: number, most: number) {
  if (text === undefined) return {};
  if (!/^\d{1,10}$/.test(text) || Number(text) < least || Number(text) > most)
    throw new UsageError(`--${option} ${text}: a whole number from ${least} to ${most}`);
  return { [name]: Number(text) };
}

const day = (value: number) => new Date(value * 86_400_000).toISOString().slice(0, 10);
const count = (value: number) => value.toLocaleString('en-US');
const shown = (value: number | null | undefined) =>
  value === null || value === undefined ? 'undefined' : value.toFixed(4);

/** @param answers the version is in force, perhaps since before: the same log trained again is the same version. */
export function describeTraining(result: TrainResult, answers = result.deployed): string {
  const { id, digest, deployed, kind, refused } = result;
  // Of one that was refused the refusal has said how it is used all the same.
  const next = refused ? '  is not in force' : `  (axiom47 model deploy ${id})`;
  const lines = [
    `${id}  ${digest.slice(0, 12)}${deployed ? ' is in force' : answers ? ' is the version that is in force already' : next}`,
  ];
  if (kind === 'clv') {
    const { served, reason } = result.rivals as { served: string; reason: string };
    lines.push(`customers ${count(result.customers as number)}; ${served} answers: ${reason}`);
    return lines.join('\n');
  }
  const { rows, cutoffs, metrics, naive, concordance, lambda } = result as unknown as ChurnFindings;
  if (metrics)
    lines.push(
      `rows      ${Object.entries(rows)
        .map(([part, { n, lost }]) => `${part} ${count(n)} (${count(lost)} lost)`)
        .join(', ')}`,
      `cut-offs  ${cutoffs.map(day).join(', ')}`,
      `AUC       ${shown(metrics.auc)}`,
      `Brier     ${shown(metrics.brier)}  (everybody at the rate ${shown(naive?.rate)}: ${shown(naive?.brier)})`,
      `slope     ${shown(metrics.calibrationSlope)}  (1 = calibrated)`,
      `penalty   ${lambda?.toPrecision(3)}, by cross-validation that keeps a customer on one side`,
    );
  else
    lines.push(
      `subscriptions ${count(rows.train.n)}, ${count(rows.train.lost)} ended; concordance ${shown(concordance)}`,
    );
  return lines.join('\n');
}

export function describeCheck(check: TrainingCheck): string {
  const { kind, asOf, customers, excluded, checklist, ready, cutoffs, windows, proposed, definition } = check;
  const parts = [
    `${kind} as of ${asOf.at}: ${count(customers)} customers${definition ? `, ${definition.kind}, ${definition.horizonDays} days ahead` : ''}`,
    table(
      ['', 'asked', 'found', 'missing', 'by'],
      checklist.map(({ item, unit, asked, found, missing, required, by }) => [
        `${missing === 0 ? 'ok' : required ? 'NO' : '(no)'}  ${item}`,
        `${count(asked)} ${unit}`,
        found,
        missing,
        by,
      ]),
    ),
  ];
  parts.push(
    'NO: required, and missing. (no): advised, and missing: the training runs all the same. by: whose minimum it is: axiom47 needs that much here, Klaviyo and Segment ask that much of their customers before they predict.',
  );
  if (cutoffs.length > 0)
    parts.push(
      table(
        ['cut-off', 'eligible', 'lost', 'kept', ''],
        cutoffs.map(({ at, eligible, lost, kept, used }) => [
          at,
          eligible,
          lost,
          kept,
          used ? '' : 'left out: one end only',
        ]),
      ),
    );
  if (excluded.length > 0)
    parts.push(
      table(
        ['not asked about', 'customers'],
        excluded.map(({ reason, customers: n }) => [reason, n]),
      ),
    );
  if (windows.length > 0)
    parts.push(
      `${table(
        ['silent for', 'customers', 'came back', 'share'],
        windows.map(({ days, silent, returned, rate }) => [
          `${days} days`,
          silent,
          returned,
          rate === null ? null : `${(100 * rate).toFixed(1)} %`,
        ]),
      )}\n${proposed ? `proposed: ${proposed.days} days: ${proposed.why}` : 'no proposal: too few were ever silent so long'}`,
    );
  parts.push(ready ? 'ready to train' : 'not enough yet: see NO above');
  return parts.join('\n\n');
}
