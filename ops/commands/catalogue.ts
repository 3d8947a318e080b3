// Every command, in plain sight.
import { ab } from './ab.ts';
import { admin } from './admin.ts';
import { backtest } from './backtest.ts';
import { backup } from './backup.ts';
import { bench } from './bench.ts';
import { churn } from './churn.ts';
import type { Command } from './command.ts';
import { deadLetters } from './dead-letters.ts';
import { dockerSecrets } from './docker-secrets.ts';
import { drift } from './drift.ts';
import { evaluate } from './evaluate.ts';
import { explain } from './explain.ts';
import { exportCommand } from './export.ts';
import { features } from './features.ts';
import { fit } from './fit.ts';
import { importCommand } from './import.ts';
import { jobs } from './jobs.ts';
import { key } from './key.ts';
import { late } from './late.ts';
import { model } from './model.ts';
import { predict } from './predict.ts';
import { quarantine } from './quarantine.ts';
import { rebuild } from './rebuild.ts';
import { replay } from './replay.ts';
import { restore } from './restore.ts';
import { rfm } from './rfm.ts';
import { schedule } from './schedule.ts';
import { score } from './score.ts';
import { serve } from './serve.ts';
import { source } from './source.ts';
import { train } from './train.ts';
import { verify } from './verify.ts';
import { workspace } from './workspace.ts';

export const catalogue: readonly Command[] = [
  serve,
  importCommand,
  quarantine,
  deadLetters,
  late,
  rfm,
  fit,
  evaluate,
  features,
  explain,
  predict,
  ab,
  drift,
  model,
  train,
  backtest,
  score,
  jobs,
  schedule,
  exportCommand,
  churn,
  source,
  workspace,
  rebuild,
  replay,
  verify,
  backup,
  restore,
  key,
  admin,
  bench,
  dockerSecrets,
];
