// Asks for a job once more: at once where it can only go on after its last finished step, else after a question where to begin.
import { useState } from 'react';
import { jobTitle } from '../../job-words.ts';
import { type Job, retryJob } from '../../jobs.ts';
import { Confirm } from '../confirm.tsx';
import { Labelled } from './labelled.tsx';

const listed = (names: readonly string[]) => (names.length === 0 ? 'nothing' : names.join(', '));

/** Only of a job that may begin at several steps. */
export function RetryFrom({ job, onClose }: { job: Job; onClose: () => void }) {
  const all = job.retry_from;
  const [from, setFrom] = useState(all.at(-1)!);
  const kept = all.slice(0, all.indexOf(from));
  const again = job.steps.filter((step) => !kept.includes(step));
  return (
    <Confirm
      title={`Retry ${jobTitle(job)}`}
      confirm="Retry"
      onConfirm={() => retryJob(job.id, from)}
      onClose={onClose}
    >
      <Labelled
        label="Begin at"
        hint={
          kept.includes('position')
            ? 'It is asked of the same moment of the log.'
            : 'It is asked of the log as it is now.'
        }
      >
        {(own) => (
          <select {...own} value={from} onChange={(event) => setFrom(event.target.value)}>
            {all.map((step) => (
              <option key={step} value={step}>
                {step}
                {job.steps.includes(step) ? '' : ' (where it stopped)'}
              </option>
            ))}
          </select>
        )}
      </Labelled>
      <p>
        Kept: <span className="mono">{listed(kept)}</span>. Finished before and done again:{' '}
        <span className="mono">{listed(again)}</span>.
      </p>
    </Confirm>
  );
}
