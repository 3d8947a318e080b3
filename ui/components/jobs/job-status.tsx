// The state of a job as a chip (colour, glyph and word), and how far it is as a bar with words.
import { percent } from '../../format.ts';
import { STATUS_WORDS } from '../../job-words.ts';
import type { JobRow, JobStatus } from '../../jobs.ts';
import { Icon, type IconName } from '../icon.tsx';

const LOOK: Record<JobStatus, { tone: string; icon: IconName }> = {
  queued: { tone: '', icon: 'clock' },
  running: { tone: ' on', icon: 'retry' },
  succeeded: { tone: ' good', icon: 'check' },
  failed: { tone: ' bad', icon: 'close' },
  cancelled: { tone: '', icon: 'stop' },
};

export function JobStatusChip({ status }: { status: JobStatus }) {
  const { tone, icon } = LOOK[status];
  return (
    <span className={`chip status${tone}`} data-status={status}>
      <Icon name={icon} small />
      {STATUS_WORDS[status]}
    </span>
  );
}

export const shareOf = ({ done, total }: { done: number; total: number }): number | null =>
  total > 0 ? Math.min(1, Math.max(0, done / total)) : null;

/** Null progress is drawn as a track without a bar: it runs, and has not said how far it is. */
export function ProgressBar({ job, wide = false }: { job: Pick<JobRow, 'progress'>; wide?: boolean }) {
  const share = job.progress && shareOf(job.progress);
  const note = job.progress?.note ?? 'under way';
  return (
    <span className={wide ? 'progress wide' : 'progress'}>
      <span
        className="ptrack"
        role="progressbar"
        aria-label={note}
        aria-valuemin={0}
        aria-valuemax={100}
        {...(share !== null && { 'aria-valuenow': Math.round(share * 100) })}
      >
        <i style={{ width: `${(share ?? 0) * 100}%` }} />
      </span>
      <span className="num pshare">{share === null ? '…' : percent(share, 0)}</span>
      <span className="pnote">{note}</span>
    </span>
  );
}
