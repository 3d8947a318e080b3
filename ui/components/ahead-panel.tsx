// How long a subscriber stays from here, by the Cox model in force.
import { AheadChart } from '../charts/ahead-chart.tsx';
import { count, percent } from '../format.ts';
import type { Customer } from '../queries.ts';
import { reasonWords } from '../reasons.ts';
import { ChartPanel } from './chart-panel.tsx';
import { Panel } from './panel.tsx';
import { State } from './states.tsx';

export function AheadPanel({ customer, height }: { customer: Customer; height: number }) {
  const { ahead, churn, definition } = customer;
  if (!ahead) return null;
  if (ahead.points.length < 2)
    return (
      <Panel title="Survival from now" span="c6">
        <State icon="info" title="No curve for this customer">
          <p>Because {reasonWords(ahead.reason ?? 'no-model')}.</p>
        </State>
      </Panel>
    );
  const last = ahead.points.at(-1)!;
  const other = churn && churn.model !== ahead.model && churn.horizon_days < last.days ? churn : null;
  const lost = other && 1 - ahead.points.findLast(({ days }) => days <= other.horizon_days)!.p_stays;
  return (
    <ChartPanel
      title="Survival from now"
      unit="% still under contract, by day"
      span="c6"
      height={height}
      file="survival.csv"
      definition="The probability of still being under contract after so many days, given that the subscription runs today: S(t + h) / S(t) of a Cox model, t the time under contract so far. It knows what was fixed when the subscription began and was fitted to whole subscriptions; the classifier beside it knows more, answers one horizon only, and was fitted to what happened within it. Where the two disagree, a table that left out who had gone before is the usual cause. No interval is drawn: it is not estimated yet."
      table={{
        head: ['days from now', 'still under contract'],
        rows: ahead.points.map(({ days, p_stays }) => [days, p_stays]),
        show: (value, column) => (column === 0 ? count(Number(value)) : percent(Number(value))),
      }}
      chart={(size) => <AheadChart points={ahead.points} horizonDays={definition.horizon_days} {...size} />}
      foot={
        <>
          <span>
            in {count(last.days)} d <b className="m">{percent(last.p_stays)}</b>
          </span>
          {other && (
            <span>
              lost within {count(other.horizon_days)} d by this model <b className="m">{percent(lost)}</b>, by the one
              beside <b className="m">{percent(other.p_churn)}</b>
            </span>
          )}
          {ahead.caveat !== null && ahead.watched_days !== null && (
            <span title={ahead.caveat}>extrapolated beyond {count(ahead.watched_days)} d seen</span>
          )}
          <span className="mono">{ahead.model}</span>
        </>
      }
    />
  );
}
