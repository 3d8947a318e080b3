// What a job is, in words: its title from its parameters, its state, who asked for it.
import type { useMe } from './account.ts';
import { counted } from './format.ts';
import type { JobRow, JobStatus } from './jobs.ts';

export const KIND_WORDS: Record<string, string> = {
  train: 'Train',
  score: 'Score',
  backtest: 'Backtest',
  evaluate: 'Evaluate',
  'check-features': 'Check features',
};
/** A kind without words here is shown as it is. */
export const kindWord = (kind: string): string => KIND_WORDS[kind] ?? kind;

export const STATUS_WORDS: Record<JobStatus, string> = {
  queued: 'Waiting',
  running: 'Running',
  succeeded: 'Done',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

export const MODEL_KIND_WORDS: Record<string, string> = {
  'churn-logistic': 'churn classifier',
  'churn-cox': 'survival model',
  clv: 'lifetime value',
  churn: 'churn models',
  'bg-nbd': 'BG/NBD',
  'mbg-nbd': 'MBG/NBD',
  'pareto-nbd': 'Pareto/NBD',
  naive: 'naive',
  served: 'this version',
};
export const modelKindWord = (kind: string): string => MODEL_KIND_WORDS[kind] ?? kind;

const text = (value: unknown): string => (value === undefined || value === null ? '' : String(value));

/** `Train churn classifier, contractual`. */
export function jobTitle({ kind, params }: Pick<JobRow, 'kind' | 'params'>): string {
  const parts: string[] = [];
  switch (kind) {
    case 'train':
      parts.push(modelKindWord(text(params.kind)), text(params.definition));
      break;
    case 'backtest':
      parts.push(
        modelKindWord(text(params.model)),
        params.horizon_days ? `${text(params.horizon_days)} d ahead` : '',
        Array.isArray(params.at) ? params.at.join(', ') : counted(Number(params.cutoffs ?? 3), 'cut-off'),
      );
      break;
    case 'score':
      parts.push(
        params.model ? `with ${text(params.model)}` : 'everybody',
        params.as_of === undefined
          ? ''
          : `as of ${typeof params.as_of === 'object' ? JSON.stringify(params.as_of) : text(params.as_of)}`,
        params.delta_against ? 'who changed' : '',
        params.dry_run ? 'estimate only' : '',
      );
      break;
    case 'evaluate':
      parts.push(Array.isArray(params.models) ? params.models.join(', ') : '');
      break;
    default:
      break;
  }
  const told = parts.filter(Boolean);
  return told.length === 0 ? kindWord(kind) : `${kindWord(kind)} ${told.join(', ')}`;
}

export function whoAsked(by: string, me: ReturnType<typeof useMe>): string {
  if (by === 'local' || by === 'cli') return 'command line';
  if (by === 'system') return 'the platform';
  if (me?.user && by === `user:${me.user.id}`) return 'you';
  if (by.startsWith('user:')) return 'another user';
  if (by.startsWith('key:')) return 'an API key';
  return by.startsWith('schedule') ? 'a schedule' : by;
}
