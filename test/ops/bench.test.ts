// The bench command without running what it measures: the list, the choice, and what a ratio means.
import { expect, test } from 'vitest';
import { bench } from '#ops/commands/bench.ts';
import { UsageError } from '#ops/commands/command.ts';
import { atLeast, atMost, medianOfRounds, quantile } from '#test/bench/benchmark.ts';

async function run(...argv: string[]) {
  const out: string[] = [];
  const code = await bench.run(argv, { stdout: (text) => void out.push(text), stderr: () => undefined, isTTY: false });
  return { code, out: out.join('') };
}

test('every benchmark is listed once, under its group', async () => {
  const { code, out } = await run('--list', '--json');
  expect(code).toBe(0);
  const list = JSON.parse(out) as { group: string; name: string; about: string }[];
  expect([...new Set(list.map((each) => each.group))]).toEqual([
    ...[
      'models',
      'sketches',
      'calibration',
      'input',
      'log',
      'gateway',
      'replay',
      'fold',
      'past',
      'tables',
      'training',
      'score',
      'serving',
      'program',
    ],
  ]);
  expect(new Set(list.map((each) => each.name)).size).toBe(list.length);
  for (const { group, name, about } of list) {
    expect(name.startsWith(`${group}-`)).toBe(true);
    expect(about).not.toBe('');
  }
});

test('a group and a name choose; a word that is neither is refused with the groups there are', async () => {
  const { out } = await run('fold', 'models-fit', '--list', '--json');
  const names = (JSON.parse(out) as { name: string }[]).map((each) => each.name);
  expect(names[0]).toBe('models-fit');
  expect(names.slice(1).every((name) => name.startsWith('fold-'))).toBe(true);
  await expect(run('fast')).rejects.toThrow(/no benchmark or group 'fast'; groups are models, sketches/);
  await expect(run('--rounds', '0', '--list')).rejects.toThrow(UsageError);
});

test('a benchmark runs in a process of its own and its figures come back with machine and date', async () => {
  const { code, out } = await run('models-fit', '--json');
  expect(code).toBe(0);
  const rows = JSON.parse(out) as { value: number; machine: { cores: number }; at: string }[];
  expect(rows.length).toBeGreaterThan(1);
  for (const { value, machine, at } of rows) {
    expect(value).toBeGreaterThan(0);
    expect(machine.cores).toBeGreaterThan(0);
    expect(new Date(at).toISOString()).toBe(at);
  }
});

test('a ratio is how many times better, whichever way better lies', () => {
  expect(atLeast('a', 200_000, 'events/s', 100_000)).toMatchObject({ ratio: 2, against: '>= 100k events/s' });
  expect(atMost('b', 25, 'ms', 50)).toMatchObject({ ratio: 2, against: '< 50 ms' });
});

test('rounds become the median of values and of ratios', () => {
  const round = (value: number, ratio: number) => [{ name: 'a', value, unit: 'ms', ratio, against: 'peer' }];
  expect(medianOfRounds([round(3, 1), round(1, 9), round(2, 5)])).toEqual(round(2, 5));
  expect(medianOfRounds([round(4, 1), round(1, 2)])).toEqual(round(2.5, 1.5));
  expect(medianOfRounds([])).toEqual([]);
});

test('quantiles are of the values in order', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect([quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1)]).toEqual([51, 100, 100]);
});
