// The tabs of a version: each shows what is known, and where something is not, what makes it known.

import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useMe } from '../../account.ts';
import { definitionInWords, featureWords, spoken } from '../../churn-words.ts';
import { BASIS_WORDS, lossOf, type Rival, worthOf } from '../../evaluations.ts';
import { ABSENT, count, day, decimal, signed } from '../../format.ts';
import type { Verdict } from '../../job-results.ts';
import { modelKindWord } from '../../job-words.ts';
import { type Artefact, definitionOf, metricsOf, naiveOf, parametersOf } from '../../model-artefact.ts';
import type { Evaluation, ModelFacts } from '../../models.ts';
import { Heads, Panel } from '../panel.tsx';
import { Scroll } from '../scroll.tsx';
import { State } from '../states.tsx';
import { GainPanel, PrecisionRecallPanel, ProfitPanel, ReliabilityPanel, RocPanel } from './churn-charts.tsx';
import { ChurnKpis, type NaiveScore } from './churn-figures.tsx';
import { DependencePanel, ForecastDependence, ImportancePanel } from './explain-charts.tsx';
import { Diagnostics, RowsPanel } from './model-evidence.tsx';
import { ParametersPanel, RivalsPanel } from './parameters-panel.tsx';
import { SegmentsPanel } from './segments-panel.tsx';
import { mapeWords, SpendErrors } from './spend-errors.tsx';
import { FrequencyPanel, PitPanel, TrackingPanel } from './value-charts.tsx';

export interface Shown {
  facts: ModelFacts;
  artefact: Artefact;
  /** Undefined: the figures of its training. */
  evaluation: Evaluation | undefined;
}

function Unknown({ title, children, id }: { title: string; children: ReactNode; id: string }) {
  return (
    <section className="panel" aria-label={title}>
      <State
        icon="chart"
        title={title}
        actions={
          <Link
            className="ctl pri"
            to="/jobs/new"
            search={{ kind: 'evaluate', params: JSON.stringify({ models: [id] }) }}
          >
            Evaluate {id}
          </Link>
        }
      >
        <p>{children}</p>
      </State>
    </section>
  );
}

/** The score's figures that are looked at: of the evaluation, else of the training. */
function judgedOf({
  artefact,
  evaluation,
}: Shown): { metrics: Verdict; naive: NaiveScore | null; unit: string } | null {
  const churn = lossOf(evaluation);
  if (churn && evaluation) {
    const naive = evaluation.naive as NaiveScore | null;
    return { metrics: churn.metrics, naive, unit: `foretold on ${day(evaluation.cutoff)}, 95 % intervals` };
  }
  const value = worthOf(evaluation);
  if (value && evaluation)
    return {
      metrics: value.churn.model,
      naive: value.churn.naive,
      unit: `P(no purchase) foretold on ${day(evaluation.cutoff)}, 95 % intervals`,
    };
  const metrics = metricsOf(artefact);
  return metrics && { metrics, naive: naiveOf(artefact), unit: 'rows the model never saw, 95 % intervals' };
}
const daysOf = ({ artefact, evaluation, facts }: Shown): number | null =>
  evaluation?.horizonDays ?? facts.horizon_days ?? definitionOf(artefact)?.horizonDays ?? null;

export function OverviewTab({ facts, artefact }: Shown) {
  const { window } = facts;
  const definition = definitionOf(artefact);
  return (
    <div className="stack">
      <Diagnostics artefact={artefact} />
      <div className="grid">
        <div className="c5 stack">
          <Panel title="What it is" className="snug">
            <p className="lead">
              {definition
                ? definitionInWords(spoken(definition))
                : 'Who will buy again, how often, and for how much: over any horizon.'}
            </p>
            <dl className="kv gap">
              <dt>Answers</dt>
              <dd>{modelKindWord(facts.kind)}</dd>
              <dt>Learned from</dt>
              <dd>
                {window.from && window.from !== window.to ? `${day(window.from)} – ` : ''}
                {window.to ? day(window.to) : 'not known: made outside'}
              </dd>
              <dt>Events</dt>
              <dd>{count(window.events)}</dd>
              <dt>Log position</dt>
              <dd className="mono">{window.seq === null ? ABSENT : `#${count(window.seq)}`}</dd>
              <dt>Features</dt>
              <dd>{facts.feature_set ? `${facts.feature_set.name}, version ${facts.feature_set.version}` : ABSENT}</dd>
              <dt>Calibration</dt>
              <dd>{facts.calibration?.method ?? ABSENT}</dd>
              <dt>Seed</dt>
              <dd>{facts.seed ?? ABSENT}</dd>
              <dt>Made by version</dt>
              <dd className="mono">{facts.code ?? ABSENT}</dd>
              <dt>SHA-256</dt>
              <dd className="mono" title={facts.digest}>
                {facts.digest.slice(0, 16)}
              </dd>
            </dl>
          </Panel>
          <RowsPanel artefact={artefact} />
        </div>
        <div className="c7 stack">
          {parametersOf(artefact).map(({ part, parameters }) => (
            <ParametersPanel key={part} part={part} parameters={parameters} span="c12" />
          ))}
          <RivalsPanel artefact={artefact} />
        </div>
      </div>
    </div>
  );
}

