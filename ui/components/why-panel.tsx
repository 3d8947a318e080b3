// What churn means for this customer, and what their risk is made of: exact contributions that add up to the score.
import { largest, whyHeight } from '../charts/why.ts';
import { WhyChart } from '../charts/why-chart.tsx';
import { definitionInWords, featureWords, valueWords } from '../churn-words.ts';
import { percent, signed } from '../format.ts';
import type { Customer } from '../queries.ts';
import { reasonWords } from '../reasons.ts';
import { ChartPanel } from './chart-panel.tsx';
import { Panel } from './panel.tsx';
import { State } from './states.tsx';

const ROWS = 9;
const GONE = {
  contractual: 'No subscription runs at this moment: there is nothing left to lose.',
  'non-contractual': 'The last purchase is too long ago for this definition to ask.',
};
const UNITS: Record<string, string> = {
  'log-odds': 'log-odds, exact',
  'uncalibrated log-odds': 'log-odds before calibration',
  'log hazard ratio': 'log hazard ratio, exact',
};

export function WhyPanel({ customer, span }: { customer: Customer; span: 'c6' | 'c8' | 'c12' }) {
  const { churn, definition, not_applicable: refused } = customer;
  const meaning = definitionInWords(definition);
  if (!churn)
    return (
      <Panel title="Why this score" span={span}>
        <p className="lead">{meaning}</p>
        <State icon="info" title="No churn risk for this customer">
          <p>
            {refused.churn?.reason === 'not-eligible'
              ? GONE[definition.kind]
              : `Because ${reasonWords(refused.churn?.reason ?? 'no-model')}.`}
          </p>
        </State>
      </Panel>
    );
  const { contributions, explanation } = churn;
  if (!explanation) return null;
  const parts = contributions.map(({ feature, value, unit, amount }) => ({
    feature: featureWords(feature),
    value: valueWords(value, unit),
    amount,
  }));
  const shown = largest(parts, ROWS);
  const [first] = shown;
  const odds = explanation.scale === 'log-odds';
  const average = odds ? percent(1 / (1 + Math.exp(-explanation.reference))) : null;
  return (
    <ChartPanel
      title="Why this score"
      unit={UNITS[explanation.scale] ?? explanation.scale}
      span={span}
      height={whyHeight(shown.length)}
      file="why.csv"
      definition={`Each bar is a coefficient times how far this customer is from the average one, so the bars and the average add up to the score exactly. They say what the model leans on, not what would change the customer's mind. ${meaning}`}
      table={{
        head: ['feature', 'value', 'contribution'],
        rows: parts.map(({ feature, value, amount }) => [feature, value, amount]),
        show: (value) => (typeof value === 'number' ? signed(value, 3) : String(value ?? '')),
      }}
      chart={({ width }) => (
        <WhyChart
          parts={shown}
          width={width}
          words={`What the churn risk of ${percent(churn.p_churn)} is made of${first ? `; most of all ${first.feature}, ${signed(first.amount)}` : ''}`}
        />
      )}
      foot={
        <>
          <span>{meaning}</span>
          {average && (
            <span>
              average customer <b className="m">{average}</b>, this one <b className="m">{percent(churn.p_churn)}</b>
            </span>
          )}
        </>
      }
    />
  );
}
