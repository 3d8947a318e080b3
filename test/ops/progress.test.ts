// Progress where stderr is no terminal: a step is said when it begins, then now and then, never the same line twice.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createProgress } from '#ops/progress.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('each step has its own percent; a finished measure is not a hundred percent again and again', () => {
  const said: string[] = [];
  const io = { stdout: () => undefined, stderr: (text: string) => void said.push(text), isTTY: false };
  const progress = createProgress('backtest', io);
  progress.update(0, 10, 'reading the log');
  progress.update(1, 10, 'reading the log');
  vi.advanceTimersByTime(3_500);
  progress.update(5, 10, 'reading the log');
  for (let i = 0; i < 4; i++) {
    progress.update(10, 10, 'judging what was foretold on 2026-01-28');
    vi.advanceTimersByTime(3_500);
  }
  progress.update(10, 10, 'judging what was foretold on 2026-04-28');
  progress.finish();
  expect(said).toEqual([
    'backtest 0 % reading the log\n',
    'backtest 50 % reading the log\n',
    'backtest judging what was foretold on 2026-01-28\n',
    'backtest judging what was foretold on 2026-04-28\n',
    'backtest done\n',
  ]);
});

test('numbers in a note do not make it another step', () => {
  const said: string[] = [];
  const io = { stdout: () => undefined, stderr: (text: string) => void said.push(text), isTTY: false };
  const progress = createProgress('reading orders.csv', io);
  for (let rows = 1; rows <= 5; rows++) progress.update(rows, 10, `${rows},000 rows`);
  progress.finish('10,000 rows');
  expect(said).toEqual(['reading orders.csv 10 % 1,000 rows\n', 'reading orders.csv done 10,000 rows\n']);
});
