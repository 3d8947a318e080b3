// An evaluation: which versions were judged on which customers, their main figures, and where the pictures are.
import { Link } from '@tanstack/react-router';
import { BASIS_WORDS, type ChurnEvaluation, type ValueEvaluation } from '../../evaluations.ts';
import { ABSENT, count, day, decimal, signed } from '../../format.ts';
import { versionOf } from '../../models.ts';
import { range } from '../models/churn-figures.tsx';
import { Panel } from '../panel.tsx';
import { Scroll } from '../scroll.tsx';
import { Note } from '../states.tsx';

interface Judged {
  id: string;
  basis: string;
}
export interface EvaluateResult {
  question: 'churn' | 'value';
  cutoff: string;
  until: string;
  rows: { n: number; lost?: number; leftOut: Record<string, number> };
  leakage: { checked: number; differing: number };
  models: (Judged & (ChurnEvaluation | ValueEvaluation))[];
}

/** Who cannot be judged honestly, after “not judged: 12”. */
const LEFT_OUT: Record<string, string> = {
  'learned-from': 'whom it has learned from',
  leftTruncated: 'who may have bought before the data begin',
  erasedSince: 'erased since',
  mergedSince: 'joined with another since',
  contractual: 'under contract',
};

function Figures({ judged }: { judged: ChurnEvaluation | ValueEvaluation }) {
  if ('metrics' in judged) {
    const { metrics } = judged;
    return (
      <>
        <td className="r">
          {metrics.auc === null ? ABSENT : metrics.auc.toFixed(3)}{' '}
          <span className="iv hide">{metrics.auc === null ? '' : range(metrics.aucLower, metrics.aucUpper, 3)}</span>
        </td>
        <td className="r">{decimal(metrics.brier, 4)}</td>
        <td className="r hide">{decimal(metrics.calibrationSlope, 2)}</td>
      </>
    );
  }
  const served = judged.purchases.models.served;
  return (
    <>
      <td className="r">{decimal(served?.mae ?? null, 3)}</td>
      <td className="r">{served?.totalError == null ? ABSENT : `${signed(100 * served.totalError, 1)}\u202f%`}</td>
      <td className="r hide">{decimal(served?.concentration?.normalised ?? null, 3)}</td>
    </>
  );
}

export function EvaluateView({ id, result }: { id: string; result: EvaluateResult }) {
  const { question, rows, models } = result;
  const head = question === 'churn' ? ['AUC, 95 %', 'Brier', 'Slope'] : ['Purchases, MAE', 'Total', 'Gini'];
  const leftOut = Object.entries(rows.leftOut).filter(([, n]) => n > 0);
  return (
    <Panel
      title="Judged on the same customers"
      unit={`${count(rows.n)} of them, foretold on ${day(result.cutoff)}, held against what came until ${day(result.until)}`}
      className="snug"
      foot={
        <>
          {models.length > 1 && (
            <Link
              className="ctl pri"
              to="/models/compare"
              search={{ versions: models.map((each) => each.id).join(',') }}
            >
              Who is better
            </Link>
          )}
          <span className="t3">
            {count(result.leakage.checked)} rows checked for a look into the future, {count(result.leakage.differing)}{' '}
            differ
          </span>
        </>
      }
    >
      <Scroll label="Judged on the same customers">
        <table className="c">
          <thead>
            <tr>
              <th scope="col">Version</th>
              {head.map((word, i) => (
                <th key={word} scope="col" className={i === 2 ? 'r hide' : 'r'}>
                  {word}
                </th>
              ))}
              <th scope="col" className="hide">
                What makes it honest
              </th>
            </tr>
          </thead>
          <tbody>
            {models.map((judged) => (
              <tr key={judged.id}>
                <td>
                  <Link
                    className="jlink"
                    to="/models/$name/$version/{-$tab}"
                    params={{ ...versionOf(judged.id), tab: question === 'churn' ? 'calibration' : 'clv' }}
                    search={{ judged: id }}
                  >
                    {judged.id}
                  </Link>
                </td>
                <Figures judged={judged} />
                <td className="t2 wrap hide">{BASIS_WORDS[judged.basis] ?? judged.basis}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {leftOut.length > 0 && (
        <Note>
          Not judged:{' '}
          {leftOut.map(([reason, n]) => `${count(n)} ${LEFT_OUT[reason] ?? reason.replaceAll('-', ' ')}`).join(', ')}.
        </Note>
      )}
    </Panel>
  );
}
