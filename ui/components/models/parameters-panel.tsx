// What was estimated, as dots with their 95 % interval where a standard error is known; beside a value model its rivals by BIC.
import { intervalsHeight } from '../../charts/intervals.ts';
import { IntervalsChart } from '../../charts/intervals-chart.tsx';
import { parameterWord } from '../../comparison.ts';
import { ABSENT, count, decimal, signed } from '../../format.ts';
import { modelKindWord } from '../../job-words.ts';
import { type Artefact, type Parameter, rivalsOf } from '../../model-artefact.ts';
import { ChartPanel } from '../chart-panel.tsx';
import { Heads, Panel } from '../panel.tsx';
import { Scroll } from '../scroll.tsx';

const Z95 = 1.959964;
const SHOWN = 16;
const figure = (value: number): string =>
  Math.abs(value) >= 1000 ? count(value) : value < 0 ? signed(value, 3) : decimal(value, 3);

export function ParametersPanel({
  part,
  parameters,
  span = 'c6',
}: {
  part: string;
  parameters: readonly Parameter[];
  span?: 'c6' | 'c12';
}) {
  const coefficients = part.startsWith('Log');
  const word = coefficients ? parameterWord : (name: string) => name;
  const shown = parameters.slice(0, SHOWN);
  const rows = shown.map(({ name, value, standardError }) => ({
    name: word(name),
    value,
    lower: standardError === null ? null : value - Z95 * standardError,
    upper: standardError === null ? null : value + Z95 * standardError,
  }));
  const bare = parameters.every(({ standardError }) => standardError === null);
  return (
    <ChartPanel
      title={part}
      unit={bare ? 'no standard errors: they were shrunk' : '95 % intervals'}
      span={span}
      height={intervalsHeight(rows.length)}
      file="parameters.csv"
      definition={
        coefficients
          ? 'How far a feature moves the risk: right of zero it raises it, left of it it lowers it. Per standard deviation of the feature where that is known, so that they compare. The largest are drawn; all are in the table. Shrinkage (ridge) makes them smaller and has no honest standard error.'
          : 'Parameters of the distributions over customers: in weeks where they carry a unit. Intervals are ± 1.96 standard errors.'
      }
      table={{
        head: ['parameter', 'value', 'standard error'],
        rows: parameters.map(({ name, value, standardError }) => [name, value, standardError]),
        show: (value, column) => (value === null ? ABSENT : column === 0 ? String(value) : figure(Number(value))),
      }}
      chart={({ width }) => (
        <IntervalsChart
          rows={rows}
          width={width}
          reference={coefficients ? 0 : null}
          label={(value) => (coefficients ? signed(value, 1) : decimal(value, value >= 10 ? 0 : 1))}
          figure={({ value }) => figure(value)}
          words={rows.map(({ name, value }) => `${name} ${figure(value)}`).join(', ')}
          {...(coefficients && bare && { bars: 'diverging' as const })}
          named={coefficients ? 210 : 40}
        />
      )}
      {...(parameters.length > SHOWN && {
        foot: (
          <span className="t3">
            The {SHOWN} largest of {parameters.length}; all are in the table
          </span>
        ),
      })}
    />
  );
}

export function RivalsPanel({ artefact }: { artefact: Artefact }) {
  const rivals = rivalsOf(artefact);
  if (!rivals) return null;
  return (
    <Panel
      title="Rivals"
      unit="fitted to the same purchases; lower BIC is better"
      span="c6"
      className="snug"
      foot={<span className="t3">{rivals.reason}</span>}
    >
      <Scroll label="Rivals">
        <table className="c">
          <Heads names={['Model', ['Log likelihood', 'r'], ['BIC', 'r'], ['Error on days held out', 'r']]} />
          <tbody>
            {rivals.candidates.map(({ model, logLikelihood, bic, holdoutError }) => (
              <tr key={model} className={model === rivals.served ? 'hl' : undefined}>
                <td>
                  {modelKindWord(model)}
                  {model === rivals.served && <span className="t3"> served</span>}
                </td>
                <td className="r">{decimal(logLikelihood, 1)}</td>
                <td className="r">{decimal(bic, 1)}</td>
                <td className="r">
                  {holdoutError === null ? (
                    <span className="t3">not needed</span>
                  ) : (
                    `${signed(100 * holdoutError, 1)}\u202f%`
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}
