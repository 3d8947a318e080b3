// What a version answers live beside the active one, on the same customers.
import type { ReactNode } from 'react';
import { count, day, decimal, percent, signed, time } from '../../format.ts';
import type { Gates } from '../../models.ts';
import { Heads, Panel } from '../panel.tsx';
import { Scroll } from '../scroll.tsx';

export function ComparisonPanel({ measured }: { measured: NonNullable<Gates['comparison']> }) {
  const { churn, value, refused, micros } = measured;
  const rows: [string, string, ReactNode, ReactNode, ReactNode][] = [];
  if (churn)
    rows.push(
      [
        'P(churn), mean',
        '',
        percent(churn.mean.active),
        percent(churn.mean.candidate),
        `${signed(100 * (churn.mean.candidate - churn.mean.active), 2)} pp`,
      ],
      [
        'P(churn), PSI',
        'over the active version’s deciles',
        '',
        decimal(churn.psi, 4),
        `chance alone passes ${decimal(churn.psi_floor, 4)} once in a hundred`,
      ],
      ['In another band', 'of churn risk', '', percent(churn.band_changed), ''],
      ['Rank correlation', 'of P(churn)', '', decimal(churn.rank_correlation, 4), ''],
    );
  if (value)
    rows.push(
      [
        'Lifetime value, mean',
        '',
        decimal(value.mean.active, 2),
        decimal(value.mean.candidate, 2),
        signed(value.mean.candidate - value.mean.active, 2),
      ],
      [
        'Lifetime value, PSI',
        '',
        '',
        decimal(value.psi, 4),
        `chance alone passes ${decimal(value.psi_floor, 4)} once in a hundred`,
      ],
    );
  rows.push(
    ['Refused', 'customers', count(refused.active), count(refused.candidate), `${count(refused.more)} more`],
    ['Time', 'µs a score', decimal(micros.active, 1), decimal(micros.candidate, 1), ''],
  );
  return (
    <Panel
      title="Live comparison"
      unit={`${measured.id} beside ${measured.against}, ${count(measured.compared)} customers answered by both`}
      className="snug"
      foot={
        <>
          <span className="t3">
            as of #{count(measured.as_of.seq)}, {day(measured.as_of.day)}
          </span>
          <span className="sp" />
          <span className="t3">measured {time(measured.measured_at)}</span>
        </>
      }
    >
      <Scroll label="Live comparison">
        <table className="c cards">
          <Heads names={['What', ['Active', 'r'], ['This one', 'r'], ['Difference', 'r']]} />
          <tbody>
            {rows.map(([what, unit, active, candidate, difference]) => (
              <tr key={what}>
                <td className="whole">
                  {what} <span className="t3">{unit}</span>
                </td>
                <td className="r" data-label="Active">
                  {active}
                </td>
                <td className="r" data-label="This one">
                  {candidate}
                </td>
                <td className="r t2 whole after">{difference}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}
