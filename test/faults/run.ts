// npm run test:faults [-- NAME… --quick --rounds N --rate N --seconds N --json FILE --list]: each fault for itself, a row of what came of it.
import { appendFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { removeFolders } from '../support/program.ts';
import { catalogue } from './catalogue.ts';
import type { Fault, Outcome, Settings } from './fault.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    rate: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    json: { type: 'string' },
  },
});

function numberOf(name: keyof Settings): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  if (!/^\d{1,9}(\.\d+)?$/.test(text)) throw new RangeError(`--${name} ${text}: a positive number`);
  return Number(text);
}

const quantile = (sorted: number[], p: number): number => sorted[Math.floor((sorted.length - 1) * p)]!;
const spread = (ms: number[]): string => {
  if (ms.length === 0) return '–';
  const sorted = ms.toSorted((a, b) => a - b);
  return `${(quantile(sorted, 0.5) / 1_000).toFixed(2)} / ${(sorted.at(-1)! / 1_000).toFixed(2)} s`;
};

function rowOf(fault: Fault, one: Outcome, seconds: number): string {
  const name = one.what === '' ? fault.name : `${fault.name}: ${one.what}`;
  const survived = one.disagreements.length === 0 ? '' : ` **${one.disagreements.slice(0, 3).join('; ')}**`;
  const figures = [
    one.rounds,
    one.sent,
    one.lost,
    one.doubled,
    spread(one.recoveryMs),
    spread(one.lagMs),
    Math.round(seconds),
  ];
  return `| ${name} | ${figures.join(' | ')} | ${one.notes.join('; ')}${survived} |`;
}

async function main(): Promise<number> {
  const unknown = positionals.find((name) => !catalogue.some((fault) => fault.name === name));
  if (unknown !== undefined) {
    process.stderr.write(`${unknown}: there is no such fault; --list shows them\n`);
    return 2;
  }
  const chosen = positionals.length === 0 ? catalogue : catalogue.filter(({ name }) => positionals.includes(name));
  if (values.list) {
    for (const { name, about } of chosen) process.stdout.write(`${name.padEnd(16)} ${about}\n`);
    return 0;
  }
  let failed = 0;
  const rows: string[] = [];
  for (const fault of chosen) {
    const told = {
      rounds: numberOf('rounds'),
      rate: numberOf('rate'),
      seconds: numberOf('seconds'),
      seed: numberOf('seed'),
    };
    const settings = { ...(values.quick ? fault.quick : fault.full) };
    for (const [name, value] of Object.entries(told)) if (value !== undefined) settings[name as keyof Settings] = value;
    process.stderr.write(`${fault.name}: ${fault.about}\n`);
    const begun = performance.now();
    try {
      const outcomes = await fault.run(settings, (text) => process.stderr.write(`  ${text}\n`));
      const seconds = (performance.now() - begun) / 1_000;
      for (const one of outcomes) {
        rows.push(rowOf(fault, one, seconds));
        if (one.disagreements.length > 0) failed++;
        for (const each of one.disagreements) process.stderr.write(`  ${fault.name}: ${each}\n`);
        if (values.json !== undefined)
          appendFileSync(
            values.json,
            `${JSON.stringify({ fault: fault.name, ...one, settings, seconds, load: loadavg()[0], at: new Date().toISOString() })}\n`,
          );
      }
    } catch (error) {
      failed++;
      rows.push(`| ${fault.name} | ended with an error: ${(error as Error).message.split('\n')[0]} |`);
      process.stderr.write(`  ${fault.name}: ${(error as Error).stack ?? String(error)}\n`);
    } finally {
      await removeFolders();
    }
  }
  process.stdout.write(
    `${['| fault | rounds | sent | lost | doubled | to the next acknowledgement p50 / max | … and no lag | seconds | notes |', '|---|---|---|---|---|---|---|---|---|', ...rows].join('\n')}\n`,
  );
  return failed === 0 ? 0 : 1;
}

// Broken off: engines and disks are taken away on the way out.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
process.exit(await main());
