// What a training would find, without one: what is missing and how far, how many labels have matured, who is left out, and where churn is a silence,
// how many came back after each length of it.
import { ColumnsChart } from '../../charts/columns-chart.tsx';
import { count, counted, day, percent } from '../../format.ts';
import type { TrainingCheck } from '../../job-results.ts';
import { reasonWords } from '../../reasons.ts';
import { ChartPanel } from '../chart-panel.tsx';
import { Icon } from '../icon.tsx';
import { Heads, Panel } from '../panel.tsx';
import { Scroll } from '../scroll.tsx';

function Checklist({ check }: { check: TrainingCheck }) {
  const missing = check.checklist.filter((each) => each.required && each.missing > 0).length;
  return (
    <Panel
      title={check.ready ? 'Ready to train' : 'Not enough yet'}
      unit={
        check.ready ? `as of ${day(check.asOf.at)}` : `${counted(missing, 'thing')} missing as of ${day(check.asOf.at)}`
      }
      className="snug"
    >
      <ul className="checks">
        {check.checklist.map(({ item, unit, asked, found, missing: lacks, required, by }) => {
          const state = lacks === 0 ? 'good' : required ? 'bad' : 'warn';
          return (
            <li key={item + by} className={state}>
              <Icon name={lacks === 0 ? 'check' : required ? 'close' : 'warning'} small />
              <span className="what">
                {item}
                {!required && <span className="t3"> only what {by} asks for</span>}
              </span>
              <span className="num">
                {count(found)}{' '}
                <span className="t3">
                  {unit} ({count(asked)} needed)
                </span>
              </span>
              <span className="num lacks">{lacks > 0 ? `${count(lacks)} missing` : ''}</span>
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

function Matured({ check }: { check: TrainingCheck }) {
  if (check.cutoffs.length === 0 && check.excluded.length === 0) return null;
  return (
    <Panel title="Labels that have matured" unit={`${counted(check.customers, 'customer')} known`} className="snug">
      {check.cutoffs.length > 0 && (
        <Scroll label="Labels that have matured">
          <table className="c">
            <Heads names={['Cut-off', ['Asked about', 'r'], ['Lost', 'r'], ['Kept', 'r'], ['Rate', 'r'], 'Used']} />
            <tbody>
              {check.cutoffs.map(({ at, eligible, lost, kept, used }) => (
                <tr key={at}>
                  <td>{day(at)}</td>
                  <td className="r">{count(eligible)}</td>
                  <td className="r">{count(lost)}</td>
                  <td className="r">{count(kept)}</td>
                  <td className="r">{eligible === 0 ? '–' : percent(lost / eligible)}</td>
                  <td>{used ? 'yes' : 'no'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {check.excluded.length > 0 && (
        <p className="lead gap">
          Not asked about:{' '}
          {check.excluded
            .map(({ reason, customers }) => `${counted(customers, 'customer')}: ${reasonWords(reason)}`)
            .join('; ')}
          .
        </p>
      )}
    </Panel>
  );
}

function Windows({ check }: { check: TrainingCheck }) {
  const { windows, proposed } = check;
  if (windows.length === 0) return null;
  const judged = windows.filter(({ rate }) => rate !== null);
  return (
    <ChartPanel
      title="Who came back after a silence"
      unit="% by length of the silence, days"
      span="c12"
      height={220}
      file="reactivation.csv"
      definition="Of customers who were silent for so many days, the share that bought again later. A window after which many come back calls people lost who are not; one after which nobody does tells of it too late."
      table={{
        head: ['days of silence', 'were silent', 'came back', 'rate'],
        rows: windows.map(({ days, silent, returned, rate }) => [days, silent, returned, rate]),
        show: (value, column) => (value === null ? '–' : column === 3 ? percent(Number(value)) : count(Number(value))),
      }}
      chart={(size) => (
        <ColumnsChart
          {...size}
          name="Reactivation"
          words={judged.map(({ days, rate }) => `After ${days} days ${percent(rate)} came back.`).join(' ')}
          places={judged.map(({ days }) => String(days))}
          label={(value) => String(Math.round(100 * value))}
          value={(value) => percent(value)}
          title={(index) => `${judged[index]!.days} d of silence, n ${count(judged[index]!.silent)}`}
          series={[{ name: 'came back', colour: 1, values: judged.map(({ rate }) => rate) }]}
        />
      )}
      {...(proposed && {
        foot: (
          <span>
            <b className="m">{proposed.days} d</b> <span className="t2">{proposed.why}</span>
          </span>
        ),
      })}
    />
  );
}

export function TrainingCheckView({ check }: { check: TrainingCheck }) {
  return (
    <div className="stack">
      <Checklist check={check} />
      <Matured check={check} />
      <Windows check={check} />
    </div>
  );
}
