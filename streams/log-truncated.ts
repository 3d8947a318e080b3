// The log ends before a reader's own position: never to be waited out in silence.
import { SequenceGap } from './event-store.ts';

export class LogTruncated extends SequenceGap {
  constructor(stream: string, from: number, last: number) {
    super(stream, from - 1, last);
    this.name = 'LogTruncated';
    this.message =
      `${stream}: a reader has already seen sequence ${from - 1}, but the log ends at ${last}; ` +
      'it is older than its readers: restore the log from a newer backup, or rebuild the readers from it';
  }
}
