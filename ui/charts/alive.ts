// P(alive) of one customer over time: it falls while nothing happens and recovers at each order, a saw-tooth. Orders are ticks above the plot,
// their height the amount. Data in, geometry out; drawn by alive-chart.tsx.
import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { DAY_MS, dayMs, type Tick, timeTicks } from './axes.ts';

export interface AlivePoint {
  day: string;
  p_alive: number;
}
export interface OrderTick {
  day: string;
  /** Reporting currency; null for a purchase without money. */
  amount: number | null;
}

export interface AliveGeometry {
  width: number;
  height: number;
  plot: { left: number; right: number; top: number; bottom: number };
  path: string;
  x: number[];
  y: number[];
  /** The dotted continuation while no order comes; empty without one. */
  forecast: string;
  forecastEnd: { x: number; y: number } | null;
  ticks: { x: number; y1: number; y2: number; day: string }[];
  xTicks: Tick[];
  yTicks: Tick[];
  asOfX: number;
  hatch: { x: number; width: number };
  now: { x: number; y: number } | null;
}

const ORDER_TOP = 4;
const ORDER_BOTTOM = 18;

export function aliveGeometry(
  data: { points: readonly AlivePoint[]; orders: readonly OrderTick[]; forecast: readonly AlivePoint[] },
  range: { from: string; until: string; asOf: string },
  size: { width: number; height: number },
): AliveGeometry {
  const { width, height } = size;
  const plot = { left: 30, right: width - 8, top: 26, bottom: height - 22 };
  const from = dayMs(range.from);
  const until = Math.max(dayMs(range.until), from + 7 * DAY_MS);
  const scaleX = scaleLinear().domain([from, until]).range([plot.left, plot.right]);
  // A share reads from 0 to 100 unless it never leaves the upper half: then the fall would be a flat line.
  const seen = [...data.points, ...data.forecast].map((point) => point.p_alive);
  const least = seen.length === 0 ? 0 : Math.min(...seen);
  const bottom = least >= 0.5 ? Math.floor(least * 5) / 5 : 0;
  const floor = Math.min(bottom, 0.8);
  const scaleY = scaleLinear().domain([floor, 1]).range([plot.bottom, plot.top]);
  const draw = line<AlivePoint>()
    .x((point) => scaleX(dayMs(point.day)))
    .y((point) => scaleY(point.p_alive));

  const most = Math.max(0, ...data.orders.map((order) => order.amount ?? 0));
  const lengthOf = (order: OrderTick) =>
    order.amount === null || most <= 0
      ? 4
      : 4 + (ORDER_BOTTOM - ORDER_TOP - 4) * Math.sqrt(Math.max(0, order.amount) / most);
  const final = data.points.at(-1);
  const end = data.forecast.at(-1);
  const asOfX = scaleX(dayMs(range.asOf));
  return {
    width,
    height,
    plot,
    path: data.points.length > 1 ? (draw([...data.points]) ?? '') : '',
    x: data.points.map((point) => scaleX(dayMs(point.day))),
    y: data.points.map((point) => scaleY(point.p_alive)),
    forecast: final && end ? (draw([final, ...data.forecast]) ?? '') : '',
    forecastEnd: end ? { x: scaleX(dayMs(end.day)), y: scaleY(end.p_alive) } : null,
    ticks: data.orders.map((order) => ({
      x: scaleX(dayMs(order.day)),
      y1: ORDER_BOTTOM,
      y2: ORDER_BOTTOM - lengthOf(order),
      day: order.day,
    })),
    xTicks: timeTicks(from, until, scaleX),
    yTicks: scaleY.ticks(4).map((value) => ({ at: scaleY(value), label: String(Math.round(value * 100)) })),
    asOfX,
    hatch: { x: asOfX, width: Math.max(0, plot.right - asOfX) },
    now: final ? { x: scaleX(dayMs(final.day)), y: scaleY(final.p_alive) } : null,
  };
}

export function aliveInWords(points: readonly AlivePoint[], orders: number, share: (value: number) => string): string {
  const last = points.at(-1);
  if (!last) return 'Probability that the customer is still buying: nothing to draw yet.';
  const lowest = points.reduce((low, point) => (point.p_alive < low.p_alive ? point : low), last);
  return (
    `Probability that the customer is still buying. It falls between orders and recovers at each of ${orders}; ` +
    `lowest ${share(lowest.p_alive)} on ${lowest.day}, ${share(last.p_alive)} on ${last.day}.`
  );
}
