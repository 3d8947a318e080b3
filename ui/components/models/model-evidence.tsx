// What a training found out about its model, in one place: figures and reliability of a churn model on rows it never saw, parameters and rivals of a
// value model, and whatever deserves attention.
import { count, percent } from '../../format.ts';
import {
  type Artefact,
  definitionOf,
  diagnosticsOf,
  metricsOf,
  naiveOf,
  parametersOf,
  rowsOf,
} from '../../model-artefact.ts';
import { Heads, Panel } from '../panel.tsx';
import { Scroll } from '../scroll.tsx';
import { Note } from '../states.tsx';
import { GainPanel, PrecisionRecallPanel, ReliabilityPanel, RocPanel } from './churn-charts.tsx';
import { ChurnKpis } from './churn-figures.tsx';
import { ParametersPanel, RivalsPanel } from './parameters-panel.tsx';

export function Diagnostics({ artefact }: { artefact: Artefact }) {
  return diagnosticsOf(artefact).map(({ code, message }) => (
    <Note key={code + message}>
      <b>{code.replaceAll('-', ' ')}:</b> {message}
    </Note>
  ));
}

const PARTS = { train: 'learned from', calibrate: 'calibrated on', test: 'judged on' } as const;

export function RowsPanel({ artefact }: { artefact: Artefact }) {
  const rows = rowsOf(artefact);
  if (!rows) return null;
  return (
    <Panel title="Rows" unit="a customer is in one part only" className="snug">
      <Scroll label="Rows">
        <table className="c">
          <Heads names={['Part', ['Rows', 'r'], ['Lost', 'r'], ['Rate', 'r']]} />
          <tbody>
            {(['train', 'calibrate', 'test'] as const)
              .filter((part) => rows[part].n > 0)
              .map((part) => (
                <tr key={part}>
                  <td>{PARTS[part]}</td>
                  <td className="r">{count(rows[part].n)}</td>
                  <td className="r">{count(rows[part].lost)}</td>
                  <td className="r">{percent(rows[part].lost / rows[part].n)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}

export function ModelEvidence({ artefact }: { artefact: Artefact }) {
  const metrics = metricsOf(artefact);
  const days = definitionOf(artefact)?.horizonDays ?? null;
  return (
    <>
      <Diagnostics artefact={artefact} />
      {metrics && (
        <div className="grid">
          <ReliabilityPanel metrics={metrics} days={days} unit="rows the model never saw, 95 % intervals" />
          <div className="c6 stack">
            <ChurnKpis metrics={metrics} naive={naiveOf(artefact)} />
            <RowsPanel artefact={artefact} />
          </div>
          <RocPanel metrics={metrics} />
          <GainPanel metrics={metrics} />
          <PrecisionRecallPanel metrics={metrics} />
        </div>
      )}
      {!metrics && (
        <div className="grid">
          {parametersOf(artefact).map(({ part, parameters }) => (
            <ParametersPanel key={part} part={part} parameters={parameters} />
          ))}
          <RivalsPanel artefact={artefact} />
        </div>
      )}
    </>
  );
}
