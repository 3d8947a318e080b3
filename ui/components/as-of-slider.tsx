// Moves the page through the life of the customer: drag, or arrows (one event), shift and arrows (one day). At the end stands the present.
import { type KeyboardEvent, type PointerEvent, useEffect, useRef, useState } from 'react';
import type { OrderTick } from '../charts/alive.ts';
import { dayMs, timeTicks } from '../charts/axes.ts';
import { dayAt, shareOf, stepTo, stopsOf } from '../charts/slider.ts';
import { day } from '../format.ts';
import { useSize } from '../hooks.ts';

const COMMIT_MS = 120;
const INSET = 8;

export function AsOfSlider(props: {
  from: string;
  until: string;
  /** The day the page shows, and the moment its address asks for; they differ while the answer is on its way. */
  value: string;
  asked: string;
  /** Days something happened on. */
  events: readonly string[];
  orders: readonly OrderTick[];
  onChange: (day: string) => void;
}) {
  const { from, until, value } = props;
  const [ref, { width }] = useSize<HTMLDivElement>();
  // While it is being moved the thumb runs ahead of the page, which follows when the hand rests.
  const [moving, setMoving] = useState<string | null>(null);
  const shown = moving ?? value;
  const commit = useRef(props.onChange);
  commit.current = props.onChange;
  const committed = useRef(props.asked);
  useEffect(() => {
    if (moving === null) return;
    const timer = setTimeout(() => {
      committed.current = moving;
      commit.current(moving);
    }, COMMIT_MS);
    return () => clearTimeout(timer);
  }, [moving]);
  useEffect(() => {
    if (moving === value) setMoving(null);
  }, [moving, value]);
  useEffect(() => {
    // Something else asked for another moment: a movement that was still waiting must not overrule it.
    if (props.asked !== committed.current) setMoving(null);
    committed.current = props.asked;
  }, [props.asked]);

  const stops = stopsOf([from, ...props.events], until);
  const track = Math.max(0, width - 2 * INSET);
  const xOf = (at: string) => INSET + shareOf(at, from, until) * track;
  const onKeyDown = (event: KeyboardEvent) => {
    const step = {
      ArrowLeft: event.shiftKey ? ('previous-day' as const) : ('previous-event' as const),
      ArrowDown: 'previous-event' as const,
      ArrowRight: event.shiftKey ? ('next-day' as const) : ('next-event' as const),
      ArrowUp: 'next-event' as const,
      Home: 'first' as const,
      End: 'last' as const,
    }[event.key];
    if (!step) return;
    event.preventDefault();
    setMoving(stepTo(step, shown, stops));
  };
  const toPointer = (event: PointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    setMoving(dayAt((event.clientX - box.left - INSET) / Math.max(1, track), from, until));
  };
  const most = Math.max(1, ...props.orders.map((order) => order.amount ?? 0));
  const ticks =
    width > 0
      ? timeTicks(
          dayMs(from),
          dayMs(until),
          (ms) => INSET + ((ms - dayMs(from)) / Math.max(1, dayMs(until) - dayMs(from))) * track,
        )
      : [];
  return (
    <div
      ref={ref}
      className="slider"
      role="slider"
      tabIndex={0}
      aria-label="As of"
      aria-valuemin={0}
      aria-valuemax={Math.round((dayMs(until) - dayMs(from)) / 86_400_000)}
      aria-valuenow={Math.round((dayMs(shown) - dayMs(from)) / 86_400_000)}
      aria-valuetext={shown >= until ? `${day(shown)}, the present` : day(shown)}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        toPointer(event);
      }}
      onPointerMove={(event) => event.currentTarget.hasPointerCapture(event.pointerId) && toPointer(event)}
    >
      {width > 0 && (
        <svg className="ch" width={width} height={50} viewBox={`0 0 ${width} 50`} aria-hidden="true">
          <rect className="track" x={INSET} y={26} width={track} height={4} rx={2} />
          <rect className="done" x={INSET} y={26} width={xOf(shown) - INSET} height={4} rx={2} />
          {props.events.map((at) => (
            <path key={at} className="eventtick" d={`M${xOf(at)} 22v-3`} />
          ))}
          {props.orders.map((order, index) => (
            <path
              // biome-ignore lint/suspicious/noArrayIndexKey: two orders of one day are two equal ticks.
              key={index}
              className="tick"
              d={`M${xOf(order.day)} 22v${-4 - 12 * Math.sqrt(Math.max(0, order.amount ?? 0) / most)}`}
            />
          ))}
          {ticks
            .filter((tick) => tick.at > 20 && tick.at < width - 24)
            .map((tick) => (
              <text key={tick.at} x={tick.at} y={46} textAnchor="middle">
                {tick.label}
              </text>
            ))}
          <path className="asof" d={`M${xOf(shown)} 8V40`} />
          <circle className="thumb" cx={xOf(shown)} cy={28} r={6} />
        </svg>
      )}
    </div>
  );
}
