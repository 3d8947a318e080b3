// Which figures of a version are looked at: those of its training, or an evaluation against what came. One choice for all its pages; the address keeps it.
import { useNavigate } from '@tanstack/react-router';
import { useId } from 'react';
import { useMe } from '../../account.ts';
import { BASIS_WORDS, chosenOf, evaluationNames, TRAINING } from '../../evaluations.ts';
import { count, day } from '../../format.ts';
import type { Evaluation } from '../../models.ts';
import { Action } from '../action.tsx';

export function Judged(props: { id: string; items: readonly Evaluation[]; judged: string | undefined }) {
  const { id, items, judged } = props;
  const navigate = useNavigate({ from: '/models/$name/$version/{-$tab}' });
  const zone = useMe()?.workspace.zone ?? 'UTC';
  const field = useId();
  const shown = chosenOf(items, judged);
  const names = evaluationNames(items, zone);
  return (
    <div className="head sub judged">
      {items.length > 0 && (
        <>
          <label htmlFor={field}>Figures of</label>
          <select
            id={field}
            className="ctl"
            value={shown?.job ?? TRAINING}
            onChange={(event) => void navigate({ search: { judged: event.target.value }, replace: true })}
          >
            {items.map(({ job }, i) => (
              <option key={job} value={job}>
                {names[i]}
              </option>
            ))}
            <option value={TRAINING}>its training</option>
          </select>
        </>
      )}
      <span className="t3">
        {shown
          ? `until ${day(shown.until)}, ${BASIS_WORDS[shown.basis] ?? shown.basis}; ${count(shown.leakage.checked)} rows checked for a look into the future, ${count(shown.leakage.differing)} differ`
          : items.length === 0
            ? 'Figures of its training; it was not yet held against what came'
            : 'rows the model never saw'}
      </span>
      <span className="sp" />
      <Action
        needs="model:write"
        onClick={() =>
          void navigate({ to: '/jobs/new', search: { kind: 'evaluate', params: JSON.stringify({ models: [id] }) } })
        }
      >
        Evaluate
      </Action>
    </div>
  );
}
