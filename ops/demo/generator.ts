// The demo workspace's customers: a shop whose truth is known, so that every estimate can be laid over what really holds.
// BG/NBD buying (Fader, Hardie & Lee 2005) with Gamma-Gamma spend (Fader & Hardie 2013), plus what real streams bring along:
// refunds, events sent twice, events that arrive late and out of order. Deterministic: one seed, fixed dates.
import { createRandom, type Random } from '#domain/numerics/random.ts';

export const DEMO = {
  seed: 47,
  customers: 5_000,
  /** Monday 2024-05-06, the first day of the shop: so early that what comes after the log's end has passed too, and can be lived through. */
  start: Date.UTC(2024, 4, 6),
  weeks: 78,
  /** The last weeks come as they would through the live door; all before is brought as history. */
  liveWeeks: 4,
  /** Weeks simulated beyond the log: what came next, kept apart from it. */
  futureWeeks: 26,
  /** Customers arrive over the first 52 weeks. */
  arrivalWeeks: 52,
  currency: 'EUR',
  bgNbd: { r: 0.62, alpha: 5.4, a: 0.85, b: 2.9 },
  gammaGamma: { p: 5.1, q: 3.6, v: 24 },
  refundShare: 0.03,
  /** Half the refunds are of at most so much of the order: anything up to all of it would make net money another law than Gamma-Gamma's. */
  refundedPart: 0.3,
  duplicateShare: 0.02,
  lateShare: 0.04,
} as const;

export interface DemoEvent {
  id: string;
  type: 'order.placed' | 'order.refunded' | 'activity.recorded';
  customer_id: string;
  at: string;
  data: Record<string, string>;
}

export interface DemoTruth {
  seed: number;
  unit: 'week';
  start: number;
  weeks: number;
  bgNbd: { r: number; alpha: number; a: number; b: number };
  gammaGamma: { p: number; q: number; v: number };
  /** Cumulative repeat purchase days at the end of each week 1 … weeks + futureWeeks, as they really happen. */
  cumulativeRepeats: number[];
  customers: number;
  aliveAtEnd: number;
}

const DAY = 86_400_000;
const WEEK = 7 * DAY;
const CHANNELS = ['web', 'app', 'store'] as const;
const PAGES = ['page.viewed', 'cart.updated', 'support.contacted'] as const;

interface Visit {
  at: number;
  minor: number;
}

/** One customer's visits from the first purchase to the end of the future, ms, ascending; and whether still alive at the log's end. */
function visits(random: Random, birth: number, end: number, horizon: number): { visits: Visit[]; alive: boolean } {
  const { r, alpha, a, b } = DEMO.bgNbd;
  const { p, q, v } = DEMO.gammaGamma;
  const rate = random.gamma(r, alpha);
  const dropout = random.beta(a, b);
  const nu = random.gamma(q, v);
  const spend = () => Math.max(1, Math.round(100 * random.gamma(p, nu)));
  const result: Visit[] = [{ at: birth, minor: spend() }];
  let at = birth;
  let alive = true;
  for (;;) {
    at += Math.round((random.exponential(rate) * WEEK) / 60_000) * 60_000;
    if (at >= horizon) break;
    result.push({ at, minor: spend() });
    if (random.uniform() < dropout) {
      if (at < end) alive = false;
      break;
    }
  }
  return { visits: result, alive };
}

/**
 * All events in the order in which they arrive (late and repeated ones included), and the truth behind them: `history` up to the last weeks, `recent`
 * from there to the end of the log, and `future`, what the customers did in the weeks after it, in time order.
 */
