// One half of a scoring: customers made in a column's time, then scored as the job scores each. Answers milliseconds by kind,
// and what of them was CPU: on a machine with other work that one holds.
import { createRandom } from '#domain/numerics/random.ts';
import { createRates } from '#domain/rates.ts';
import { createCustomerScorer } from '#processors/scoring/score-customer.ts';
import { emptyHistory } from '#projections/memory/history.ts';
import { CDNOW_MODEL } from '../api/support/cdnow-model.ts';

const [seed, customers, exact] = process.argv.slice(2).map(Number) as [number, number, number];
const TODAY = 20_000;
const random = createRandom(seed);
const people = Array.from({ length: customers }, () => {
  const age = 1 + random.below(400);
  const frequency = Math.min(age, random.below(3) === 0 ? 1 + random.below(8) : 0);
  const recency = frequency === 0 ? 0 : frequency + random.below(age - frequency + 1);
  const history = { ...emptyHistory(), firstDay: TODAY - age, lastDay: TODAY - age + recency, changeDay: TODAY - age };
  const minor = frequency * (500 + random.below(9_000));
  return { ...history, frequency, orders: frequency + 1, moneyDays: frequency, moneyMinor: minor };
});
const plan = { clv: { id: 'clv@1', digest: '', model: CDNOW_MODEL }, churn: [], definitions: [] };
const rates = createRates('EUR');

function timed(count: number, quantiles: boolean): { ms: number; cpuMs: number } {
  const asked = { horizonDays: 90, value: { months: 12 }, discountMonthly: 0.01, quantiles };
  const entries = (): never => {
    throw new Error('a model of purchases reads no ledger');
  };
  const scoreOf = createCustomerScorer(plan, asked);
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  let scored = 0;
  for (let i = 0; i < count; i++) {
    const score = scoreOf({ history: people[i]!, entries, day: TODAY, rates, scale: 100 });
    if (score.clvMean !== null) scored++;
  }
  if (scored !== count) throw new Error(`${count - scored} of ${count} were not scored`);
  const { user, system } = process.cpuUsage(cpu);
  return { ms: performance.now() - start, cpuMs: (user + system) / 1000 };
}

timed(Math.min(customers, 5_000), true);
process.send!('ready');
process.once('message', () => {
  process.send!({ closed: timed(customers, false), exact: timed(exact, true) }, () => process.exit(0));
});