function RivalScores({ evaluation }: { evaluation: Evaluation }) {
  const rivals = (evaluation.rivals as Rival[] | null) ?? [];
  const naive = evaluation.naive as (NaiveScore & { rule?: string; auc?: number | null }) | null;
  if (rivals.length === 0 && !naive) return null;
  return (
    <Panel title="Beside it" unit="on the same customers" span="c6" className="snug">
      <Scroll label="Beside it">
        <table className="c">
          <Heads names={['Rival', ['AUC', 'r'], ['Brier', 'r']]} />
          <tbody>
            {naive && (
              <tr>
                <td className="wrap">naive{naive.rule ? `: ${naive.rule}` : ''}</td>
                <td className="r">{decimal(naive.auc ?? null, 3)}</td>
                {naive.brier === null ? (
                  <td className="t2 wrap">{naive.undefined?.brier ?? ABSENT}</td>
                ) : (
                  <td
                    className="r"
                    title={`everybody at the rate of ${naive.rateOf === 'learned-from' ? 'those it was learned from' : 'before'}`}
                  >
                    {decimal(naive.brier, 4)}
                  </td>
                )}
              </tr>
            )}
            {rivals.map(({ name, basis, metrics, reason }) => (
              <tr key={name}>
                <td title={basis && BASIS_WORDS[basis]}>{modelKindWord(name)}</td>
                {metrics ? (
                  <>
                    <td className="r">{decimal(metrics.auc, 3)}</td>
                    <td className="r">{decimal(metrics.brier, 4)}</td>
                  </>
                ) : (
                  <td colSpan={2} className="t2 wrap">
                    {reason}
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}

export function PerformanceTab(shown: Shown) {
  const judged = judgedOf(shown);
  const currency = useMe()?.workspace.reporting_currency ?? 'EUR';
  const { evaluation, facts } = shown;
  if (!judged)
    return (
      <Unknown title="Not judged yet" id={facts.id}>
        {facts.kind === 'clv'
          ? 'A value model is judged by holding it against what came; how it tracks its own data is in Overview and CLV.'
          : 'Its training kept no customers aside. An evaluation holds it against what came.'}
      </Unknown>
    );
  return (
    <div className="stack">
      <ChurnKpis metrics={judged.metrics} naive={judged.naive} />
      <div className="grid">
        <RocPanel metrics={judged.metrics} />
        <GainPanel metrics={judged.metrics} />
        <PrecisionRecallPanel metrics={judged.metrics} />
        <ProfitPanel metrics={judged.metrics} offer={evaluation?.offer ?? null} currency={currency} />
        {evaluation?.question === 'churn' && <RivalScores evaluation={evaluation} />}
      </div>
    </div>
  );
}

export function CalibrationTab(shown: Shown) {
  const judged = judgedOf(shown);
  const churn = lossOf(shown.evaluation);
  if (!judged)
    return (
      <Unknown title="No calibration yet" id={shown.facts.id}>
        Whether a probability means what it says is seen by holding it against what came.
      </Unknown>
    );
  return (
    <div className="grid">
      <ReliabilityPanel metrics={judged.metrics} days={daysOf(shown)} unit={judged.unit} />
      <div className="c6 stack">
        <ChurnKpis metrics={judged.metrics} naive={judged.naive} />
        {!churn && <RowsPanel artefact={shown.artefact} />}
        {churn?.segments.slice(0, 1).map((each) => (
          <SegmentsPanel key={each.by} {...each} />
        ))}
      </div>
      {churn?.segments.slice(1).map((each) => (
        <SegmentsPanel key={each.by} {...each} />
      ))}
    </div>
  );
}

export function ClvTab({ facts, artefact, evaluation }: Shown) {
  const value = worthOf(evaluation);
  if (!value || !evaluation)
    return (
      <div className="stack">
        <Unknown title="Not yet held against what came" id={facts.id}>
          Tracking, expectation by frequency and the PIT are drawn from customers as they were known at an earlier day
          and what they did since.
        </Unknown>
        <div className="grid">
          <RivalsPanel artefact={artefact} />
        </div>
      </div>
    );
  const { purchases, spend, tracking } = value;
  const order = Object.entries(purchases.models).sort(
    ([a], [b]) => Number(b === 'served') - Number(a === 'served') || Number(a === 'naive') - Number(b === 'naive'),
  );
  return (
    <div className="grid">
      <TrackingPanel tracking={tracking} cutoff={evaluation.cutoff} served="served" />
      <FrequencyPanel classes={purchases.byFrequency} served="served" days={evaluation.horizonDays} />
      <Panel title="Purchases foretold" unit={`a customer in ${evaluation.horizonDays} d`} span="c6" className="snug">
        <Scroll label="Purchases foretold">
          <table className="c">
            <Heads
              names={[
                'Model',
                ['MAE', 'r'],
                ['RMSE', 'r hide'],
                ['Total', 'r'],
                ['Gini', 'r'],
                ['sMAPE', 'r hide'],
                ['MAPE of buyers', 'r hide'],
              ]}
            />
            <tbody>
              {order.map(([name, told]) => (
                <tr key={name} className={name === 'served' ? 'hl' : undefined}>
                  <td>{modelKindWord(name)}</td>
                  <td className="r">{decimal(told.mae, 3)}</td>
                  <td className="r hide">{decimal(told.rmse, 3)}</td>
                  <td className="r">
                    {told.totalError === null ? ABSENT : `${signed(100 * told.totalError, 1)}\u202f%`}
                  </td>
                  <td className="r">{decimal(told.concentration?.normalised ?? null, 3)}</td>
                  <td className="r hide">{decimal(told.smape, 1)}</td>
                  <td className="r hide" title="over those who bought: it divides by what came">
                    {mapeWords(told)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </Panel>
      {spend && (
        <Panel title="Spend foretold" unit={`n ${count(spend.n)}`} span="c6" className="snug">
          <dl className="kv">
            <SpendErrors model={spend.model} naive={spend.naive} />
            {spend.model.pinball.map(({ level, loss }) => (
              <div key={level}>
                <dt>Pinball loss at p{String(Math.round(100 * level)).padStart(2, '0')}</dt>
                <dd>{decimal(loss, 2)}</dd>
              </div>
            ))}
          </dl>
        </Panel>
      )}
      <PitPanel pit={purchases.pit} what="purchases" />
      {spend && <PitPanel pit={spend.pit} what="spend" />}
    </div>
  );
}

export function ExplainTab({ facts, artefact, evaluation }: Shown) {
  const currency = useMe()?.workspace.reporting_currency ?? 'EUR';
  const churn = lossOf(evaluation);
  const worth = worthOf(evaluation);
  const forecast = worth?.dependence;
  const uncurved = Object.entries(worth?.undefined ?? {}).filter(([part]) => part.startsWith('dependence.'));
  const parameters = parametersOf(artefact);
  const importance = churn?.importance ?? null;
  const ofPurchases = facts.kind === 'clv';
  return (
    <div className="stack">
      {!ofPurchases && !importance && (
        <Unknown title="What it leans on is not known yet" id={facts.id}>
          Permutation importance and partial dependence are taken on the customers an evaluation judges.
        </Unknown>
      )}
      {ofPurchases && !forecast && (
        <Unknown title="How its forecast moves is not known yet" id={facts.id}>
          Partial dependence is taken on the customers an evaluation by value judges.
        </Unknown>
      )}
      {ofPurchases && (
        <section className="panel" aria-label="Explanation">
          <State icon="info" title="It has no permutation importance">
            <p>
              A purchase model reads frequency, recency and age, which cannot be dealt out apart: an age below a recency
              is nobody’s. How its forecast moves with each, the others as they are, and its parameters are the whole
              explanation; what they say of one customer is on the customer’s page.
            </p>
            {uncurved.map(([part, why]) => (
              <p key={part}>
                No curve of {featureWords(part.slice('dependence.'.length)).toLowerCase()}: {why}.
              </p>
            ))}
          </State>
        </section>
      )}
      <div className="grid">
        {importance && <ImportancePanel importance={importance} />}
        {parameters.map(({ part, parameters: own }) => (
          <ParametersPanel key={part} part={part} parameters={own} />
        ))}
        {churn?.dependence.map((curve) => (
          <DependencePanel key={curve.feature} curve={curve} />
        ))}
        {forecast && <ForecastDependence dependence={forecast} currency={currency} />}
      </div>
    </div>
  );
}
