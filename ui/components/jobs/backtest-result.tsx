// A backtest: what was foretold at each cut-off, held against what came, the naive forecast beside; then the pictures of one cut-off.

import { useState } from 'react';
import { ABSENT, count, day, decimal, percent, signed } from '../../format.ts';
import {
  type BacktestCutoff,
  type BacktestResult,
  type ChurnVerdict,
  type Differences,
  isValue,
  type ValueMetrics,
} from '../../job-results.ts';
import { modelKindWord } from '../../job-words.ts';
import { ReliabilityPanel } from '../models/churn-charts.tsx';
import { ChurnKpis, range } from '../models/churn-figures.tsx';
import { SpendErrors } from '../models/spend-errors.tsx';
import { FrequencyPanel, PitPanel, TrackingPanel } from '../models/value-charts.tsx';
import { Choice, Heads, Panel } from '../panel.tsx';
import { Scroll } from '../scroll.tsx';
import { Note } from '../states.tsx';

/** Of a difference model − naive of something where lower is better: how sure it is that the model is closer. */
function closer(differences: Differences, name: string) {
  const found = differences[name];
  return found === undefined || !('probabilityAbove' in found) ? null : 1 - found.probabilityAbove;
}

/** Some hundred draws know no more than a percent. */
const certainty = (share: number): string =>
  share > 0.99 ? '> 99\u202f%' : share < 0.01 ? '< 1\u202f%' : percent(share, 0);

function PurchaseRows({ cutoff, metrics }: { cutoff: BacktestCutoff; metrics: ValueMetrics }) {
  const { models, againstNaive } = metrics.purchases;
  // The served model first, the naive forecast last.
  const place = (name: string) => (name === metrics.served ? 0 : name === 'naive' ? 2 : 1);
  const names = Object.keys(models).sort((a, b) => place(a) - place(b));
  return names.map((name, i) => {
    const told = models[name]!;
    const served = name === metrics.served;
    const sure = served ? closer(againstNaive, 'mae') : null;
    return (
      <tr key={name} className={served ? 'hl' : undefined}>
        <td>{i === 0 ? day(cutoff.asOf.at) : ''}</td>
        <td>
          {modelKindWord(name)}
          {served && <span className="t3"> served</span>}
        </td>
        <td className="r">{decimal(told.mae, 3)}</td>
        <td className="r hide">{decimal(told.rmse, 3)}</td>
        <td className="r">{told.totalError === null ? ABSENT : `${signed(100 * told.totalError, 1)}\u202f%`}</td>
        <td className="r hide">{decimal(told.concentration?.normalised ?? null, 3)}</td>
        <td className="r hide">{decimal(told.maeOverNaive, 2)}</td>
        <td className="r">{sure === null ? '' : certainty(sure)}</td>
        <td className="r hide">{i === 0 ? count(told.n) : ''}</td>
      </tr>
    );
  });
}

