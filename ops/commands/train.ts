// Training churn models from the log, from the command line.
import { CHURN_KINDS } from '#domain/churn-definition.ts';
import { CHURN_MODELS } from '#domain/models/churn-model.ts';
import { type Client, dataDirOf, withServer } from '../client.ts';
import { type Command, type Io, UsageError } from './command.ts';
import { parseCommand, print } from './options.ts';

export interface Trained {
  ok: boolean;
  model: string;
  message?: string;
  id?: string;
  deployed?: boolean;
  cutoffs?: number[];
  rows?: Record<'train' | 'calibrate' | 'test', { n: number; lost: number }>;
  metrics?: { auc: number | null; brier: number | null; calibrationSlope: number | null } | null;
  naive?: { rate: number; brier: number } | null;
  concordance?: number | null;
  diagnostics?: { code: string; message: string }[];
}

export const train: Command = {
  name: 'train',
  summary: 'train a churn model from the log, judged on customers it has not seen',
  help: `
axiom47 train churn-logistic [--definition non-contractual|contractual] [--cutoffs N] [--lateness DAYS] [--deploy] [--data-dir DIR] [--json]
axiom47 train churn-cox [--deploy]

churn-logistic: a classifier of the definition's horizon, on what was known of each customer at up to N past moments (4), one horizon apart;
calibrated and judged at the last of them on customers it never saw, beside the rate everybody would be given without a model.
churn-cox: how long subscriptions last, by plan, price and attributes; answers any horizon within what was observed.
--lateness: days in which late events may still arrive before a label counts (7 with live input, else 0).
The same log trained again is the same version. --deploy puts it in force; without it: axiom47 model deploy ID.

Example: axiom47 train churn-logistic --definition contractual --deploy
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, {
      definition: { type: 'string' },
      cutoffs: { type: 'string' },
      lateness: { type: 'string' },
      deploy: { type: 'boolean' },
    });
    const [kind] = positionals;
    if (!CHURN_MODELS.some((each) => each === kind)) throw new UsageError(`train ${CHURN_MODELS.join(' or train ')}`);
    if (values.definition !== undefined && !CHURN_KINDS.some((each) => each === values.definition))
      throw new UsageError(`--definition ${values.definition}: ${CHURN_KINDS.join(' or ')}`);
    const whole = (option: 'cutoffs' | 'lateness', most: number): number | undefined => {
      const text = values[option];
      if (text === undefined) return undefined;
      if (!/^\d{1,2}$/.test(text) || Number(text) > most)
        throw new UsageError(`--${option} ${text}: a whole number up to ${most}`);
      return Number(text);
    };
    const body = {
      kind,
      definition: values.definition,
      cutoffs: whole('cutoffs', 12),
      lateness_days: whole('lateness', 90),
      deploy: values.deploy ?? false,
    };
    return withServer(dataDirOf(values['data-dir']), { io, settle: values.deploy ?? false }, async (client) => {
      const trained = await trainModel(client, body, io);
      print(io, values.json, trained, () => describeTraining(trained));
      return trained.ok ? 0 : 2;
    });
  },
};

/** A refusal is an answer here, not an error. */
export async function trainModel(client: Client, body: object, io: Io): Promise<Trained> {
  io.stderr('reading the log as it was known at each cut-off …\n');
  const trained = await client.call<Trained>('POST', '/api/train', body);
  if (!trained.ok) io.stderr(`axiom47: ${trained.model} was not trained: ${trained.message}\n`);
  for (const { message } of trained.diagnostics ?? []) io.stderr(`  note: ${message}\n`);
  return trained;
}

const day = (value: number) => new Date(value * 86_400_000).toISOString().slice(0, 10);
const shown = (value: number | null | undefined) =>
  value === null || value === undefined ? 'undefined' : value.toFixed(4);

export function describeTraining({ id, deployed, rows, cutoffs, metrics, naive, concordance, ok }: Trained): string {
  if (!ok || !rows) return 'no model';
  const lines = [`${id}${deployed ? ' is in force' : `  (axiom47 model deploy ${id})`}`];
  if (metrics) {
    lines.push(
      `rows      ${Object.entries(rows)
        .map(([part, { n, lost }]) => `${part} ${n.toLocaleString('en-US')} (${lost.toLocaleString('en-US')} lost)`)
        .join(', ')}`,
      `cut-offs  ${(cutoffs ?? []).map(day).join(', ')}`,
      `AUC       ${shown(metrics.auc)}`,
      `Brier     ${shown(metrics.brier)}  (everybody at the rate ${shown(naive?.rate)}: ${shown(naive?.brier)})`,
      `slope     ${shown(metrics.calibrationSlope)}  (1 = calibrated)`,
    );
  } else
    lines.push(
      `subscriptions ${rows.train.n.toLocaleString('en-US')}, ${rows.train.lost.toLocaleString('en-US')} ended; concordance ${shown(concordance)}`,
    );
  return lines.join('\n');
}
