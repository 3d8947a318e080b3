// Versions side by side: who is better on the same customers and how sure that is, their figures, their parameters and features. Which ones is in the
// address.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMay, useMe } from '../account.ts';
import { intervalsHeight } from '../charts/intervals.ts';
import { IntervalsChart } from '../charts/intervals-chart.tsx';
import { featureWords } from '../churn-words.ts';
import {
  type Bases,
  decimalsFor,
  differing,
  figure,
  isTie,
  metricWord,
  parameterWord,
  readAs,
  shortNames,
  sure,
  verdictOf,
} from '../comparison.ts';
import { ChartPanel } from '../components/chart-panel.tsx';
import { Panel } from '../components/panel.tsx';
import { ErrorState, NotAllowed, Skeleton, State } from '../components/states.tsx';
import { BASIS_WORDS } from '../evaluations.ts';
import { ABSENT, count, day, signed } from '../format.ts';
import { useTitle } from '../hooks.ts';
import { type Comparison, comparisonQuery, modelsQuery, versionOf } from '../models.ts';

function Paired({ paired, bases }: { paired: NonNullable<Comparison['paired']>; bases: Bases }) {
  const short = shortNames([...bases.keys()]);
  const metrics = [...new Set(paired.pairs.map(({ metric }) => metric))];
  return metrics.map((metric) => {
    const pairs = paired.pairs.filter((each) => each.metric === metric);
    const told = pairs.flatMap((pair) => (pair.value ? [{ pair, value: pair.value }] : []));
    const lower = pairs[0]?.better === 'lower';
    const reach = Math.max(0, ...told.flatMap(({ value }) => [Math.abs(value.lower), Math.abs(value.upper)]));
    const digits = decimalsFor(reach);
    return (
      <ChartPanel
        key={metric}
        title={metricWord(metric)}
        unit={`95 %; ${lower ? 'left' : 'right'} of 0 the one named first is better`}
        span={metrics.length % 3 === 0 ? 'c4' : 'c6'}
        height={intervalsHeight(told.length)}
        file={`compare-${metric}.csv`}
        definition="A paired bootstrap: customers are drawn with replacement, the same ones for both versions, and the difference is taken in each draw. Where the interval covers zero the dot is slate: nothing is claimed."
        table={{
          head: ['first', 'second', 'first’s', 'second’s', 'difference', 'lower', 'upper', 'P(second better)'],
          rows: pairs.map(({ first, second, value }) => [
            first,
            second,
            value?.first ?? null,
            value?.second ?? null,
            value?.difference ?? null,
            value?.lower ?? null,
            value?.upper ?? null,
            value && !isTie(value) ? value.probabilitySecondBetter : null,
          ]),
          show: (value, column) =>
            value === null
              ? ABSENT
              : column < 2
                ? String(value)
                : column === 7
                  ? sure(Number(value))
                  : figure(Number(value)),
        }}
        above={
          <ul className="verdicts">
            {pairs.map((pair) => (
              <li key={pair.first + pair.second}>{verdictOf(pair, bases)}</li>
            ))}
          </ul>
        }
        chart={({ width }) => (
          <IntervalsChart
            rows={told.map(({ pair, value }) => ({
              name: `${short(pair.second)} − ${short(pair.first)}`,
              value: value.difference,
              lower: value.lower,
              upper: value.upper,
            }))}
            width={width}
            reference={0}
            label={(value) => signed(value, digits)}
            figure={({ value }) => signed(value, 4)}
            words={pairs.map((pair) => verdictOf(pair, bases)).join('. ')}
            named={bases.size > 0 && short(pairs[0]!.first).startsWith('v') ? 60 : 230}
            figures={64}
          />
        )}
      />
    );
  });
}

interface Row {
  name: string;
  values: readonly (number | null)[];
}