export function generateDemo(): { history: DemoEvent[]; recent: DemoEvent[]; future: DemoEvent[]; truth: DemoTruth } {
  const random = createRandom(DEMO.seed);
  const end = DEMO.start + DEMO.weeks * WEEK;
  const horizon = end + DEMO.futureWeeks * WEEK;
  const arriving: { arrival: number; event: DemoEvent }[] = [];
  const future: { at: number; event: DemoEvent }[] = [];
  const perWeek = new Float64Array(DEMO.weeks + DEMO.futureWeeks);
  let aliveAtEnd = 0;

  for (let i = 0; i < DEMO.customers; i++) {
    const customer = `demo-${String(i + 1).padStart(5, '0')}`;
    const birth = DEMO.start + Math.floor((random.uniform() * DEMO.arrivalWeeks * WEEK) / 60_000) * 60_000;
    const history = visits(random, birth, end, horizon);
    if (history.alive) aliveAtEnd++;
    const channel = CHANNELS[random.below(CHANNELS.length)]!;
    let lastDay = Math.floor(birth / DAY);
    history.visits.forEach((visit, n) => {
      const day = Math.floor(visit.at / DAY);
      if (n > 0 && day !== lastDay) perWeek[Math.floor((visit.at - DEMO.start) / WEEK)]!++;
      lastDay = day;
      const order = `${customer}-${n + 1}`;
      const event: DemoEvent = {
        id: `placed-${order}`,
        type: 'order.placed',
        customer_id: customer,
        at: new Date(visit.at).toISOString(),
        data: { order_id: order, amount: decimal(visit.minor), currency: DEMO.currency, channel },
      };
      emit(visit.at, event);
      if (random.uniform() < DEMO.refundShare) {
        const at = visit.at + (1 + random.below(20)) * DAY;
        const whole = random.uniform() < 0.5;
        const part = whole ? visit.minor : Math.max(1, Math.round(DEMO.refundedPart * visit.minor * random.uniform()));
        emit(at, {
          id: `refunded-${order}`,
          type: 'order.refunded',
          customer_id: customer,
          at: new Date(at).toISOString(),
          data: { refund_id: `r-${order}`, order_id: order, amount: decimal(part), currency: DEMO.currency },
        });
      }
      const name = PAGES[random.below(PAGES.length)]!;
      const seen = visit.at - random.below(3 * 3_600) * 1_000;
      emit(seen, {
        id: `seen-${order}`,
        type: 'activity.recorded',
        customer_id: customer,
        at: new Date(seen).toISOString(),
        data: { name, channel },
      });
    });
  }

  function emit(at: number, event: DemoEvent): void {
    if (at >= horizon) return;
    if (at >= end) {
      future.push({ at, event });
      return;
    }
    const late = random.uniform() < DEMO.lateShare ? random.exponential(1 / (3 * DAY)) : random.exponential(1 / 30_000);
    arriving.push({ arrival: Math.min(end, at + Math.min(late, 29 * DAY)), event });
    if (random.uniform() < DEMO.duplicateShare)
      arriving.push({ arrival: Math.min(end, at + random.exponential(1 / DAY)), event });
  }

  arriving.sort((x, y) => x.arrival - y.arrival || (x.event.id < y.event.id ? -1 : x.event.id > y.event.id ? 1 : 0));
  future.sort((x, y) => x.at - y.at || (x.event.id < y.event.id ? -1 : x.event.id > y.event.id ? 1 : 0));
  const liveFrom = end - DEMO.liveWeeks * WEEK;
  const recent = arriving.findIndex(({ arrival }) => arrival >= liveFrom);
  let total = 0;
  const cumulativeRepeats = Array.from(perWeek, (repeats) => {
    total += repeats;
    return total;
  });
  return {
    history: arriving.slice(0, recent).map((entry) => entry.event),
    recent: arriving.slice(recent).map((entry) => entry.event),
    future: future.map((entry) => entry.event),
    truth: {
      seed: DEMO.seed,
      unit: 'week',
      start: DEMO.start,
      weeks: DEMO.weeks,
      bgNbd: DEMO.bgNbd,
      gammaGamma: DEMO.gammaGamma,
      cumulativeRepeats,
      customers: DEMO.customers,
      aliveAtEnd,
    },
  };
}

const decimal = (minor: number) => `${Math.floor(minor / 100)}.${String(minor % 100).padStart(2, '0')}`;
