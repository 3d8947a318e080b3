// Which streams must be whole, and what a reader says when one ends before the reader's own position.
import { SequenceGap, type StreamName } from './event-store.ts';

/** Nobody may thin these out: every position from 1 on must be there. IN and QUA lose theirs by acknowledgement, age and erasure. */
export const DENSE: ReadonlySet<StreamName> = new Set<StreamName>(['EVT', 'CTL', 'AUD']);

/** Never to be waited out in silence. */
export class LogTruncated extends SequenceGap {
  constructor(stream: string, from: number, last: number) {
    super(stream, from - 1, last);
    this.name = 'LogTruncated';
    this.message =
      `${stream}: a reader has already seen sequence ${from - 1}, but the log ends at ${last}; ` +
      'it is older than its readers: restore the log from a newer backup, or rebuild the readers from it';
  }
}
