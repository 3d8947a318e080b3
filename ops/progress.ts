// Progress of long work on stderr: a bar on a terminal, elsewhere (logs, CI) a line for each step and every few seconds.
import { Presets, SingleBar } from 'cli-progress';
import type { Io } from './commands/command.ts';

export interface Progress {
  /** `done` and `total` in the unit of the title; `note` is shown behind (counts, reasons). */
  update(done: number, total: number, note?: string): void;
  finish(note?: string): void;
}

const LINE_EVERY_MS = 3_000;

export function createProgress(title: string, io: Io): Progress {
  if (!io.isTTY) {
    let last = 0;
    let said = '';
    let step = '';
    return {
      update(done, total, note = '') {
        const now = Date.now();
        // A step that begins is said at once; numbers in a note do not make it another.
        const begun = note.replace(/[\d,.]+/g, '#');
        if (begun === step && now - last < LINE_EVERY_MS) return;
        const share = total > 0 && done < total ? `${Math.floor((100 * done) / total)} % ` : '';
        const line = `${title} ${share}${note}`.trimEnd();
        step = begun;
        if (line === said) return;
        last = now;
        said = line;
        io.stderr(`${line}\n`);
      },
      finish(note = '') {
        io.stderr(`${`${title} done ${note}`.trimEnd()}\n`);
      },
    };
  }
  const bar = new SingleBar(
    { format: `${title} {bar} {percentage} % {note}`, hideCursor: true, stopOnComplete: false, clearOnComplete: false },
    Presets.rect,
  );
  let started = false;
  let end = 1;
  return {
    update(done, total, note = '') {
      end = Math.max(total, 1);
      if (!started) {
        bar.start(end, done, { note });
        started = true;
      } else {
        bar.setTotal(end);
        bar.update(Math.min(done, end), { note });
      }
    },
    finish(note = '') {
      if (!started) bar.start(end, end, { note });
      bar.update(end, { note });
      bar.stop();
    },
  };
}