function PurchaseTable({ result }: { result: BacktestResult }) {
  return (
    <Panel
      title="Purchases foretold"
      unit={`in the ${result.horizonDays} d after each cut-off, a customer`}
      className="snug"
    >
      <Scroll label="Purchases foretold">
        <table className="c">
          <Heads
            names={[
              'Cut-off',
              'Model',
              ['MAE', 'r'],
              ['RMSE', 'r hide'],
              ['Total', 'r'],
              ['Gini', 'r hide'],
              ['MAE over naive', 'r hide'],
              ['P(closer than naive)', 'r'],
              ['n', 'r hide'],
            ]}
          />
          <tbody>
            {result.cutoffs.map((cutoff) =>
              cutoff.metrics && isValue(cutoff.metrics) ? (
                <PurchaseRows key={cutoff.asOf.at} cutoff={cutoff} metrics={cutoff.metrics} />
              ) : (
                <tr key={cutoff.asOf.at}>
                  <td>{day(cutoff.asOf.at)}</td>
                  <td colSpan={8} className="t2 wrap">
                    {cutoff.reason}
                  </td>
                </tr>
              ),
            )}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}

function ChurnRow({
  at,
  name,
  verdict,
  note,
}: {
  at: string;
  name: string;
  verdict: ChurnVerdict | null;
  note: string;
}) {
  if (verdict === null)
    return (
      <tr>
        <td>{at}</td>
        <td>{modelKindWord(name)}</td>
        <td colSpan={7} className="t2 wrap">
          {note}
        </td>
      </tr>
    );
  const { model, naive, againstNaive } = verdict;
  const sure = closer(againstNaive, 'brier');
  const why = Object.values(model.undefined)[0];
  return (
    <tr>
      <td>{at}</td>
      <td>{modelKindWord(name)}</td>
      <td className="r" title={model.auc === null ? model.undefined.auc : undefined}>
        {model.auc === null ? (
          <span className="t3 wrap">{model.undefined.auc ?? why}</span>
        ) : (
          <>
            {model.auc.toFixed(3)} <span className="iv">{range(model.aucLower, model.aucUpper, 3)}</span>
          </>
        )}
      </td>
      <td className="r">{decimal(model.brier, 4)}</td>
      <td className="r hide">{decimal(naive.brier, 4)}</td>
      <td className="r hide">{decimal(model.calibrationSlope, 2)}</td>
      <td className="r hide">{decimal(model.ece, 4)}</td>
      <td className="r">{sure === null ? ABSENT : certainty(sure)}</td>
      <td className="r hide">{count(model.n)}</td>
    </tr>
  );
}

function ChurnTable({ result }: { result: BacktestResult }) {
  return (
    <Panel title="Churn foretold" unit={`within ${result.horizonDays} d of each cut-off`} className="snug">
      <Scroll label="Churn foretold">
        <table className="c">
          <Heads
            names={[
              'Cut-off',
              'Model',
              ['AUC, 95 %', 'r'],
              ['Brier', 'r'],
              ['naive Brier', 'r hide'],
              ['Slope', 'r hide'],
              ['ECE', 'r hide'],
              ['P(closer than naive)', 'r'],
              ['n', 'r hide'],
            ]}
          />
          <tbody>
            {result.cutoffs.flatMap(({ asOf, metrics, reason }) => {
              const at = day(asOf.at);
              if (metrics === null)
                return [<ChurnRow key={asOf.at} at={at} name={result.model} verdict={null} note={reason ?? ''} />];
              if (isValue(metrics))
                return [<ChurnRow key={asOf.at} at={at} name={metrics.served} verdict={metrics.churn} note="" />];
              return Object.entries(metrics.models).map(([name, verdict]) => (
                <ChurnRow
                  key={asOf.at + name}
                  at={at}
                  name={name}
                  verdict={verdict}
                  note={metrics.undefined[name] ?? ''}
                />
              ));
            })}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}

function Pictures({ cutoff, days }: { cutoff: BacktestCutoff; days: number }) {
  const { metrics } = cutoff;
  if (metrics === null) return <Note>{cutoff.reason}</Note>;
  if (isValue(metrics)) {
    const { served, purchases, spend, tracking, churn } = metrics;
    return (
      <div className="grid">
        <TrackingPanel tracking={tracking} cutoff={cutoff.asOf.at} served={served} />
        <FrequencyPanel classes={purchases.byFrequency} served={served} days={days} />
        <PitPanel pit={purchases.pit} what="purchases" />
        {spend ? <PitPanel pit={spend.pit} what="spend" /> : null}
        <ReliabilityPanel
          metrics={churn.model}
          days={days}
          unit={`${modelKindWord(served)}, P(no purchase), 95 % intervals`}
          height={360}
        />
        <div className="c6 stack">
          <ChurnKpis metrics={churn.model} naive={churn.naive} />
          {spend && (
            <Panel title="Spend" unit="of the same customers" className="snug">
              <dl className="kv">
                <SpendErrors model={spend.model} naive={spend.naive} />
              </dl>
            </Panel>
          )}
        </div>
      </div>
    );
  }
  const judged = Object.entries(metrics.models).flatMap(([name, verdict]) =>
    verdict ? [[name, verdict] as const] : [],
  );
  return (
    <div className="grid">
      {judged.map(([name, verdict]) => (
        <ReliabilityPanel
          key={name}
          metrics={verdict.model}
          days={days}
          unit={`${modelKindWord(name)}, 95 % intervals`}
          height={360}
        />
      ))}
    </div>
  );
}

export function BacktestView({ result }: { result: BacktestResult }) {
  const { cutoffs, leakage } = result;
  const [chosen, setChosen] = useState(cutoffs.findLast(({ metrics }) => metrics !== null)?.asOf.at ?? '');
  const cutoff = cutoffs.find(({ asOf }) => asOf.at === chosen);
  const value = cutoffs.some(({ metrics }) => metrics !== null && isValue(metrics));
  return (
    <div className="stack">
      <Note>
        <b>No look into the future:</b> the rows of {count(leakage.checked)} customers were computed again with what
        came after the cut-off taken away and made up;{' '}
        {leakage.differing === 0 ? 'none changed' : `${count(leakage.differing)} changed`}.
        {result.beyondDays > 0 && ` The last ${count(result.beyondDays)} days of the horizon are not in the log.`}
      </Note>
      {value && <PurchaseTable result={result} />}
      <ChurnTable result={result} />
      {cutoff && (
        <>
          <div className="head sub">
            <h2>One cut-off</h2>
            <Choice
              label="Cut-off"
              value={chosen}
              options={cutoffs.map(({ asOf }) => [asOf.at, day(asOf.at)] as const)}
              onChange={setChosen}
            />
            <span className="t3">foretold until {day(cutoff.until)}</span>
          </div>
          <Pictures cutoff={cutoff} days={result.horizonDays} />
        </>
      )}
    </div>
  );
}
