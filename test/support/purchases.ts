// Purchase days of simulated customers, as a file of transactions or as days: gamma intervals of any shape, or a monthly payment.

import { createRandom } from '#domain/numerics/random.ts';
import { DAY_MS } from '#domain/time.ts';

export interface SimulatedBuyers {
  customers: number;
  seed: number;
  /** Shape of the gamma law of intervals; 1 is BG/NBD, with rates Gamma(0.8, 20 days) and dropout Beta(0.8, 3) after each repeat purchase. */
  shape: number;
  /** MBG/NBD: whoever buys once may leave at once. */
  leaveAtBirth?: boolean;
  days?: number;
}

/** Per customer, ascending days from 0; first purchases come in the first third. */
export function simulateBuyers({
  customers,
  seed,
  shape,
  leaveAtBirth = false,
  days = 540,
}: SimulatedBuyers): number[][] {
  const random = createRandom(seed);
  return Array.from({ length: customers }, () => {
    const rate = random.gamma(0.8, 20);
    const dropout = random.beta(0.8, 3);
    const bought = new Set<number>();
    for (let at = (random.uniform() * days) / 3, first = true; at < days; first = false) {
      bought.add(Math.floor(at));
      if ((!first || leaveAtBirth) && random.uniform() < dropout) break;
      at += random.gamma(shape, rate * shape);
    }
    return [...bought];
  });
}

/** Payments on one day of the month, early or late by up to two days, until a payment is missed for good (5 % each month). Days since 1970. */
export function simulateSubscribers(customers: number, seed: number): number[][] {
  const random = createRandom(seed);
  const end = Date.UTC(2025, 5, 30) / DAY_MS;
  return Array.from({ length: customers }, () => {
    const begun = new Date(Date.UTC(2024, 0, 1 + random.below(180)));
    const paid: number[] = [];
    for (let month = 0; ; month++) {
      const due =
        Date.UTC(begun.getUTCFullYear(), begun.getUTCMonth() + month, Math.min(28, begun.getUTCDate())) / DAY_MS;
      const day = due + random.below(5) - 2;
      if (day > end || (month > 0 && random.uniform() < 0.05)) return paid;
      paid.push(day);
    }
  });
}