/** Rows that differ as they are shown are marked, unless all of them do. */
function SideBySide(props: {
  title: string;
  /** What stands beside the title; null: how many rows differ. */
  unit: string | null;
  versions: readonly string[];
  rows: readonly Row[];
  word: (name: string) => string;
  show?: (value: number | null) => string;
}) {
  const { title, versions, rows, word, show = figure } = props;
  if (rows.length === 0) return null;
  const short = shortNames(versions);
  const { said, marked } = differing(rows, show);
  return (
    <Panel title={title} unit={props.unit ?? said} span="c6" className="snug">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard. */}
      <section className="scroll tall" tabIndex={0} aria-label={`${title}, side by side`}>
        <table className="c">
          <thead>
            <tr>
              <th scope="col">{title}</th>
              {versions.map((id) => (
                <th key={id} scope="col" className="r" title={id}>
                  {short(id)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.name} className={props.unit === null && marked(row) ? 'hl' : undefined}>
                <td className="named" title={row.name}>
                  {word(row.name)}
                </td>
                {row.values.map((value, i) => (
                  <td key={versions[i]} className="r num">
                    {show(value)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Panel>
  );
}

function Chooser({ chosen }: { chosen: readonly string[] }) {
  const models = useQuery(modelsQuery);
  const navigate = useNavigate({ from: '/models/compare' });
  return (
    <fieldset className="chooser" aria-label="Versions">
      {models.data?.items.map(({ id }) => {
        const on = chosen.includes(id);
        const next = on ? chosen.filter((each) => each !== id) : [...chosen, id];
        return (
          <label key={id} className={on ? 'chip on' : 'chip'}>
            <input
              type="checkbox"
              className="sr"
              checked={on}
              onChange={() => void navigate({ search: { versions: next.join(',') || undefined }, replace: true })}
            />
            {id}
          </label>
        );
      })}
    </fieldset>
  );
}

function Content({ versions }: { versions: readonly string[] }) {
  const comparison = useQuery(comparisonQuery(versions));
  const { data } = comparison;
  if (versions.length < 2)
    return (
      <section className="panel" aria-label="Comparison">
        <State icon="models" title="Choose two versions or more">
          <p>Up to eight; which ones stays in the address.</p>
        </State>
      </section>
    );
  if (comparison.isError)
    return (
      <section className="panel" aria-label="Comparison">
        <ErrorState error={comparison.error} retry={() => void comparison.refetch()} />
      </section>
    );
  if (!data)
    return (
      <section className="panel" aria-label="Loading">
        <div className="body">
          <Skeleton rows={8} />
        </div>
      </section>
    );
  const bases = new Map(versions.map((id, i) => [id, data.paired?.basis[i] ?? '']));
  return (
    <div className="stack">
      {data.paired ? (
        <p className="lead">
          The same <b>{count(data.paired.rows)}</b> customers as they were known on {day(data.paired.cutoff)}, held
          against what came until {day(data.paired.until)}.{' '}
          <Link className="jlink" to="/jobs/$id" params={{ id: data.paired.job }} search={{}}>
            The evaluation
          </Link>
          {[...bases].map(([id, basis]) => (
            <span key={id} className="t2">
              {' · '}
              {id}: {BASIS_WORDS[basis] ?? basis}
            </span>
          ))}
        </p>
      ) : (
        <section className="panel" aria-label="Who is better">
          <State
            icon="chart"
            title="Nobody knows yet who is better"
            actions={
              <Link
                className="ctl pri"
                to="/jobs/new"
                search={{ kind: 'evaluate', params: JSON.stringify({ models: versions }) }}
              >
                Evaluate them on the same customers
              </Link>
            }
          >
            <p>{data.why}</p>
          </State>
        </section>
      )}
      {data.paired && (
        <div className="grid">
          <Paired paired={data.paired} bases={bases} />
        </div>
      )}
      <div className="grid tops">
        <SideBySide
          title="Figures"
          unit="of their trainings, each on its own rows"
          versions={versions}
          rows={data.metrics}
          word={metricWord}
        />
        <SideBySide title="Parameters" unit={null} versions={versions} rows={data.parameters} word={parameterWord} />
        <SideBySide
          title="Features read"
          unit={null}
          versions={versions}
          rows={data.features}
          word={featureWords}
          show={readAs}
        />
      </div>
    </div>
  );
}

export function CompareView() {
  useTitle('Compare models');
  const { versions: text } = useSearch({ from: '/shell/models/compare' });
  const me = useMe();
  const maySee = useMay('model:read');
  const versions = (text ?? '')
    .split(',')
    .map((id) => id.trim())
    .filter(Boolean);
  if (me && !maySee) return <NotAllowed title="Compare" what="models" />;
  return (
    <>
      <div className="head">
        <Link className="crumb hide" to="/models">
          Models
        </Link>
        <span className="crumb hide">/</span>
        <h1>Compare</h1>
        {versions[0] && (
          <span className="t3">
            {versions.map((id) => versionOf(id).name).every((name, _, all) => name === all[0])
              ? versionOf(versions[0]).name
              : ''}
          </span>
        )}
      </div>
      {maySee && <Chooser chosen={versions} />}
      {maySee && <Content versions={versions} />}
    </>
  );
}
