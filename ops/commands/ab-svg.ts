// What `ab --svg` draws: the posterior of each arm's rate.
import type { ArmVerdict } from '#domain/models/experiment/verdict.ts';
import { lnBeta } from '#domain/numerics/beta.ts';
import { lnGamma } from '#domain/numerics/gamma.ts';
import { posteriorChart } from '../charts/posterior-chart.ts';
import { writeSvg } from '../charts/write-svg.ts';
import type { Arm, Measure } from './ab-input.ts';
import type { Io } from './command.ts';

/** Beta(1, 1) and Gamma(0.5, 0.01): taken when --prior is not told. */
export const CONVERSION_PRIOR: [number, number] = [1, 1];
export const EVENT_PRIOR: [number, number] = [0.5, 0.01];

export function drawArms(
  path: string,
  arms: readonly Arm[],
  measure: Measure,
  prior: [number, number] | undefined,
  verdicts: readonly ArmVerdict[],
  verdict: string,
  io: Io,
): void {
  const conversions = measure === 'conversions';
  const law = conversions ? beta(prior ?? CONVERSION_PRIOR) : gamma(prior ?? EVENT_PRIOR);
  const drawn = arms.map((arm, i) => {
    const { mean, median, lower, upper, probabilityBest, expectedLoss } = verdicts[i]!;
    const { name, n } = arm;
    return { name, n, lnDensity: law(arm), mean: mean ?? median, lower, upper, probabilityBest, expectedLoss };
  });
  const words = conversions
    ? { title: 'Conversion by arm', axis: 'conversion rate', unit: 'visitors', shares: true }
    : { title: 'Events by arm', axis: 'events per unit of exposure', unit: 'exposure', shares: false };
  writeSvg(path, posteriorChart(drawn, { ...words, verdict }), io);
}

const beta =
  ([a, b]: [number, number]) =>
  ({ n, count }: Arm) => {
    const [up, down] = [a + count, b + n - count];
    const scale = lnBeta(up, down);
    return (p: number) => (up - 1) * Math.log(p) + (down - 1) * Math.log1p(-p) - scale;
  };

const gamma =
  ([shape, rate]: [number, number]) =>
  ({ n, count, dispersion = 1 }: Arm) => {
    const [k, r] = [shape + count / dispersion, rate + n / dispersion];
    const scale = lnGamma(k) - k * Math.log(r);
    return (x: number) => (k - 1) * Math.log(x) - r * x - scale;
  };
