// Every kind of job, in plain sight. To add one: a file that says what is asked (body, examples, permission) and does it, and a line here; the
// route, its documentation, progress, cancel, retry and resuming after a restart come by themselves.
import type { JobKind } from '#api/job-deps.ts';
import type { JobWork } from '#processors/jobs/kind.ts';
import { type BacktestDeps, backtestJob } from './backtest.ts';
import { type CheckFeaturesDeps, checkFeaturesJob } from './check-features.ts';
import { type EvaluateDeps, evaluateJob } from './evaluate.ts';
import { type ScoreDeps, scoreJob } from './score.ts';
import { type TrainDeps, trainJob } from './train.ts';

/** What is asked over HTTP, and the work. */
export type JobOfKind = JobKind & JobWork;
export type JobDeps = BacktestDeps & TrainDeps & EvaluateDeps & CheckFeaturesDeps & { scoring: ScoreDeps };

export const createJobKinds = (deps: JobDeps): JobOfKind[] => [
  backtestJob(deps),
  trainJob(deps),
  evaluateJob(deps),
  checkFeaturesJob(deps),
  scoreJob(deps.scoring),
];
