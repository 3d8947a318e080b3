// Versions side by side: who is better on the same customers and how sure that is, their figures, their parameters and features. Which ones is in the
// address.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMay, useMe } from '../account.ts';
import { intervalsHeight } from '../charts/intervals.ts';
import { IntervalsChart } from '../charts/intervals-chart.tsx';
import { featureWords } from '../churn-words.ts';
import { ChartPanel } from '../components/chart-panel.tsx';
import { Panel } from '../components/panel.tsx';
import { ErrorState, SignInState, Skeleton, State } from '../components/states.tsx';
import { BASIS_WORDS } from '../evaluations.ts';
import { ABSENT, count, day, decimal, percent, signed } from '../format.ts';
import { useTitle } from '../hooks.ts';
import { type Comparison, comparisonQuery, modelsQuery, versionOf } from '../models.ts';

type Pair = NonNullable<Comparison['paired']>['pairs'][number];
const METRIC_WORDS: Record<string, string> = {
  brier: 'Brier',
  logLoss: 'Log loss',
  auc: 'AUC',
  mae: 'Purchases, MAE',
  maeSpend: 'Spend, MAE',
  pinball05: 'Spend, pinball p05',
  pinball50: 'Spend, pinball p50',
  pinball95: 'Spend, pinball p95',
};
const metricWord = (name: string): string => METRIC_WORDS[name] ?? name.replaceAll('_', ' ');
const figure = (value: number | null): string =>
  value === null ? ABSENT : value < 0 ? signed(value, 4) : decimal(value, Math.abs(value) >= 100 ? 1 : 4);
/** 2,000 draws know no more than a tenth of a percent. */
const sure = (share: number): string =>
  share > 0.999 ? '> 99.9\u202f%' : share < 0.001 ? '< 0.1\u202f%' : percent(share, 0);

const isTie = ({ difference, lower, upper }: NonNullable<Pair['value']>): boolean =>
  difference === 0 && lower === 0 && upper === 0;
type Bases = ReadonlyMap<string, string>;

/** `B better than A: 93 %`, or that it cannot be told. @param bases by version: a refit is not the version itself. */
export function verdictOf({ first, second, value, reason }: Pair, bases: Bases): string {
  const [one, other] = [first, second].map((id) => (bases.get(id) === 'refitted' ? `a refit of ${id}’s kind` : id));
  if (value === null) return `${other} against ${one}: ${reason ?? 'not to be told'}`;
  if (isTie(value)) return `${other} and ${one}: a tie, the same in every draw`;
  const better = value.probabilitySecondBetter;
  return better >= 0.5
    ? `${other} better than ${one}: ${sure(better)}`
    : `${one} better than ${other}: ${sure(1 - better)}`;
}

function Paired({ paired, bases }: { paired: NonNullable<Comparison['paired']>; bases: Bases }) {
  const metrics = [...new Set(paired.pairs.map(({ metric }) => metric))];
  return metrics.map((metric) => {
    const pairs = paired.pairs.filter((each) => each.metric === metric);
    const told = pairs.flatMap((pair) => (pair.value ? [{ pair, value: pair.value }] : []));
    const lower = pairs[0]?.better === 'lower';
    return (
      <ChartPanel
        key={metric}
        title={metricWord(metric)}
        unit={`second − first, ${lower ? 'left' : 'right'} is better, 95 %`}
        span="c6"
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
              name: `${pair.second} − ${pair.first}`,
              value: value.difference,
              lower: value.lower,
              upper: value.upper,
            }))}
            width={width}
            reference={0}
            label={(value) => signed(value, Math.abs(value) < 0.01 ? 3 : 2)}
            figure={({ value }) => signed(value, 4)}
            words={pairs.map((pair) => verdictOf(pair, bases)).join('. ')}
            named={230}
            figures={64}
          />
        )}
      />
    );
  });
}

function SideBySide({
  title,
  unit,
  versions,
  rows,
  word,
}: {
  title: string;
  unit: string;
  versions: readonly string[];
  rows: readonly { name: string; values: readonly (number | null)[]; differs?: boolean }[];
  word: (name: string) => string;
}) {
  if (rows.length === 0) return null;
  return (
    <Panel title={title} unit={unit} span="c6" className="snug">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard. */}
      <section className="scroll tall" tabIndex={0} aria-label={`${title}, side by side`}>
        <table className="c">
          <thead>
            <tr>
              <th scope="col">{title}</th>
              {versions.map((id) => (
                <th key={id} scope="col" className="r">
                  {id}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, values, differs }) => (
              <tr key={name} className={differs ? 'hl' : undefined}>
                <td>{word(name)}</td>
                {values.map((value, i) => (
                  <td key={versions[i]} className="r num">
                    {figure(value)}
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
  const differing = data.parameters.filter(({ differs }) => differs).length;
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
      <div className="grid">
        {data.paired && <Paired paired={data.paired} bases={bases} />}
        <SideBySide
          title="Figures"
          unit="of their trainings, each on its own rows"
          versions={versions}
          rows={data.metrics}
          word={metricWord}
        />
        <SideBySide
          title="Parameters"
          unit={differing === 0 ? 'all the same' : `${count(differing)} differ`}
          versions={versions}
          rows={data.parameters}
          word={(name) => (name.includes('.') ? name : featureWords(name))}
        />
        <SideBySide
          title="Features"
          unit="by their version"
          versions={versions}
          rows={data.features}
          word={featureWords}
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
  if (me && !maySee)
    return (
      <section className="panel" aria-label="Compare">
        {me.user ? <ErrorState error={new Error('Your role may not see models.')} /> : <SignInState what="models" />}
      </section>
    );
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
