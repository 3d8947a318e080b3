// Scoring a base, customer by customer as the job does it, on two cores at once: closed forms, and with exact quantiles of spend.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { atLeast, type Benchmark, type Measurement } from './benchmark.ts';

const THREADS = 2;
/** AXIOM47_BENCH_CUSTOMERS makes it smaller. */
const CUSTOMERS = Number(process.env.AXIOM47_BENCH_CUSTOMERS ?? 1_000_000);

async function million(): Promise<Measurement[]> {
  const each = Math.ceil(CUSTOMERS / THREADS);
  const exact = Math.ceil(each / 10);
  const file = fileURLToPath(new URL('./score-process.ts', import.meta.url));
  const children = Array.from({ length: THREADS }, (_, i) => fork(file, [String(i + 1), String(each), String(exact)]));
  const said = (child: ChildProcess) => {
    const ended = once(child, 'exit').then(([code]) =>
      Promise.reject(new Error(`a scoring process ended with ${code}`)),
    );
    ended.catch(() => undefined); // Also after its answer.
    return Promise.race([once(child, 'message'), ended]);
  };
  await Promise.all(children.map(said));
  const answers = await Promise.all(
    children.map(async (child) => {
      const answer = said(child) as Promise<[Record<'closed' | 'exact', { ms: number; cpuMs: number }>]>;
      child.send('go');
      return (await answer)[0];
    }),
  );
  const rate = (name: 'closed' | 'exact', n: number) =>
    (1000 * n * THREADS) / Math.max(...answers.map((answer) => answer[name].ms));
  const cpu = (name: 'closed' | 'exact', n: number): Measurement => ({
    name: `score: of that, CPU time, ${name === 'closed' ? 'closed form' : 'exact quantiles'}`,
    value: (1000 * answers.reduce((sum, answer) => sum + answer[name].cpuMs, 0)) / (n * THREADS),
    unit: 'µs/customer',
  });
  return [
    atLeast(
      `score: ${each * THREADS} customers, closed form, two processes`,
      rate('closed', each),
      'customers/s',
      1_000_000,
    ),
    cpu('closed', each),
    atLeast(
      `score: ${exact * THREADS} with exact quantiles, two processes`,
      rate('exact', exact),
      'customers/s',
      30_000,
    ),
    cpu('exact', exact),
  ];
}

export const benchmarks: readonly Benchmark[] = [
  { name: 'score-base', about: 'a million customers scored as the job scores them, on two cores', run: million },
];
