// What a job has found, by its kind. A kind without a view of its own is shown as it answered: nothing is hidden.
import type { BacktestResult, ScoreResult, TrainResult } from '../../job-results.ts';
import type { Job } from '../../jobs.ts';
import { Command } from '../copy.tsx';
import { Panel } from '../panel.tsx';
import { BacktestView } from './backtest-result.tsx';
import { type EvaluateResult, EvaluateView } from './evaluate-result.tsx';
import { ScoreView } from './score-result.tsx';
import { TrainView } from './train-result.tsx';

export function JobResult({ job }: { job: Job }) {
  if (job.status !== 'succeeded' || job.result === undefined || job.result === null) return null;
  // What a kind answers is known here by its name; the API's document calls it free.
  const result: unknown = job.result;
  switch (job.kind) {
    case 'train':
      return <TrainView result={result as TrainResult} />;
    case 'backtest':
      return <BacktestView result={result as BacktestResult} />;
    case 'evaluate':
      return <EvaluateView id={job.id} result={result as EvaluateResult} />;
    case 'score':
      return <ScoreView id={job.id} result={result as ScoreResult} />;
    default:
      return (
        <Panel title="Result" unit="as the API answers it">
          <Command text={JSON.stringify(job.result, null, 2).slice(0, 20_000)} label="Copy" />
        </Panel>
      );
  }
}
