// A scoring of everybody: how many stand in each band and what they are worth, the file, and, against an earlier one, who moved and why.
import { Link } from '@tanstack/react-router';
import { useMe } from '../../account.ts';
import { ABSENT, count, counted, money, percent, signed, span, time } from '../../format.ts';
import type { Mover, ScoreResult } from '../../job-results.ts';
import { reasonWords } from '../../reasons.ts';
import { Icon } from '../icon.tsx';
import { Panel } from '../panel.tsx';
import { BANDS, isBand, Risk } from '../risk.tsx';
import { Scroll } from '../scroll.tsx';

const PLACES = [...BANDS, 'none', 'new', 'gone'] as const;
const PLACE_WORDS: Record<string, string> = { none: 'No score', new: 'Not there before', gone: 'Not there after' };
const Place = ({ at }: { at: string }) =>
  isBand(at) ? <Risk band={at} /> : <span className="t2">{PLACE_WORDS[at] ?? at}</span>;

function BandsPanel({ result, currency }: { result: ScoreResult; currency: string }) {
  const months = result.asked.value.months;
  const most = Math.max(1, ...Object.values(result.bands).map(({ customers }) => customers));
  return (
    <Panel
      title="Where everybody stands"
      unit={`${counted(result.customers, 'customer')}, by band of churn risk`}
      span="c7"
      className="snug"
    >
      <Scroll label="Where everybody stands">
        <table className="c">
          <thead>
            <tr>
              <th scope="col">Band</th>
              <th scope="col">
                <span className="sr">Share</span>
              </th>
              <th scope="col" className="r">
                Customers
              </th>
              <th scope="col" className="r hide">
                Share
              </th>
              <th scope="col" className="r">
                CLV{months ? `, ${months} months` : ''}, together
              </th>
            </tr>
          </thead>
          <tbody>
            {PLACES.filter((band) => result.bands[band]).map((band) => {
              const { customers, clv } = result.bands[band]!;
              return (
                <tr key={band}>
                  <td>
                    <Place at={band} />
                  </td>
                  <td className="sharecell">
                    <span className="sharebar" aria-hidden="true">
                      <i style={{ width: `${(100 * customers) / most}%` }} />
                    </span>
                  </td>
                  <td className="r">{count(customers)}</td>
                  <td className="r hide">{percent(customers / result.customers)}</td>
                  <td className="r">{band === 'none' || clv === null ? ABSENT : money(clv, currency, 'figure')}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
      {Object.keys(result.not_scored).length > 0 && (
        <p className="lead gap">
          Without a score:{' '}
          {Object.entries(result.not_scored)
            .map(([reason, n]) => `${counted(n, 'customer')} ${reasonWords(reason)}`)
            .join('; ')}
          .
        </p>
      )}
    </Panel>
  );
}

function FilePanel({ id, result }: { id: string; result: ScoreResult }) {
  const zone = useMe()?.workspace.zone ?? 'UTC';
  const { file, estimate } = result;
  return (
    <Panel title={file ? 'The file' : 'What it would be'} span="c5" className="snug">
      <dl className="kv">
        <dt>As of</dt>
        <dd>
          #{count(result.as_of.seq)} · {time(result.as_of.at, zone)}
        </dd>
        <dt>By</dt>
        <dd className="mono wrap">{result.family}</dd>
        {file && (
          <>
            <dt>Rows</dt>
            <dd>{count(result.rows)}</dd>
            <dt>Packed</dt>
            <dd>{count(Math.ceil(file.bytes / 1000))} kB</dd>
            <dt>Customers named by</dt>
            <dd>{result.identified ? 'customer_id' : 'ref'}</dd>
          </>
        )}
        {estimate && (
          <>
            <dt>Customers</dt>
            <dd>{count(estimate.customers)}</dd>
            <dt>Would take</dt>
            <dd>
              {span(1000 * estimate.seconds)}{' '}
              <span className="t3">of it {span(1000 * estimate.read_seconds)} reading the log</span>
            </dd>
            <dt>Packed</dt>
            <dd>{count(Math.ceil(estimate.bytes / 1000))} kB</dd>
            <dt>Measured</dt>
            <dd>
              {count(estimate.customers_per_second)} a second on {counted(estimate.sampled, 'customer')}
            </dd>
          </>
        )}
      </dl>
      {file && (
        <div className="acts">
          <a className="ctl pri" href={`/api/jobs/${id}/result`} download>
            <Icon name="download" small />
            Download {result.format.toUpperCase()}
          </a>
        </div>
      )}
    </Panel>
  );
}

function Transitions({ transitions }: { transitions: NonNullable<ScoreResult['delta']>['transitions'] }) {
  const moved = Object.entries(transitions).map(([key, cell]) => ({
    ...cell,
    from: key.split('>')[0]!,
    to: key.split('>')[1]!,
  }));
  const rows = PLACES.filter((place) => moved.some(({ from }) => from === place));
  const columns = PLACES.filter((place) => moved.some(({ to }) => to === place));
  const most = Math.max(1, ...moved.filter(({ from, to }) => from !== to).map(({ customers }) => customers));
  const stayed = moved.filter(({ from, to }) => from === to).reduce((sum, { customers }) => sum + customers, 0);
  const all = moved.reduce((sum, { customers }) => sum + customers, 0);
  return (
    <Panel
      title="Who moved band"
      unit="customers; rows before, columns after"
      span="c6"
      className="snug"
      foot={
        <span>
          {stayed === all
            ? 'Everybody stayed where they were'
            : `${counted(all - stayed, 'customer')} moved, ${count(stayed)} stayed`}
        </span>
      }
    >
      <Scroll label="Who moved band">
        <table className="c heat">
          <thead>
            <tr>
              <th scope="col">From</th>
              {columns.map((to) => (
                <th key={to} scope="col" className="r">
                  <Place at={to} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((from) => (
              <tr key={from}>
                <td>
                  <Place at={from} />
                </td>
                {columns.map((to) => {
                  const cell = moved.find((each) => each.from === from && each.to === to);
                  const level = cell && from !== to ? Math.min(6, 1 + Math.round((5 * cell.customers) / most)) : 0;
                  return (
                    <td key={to} className={cell ? `r q${level}` : 'r'}>
                      {cell ? count(cell.customers) : <span className="t3">0</span>}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}

const WHY = [
  ['clock', 'time that went by'],
  ['events', 'what they did'],
  ['model', 'another model'],
] as const;

function Movers({ movers }: { movers: readonly Mover[] }) {
  return (
    <Panel title="Who moved farthest, and why" unit="points of churn risk by cause" span="c6" className="snug">
      {movers.length === 0 ? (
        <p className="lead">Nobody’s risk changed since then.</p>
      ) : (
        <Scroll label="Who moved farthest">
          <table className="c">
            <thead>
              <tr>
                <th scope="col">Customer</th>
                <th scope="col" className="r">
                  Before
                </th>
                {WHY.map(([name, words]) => (
                  <th key={name} scope="col" className="r hide">
                    {words}
                  </th>
                ))}
                <th scope="col" className="r">
                  After
                </th>
              </tr>
            </thead>
            <tbody>
              {movers.map(({ ref, p_churn }) => (
                <tr key={ref}>
                  <td>
                    <Link className="mono idlink" to="/customers/$ref" params={{ ref }}>
                      {ref.slice(0, 12)}…
                    </Link>
                  </td>
                  <td className="r">{percent(p_churn.before)}</td>
                  {WHY.map(([name]) => (
                    <td key={name} className="r hide t2">
                      {p_churn[name] === 0 ? '0' : signed(100 * p_churn[name], 1)}
                    </td>
                  ))}
                  <td className="r">{percent(p_churn.after)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Panel>
  );
}

export function ScoreView({ id, result }: { id: string; result: ScoreResult }) {
  const currency = useMe()?.workspace.reporting_currency ?? 'EUR';
  return (
    <div className="grid">
      {result.estimate ? null : <BandsPanel result={result} currency={currency} />}
      <FilePanel id={id} result={result} />
      {result.delta && (
        <>
          <Transitions transitions={result.delta.transitions} />
          <Movers movers={result.delta.by_churn} />
        </>
      )}
    </div>
  );
}
