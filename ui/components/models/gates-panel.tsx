// The gates before a version, as they are judged now: value, limit, why, what to do. What stands in the way first, what does not apply last.
import { ruleWord } from '../../gate-rules.ts';
import { type Gate, type Gates, isOpenGate } from '../../models.ts';
import { Heads, Panel } from '../panel.tsx';
import { Scroll } from '../scroll.tsx';
import { GateState, gateFigure } from './gate-state.tsx';

function GateRow({ gate }: { gate: Gate }) {
  return (
    <tr data-gate={gate.rule} className={gate.applicable ? undefined : 't3'}>
      <td className="lead-r">
        <GateState gate={gate} />
      </td>
      <td className="lead-l m" title={gate.says}>
        {ruleWord(gate.rule)}
      </td>
      <td className="r num" data-label="Value">
        {gateFigure(gate.value)}
      </td>
      <td className="r num" data-label="At most">
        {gateFigure(gate.limit)}
      </td>
      <td className="wrap t2 whole">
        {gate.why}
        {gate.what_to_do && <b className="m"> {gate.what_to_do}</b>}
      </td>
    </tr>
  );
}

export function GatesPanel({ gates }: { gates: Gates }) {
  const place = ({ applicable, passed, approved }: Gate) => (!applicable ? 2 : passed === true || approved ? 1 : 0);
  const open = gates.gates.filter(isOpenGate);
  return (
    <Panel
      title={
        gates.passed ? 'Gates let it answer' : `${open.length} of its gates ${open.length === 1 ? 'is' : 'are'} open`
      }
      unit={gates.against ? `against ${gates.against}` : 'there is no other version to compare with'}
      className="snug"
    >
      <Scroll label="Gates">
        <table className="c cards">
          <Heads names={['State', 'Gate', ['Value', 'r'], ['At most', 'r'], 'Why']} />
          <tbody>
            {[...gates.gates]
              .sort((a, b) => place(a) - place(b))
              .map((gate) => (
                <GateRow key={gate.rule} gate={gate} />
              ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}
