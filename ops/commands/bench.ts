// `bench` (= `npm run bench`): the benchmarks of test/bench one after another, each figure with how many times better it is than what was
// asked for, or than a peer. They belong to the source checkout, not to an installation, so they are looked for only when asked for.
import { cpus, loadavg, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import type { Benchmark, Measurement } from '#test/bench/benchmark.ts';
import type { Outcome } from '#test/bench/isolated.ts';
import { type Command, type Io, UsageError } from './command.ts';
import { print, table } from './options.ts';

interface Row extends Measurement {
  machine: { cpu: string; cores: number; memoryGb: number; node: string; load: number };
  at: string;
}

export const bench: Command = {
  name: 'bench',
  summary: 'run the benchmarks, each figure with its ratio (npm run bench)',
  help: `
axiom47 bench [GROUP…|NAME…] [--list] [--rounds N] [--json]

Runs every benchmark, or those of the groups or names told, one after another, and prints the median of N rounds (1) with its ratio: how many
times better than the limit asked for, or than the peer named. Figures depend on what else the machine does: its load is in the JSON.
A benchmark that needs something missing says so on stderr and is left out.
--list shows what there is. --json prints [{name, value, unit, ratio?, against?, machine, at}].

Example: axiom47 bench models gateway-ack --rounds 3
`,
  async run(argv, io) {
    const { values, positionals } = parseArgs({
      args: argv,
      allowPositionals: true,
      options: { json: { type: 'boolean' }, list: { type: 'boolean' }, rounds: { type: 'string', default: '1' } },
    });
    const rounds = Number(values.rounds);
    if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100)
      throw new UsageError(`--rounds ${values.rounds}: a whole number, 1–100`);
    const { catalogue, runIsolated, medianOfRounds } = await fromCheckout();
    const chosen = choose(catalogue, positionals);
    if (values.list) {
      const list = chosen.map(({ group, benchmark: { name, about } }) => ({ group, name, about }));
      print(io, values.json, list, () =>
        table(
          ['group', 'name', 'about'],
          list.map((each) => [each.group, each.name, each.about]),
        ),
      );
      return 0;
    }

    const stop = new AbortController();
    const onSignal = () => stop.abort();
    process.once('SIGINT', onSignal);
    process.once('SIGTERM', onSignal);
    const rows: Row[] = [];
    let failed = 0;
    for (const [i, { benchmark }] of chosen.entries()) {
      const label = `[${i + 1}/${chosen.length}] ${benchmark.name}`;
      const taken: Measurement[][] = [];
      for (let round = 1; round <= rounds && !stop.signal.aborted; round++) {
        const title = rounds > 1 ? `${label}, round ${round} of ${rounds}` : label;
        io.stderr(`${title}: ${benchmark.about}\n`);
        const outcome: Outcome = await runIsolated(benchmark, (text) => io.stderr(`  ${text}\n`), stop.signal);
        if ('measurements' in outcome) {
          taken.push(outcome.measurements);
          continue;
        }
        if ('cannot' in outcome) io.stderr(`${title}: not run: ${outcome.cannot}\n`);
        else {
          io.stderr(`axiom47: ${benchmark.name} failed: ${outcome.failed}\n`);
          failed++;
        }
        break;
      }
      const machine = machineNow();
      const at = new Date().toISOString();
      for (const each of medianOfRounds(taken)) rows.push({ ...each, machine, at });
    }
    print(io, values.json, rows, () => shown(rows, io));
    return failed > 0 || stop.signal.aborted ? 1 : 0;
  },
};

async function fromCheckout() {
  try {
    const [{ catalogue }, { runIsolated }, { medianOfRounds }] = await Promise.all([
      import('#test/bench/catalogue.ts'),
      import('#test/bench/isolated.ts'),
      import('#test/bench/benchmark.ts'),
    ]);
    return { catalogue, runIsolated, medianOfRounds };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new Error(
      `the benchmarks need the source checkout with its development packages (npm ci): ${(cause as Error).message}`,
      { cause },
    );
  }
}

/** In the order of the catalogue, whatever the order of the words. */
function choose(catalogue: Readonly<Record<string, readonly Benchmark[]>>, words: string[]) {
  const all = Object.entries(catalogue).flatMap(([group, list]) => list.map((benchmark) => ({ group, benchmark })));
  const unknown = words.find((word) => !all.some(({ group, benchmark }) => group === word || benchmark.name === word));
  if (unknown !== undefined)
    throw new UsageError(
      `there is no benchmark or group '${unknown}'; groups are ${Object.keys(catalogue).join(', ')}, \`axiom47 bench --list\` shows the names`,
    );
  return all.filter(
    ({ group, benchmark }) => words.length === 0 || words.includes(group) || words.includes(benchmark.name),
  );
}

const machineNow = (): Row['machine'] => ({
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: cpus().length,
  memoryGb: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  load: Number(loadavg()[0]!.toFixed(2)),
});

const figure = (value: number): string =>
  value !== 0 && Math.abs(value) < 1e-6
    ? value.toExponential(2)
    : Math.abs(value) >= 100
      ? Math.round(value).toLocaleString('en-US')
      : value.toLocaleString('en-US', { maximumSignificantDigits: 3 });

function shown(rows: Row[], io: Io): string {
  if (rows.length === 0) return 'nothing was measured';
  const { cpu, cores, memoryGb, node, load } = rows.at(-1)!.machine;
  io.stderr(`${cores} × ${cpu}, ${memoryGb} GB, node ${node}, load ${load} at the end\n\n`);
  const values = rows.map((row) => figure(row.value));
  const width = Math.max(...values.map((value) => value.length));
  return table(
    ['what', 'median'.padStart(width), 'unit', 'ratio', 'against'],
    rows.map((row, i) => [
      row.name,
      values[i]!.padStart(width),
      row.unit,
      row.ratio === undefined ? null : `${figure(row.ratio)}x`,
      row.against ?? null,
    ]),
  );
}
