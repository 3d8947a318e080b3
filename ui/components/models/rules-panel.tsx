// The rules a model's versions are judged by: what differs from the defaults; changed in place, while what this version would find is shown beside.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { ABSENT, counted } from '../../format.ts';
import {
  type Bound,
  countOf,
  type Draft,
  defaultDraft,
  draftOf,
  type Rules,
  ruleWord,
  settingsOf,
} from '../../gate-rules.ts';
import { useDebounced } from '../../hooks.ts';
import { type Deployment, type Gates, isOpenGate, readModelsAgain, setRules, triedGatesQuery } from '../../models.ts';
import { Action } from '../action.tsx';
import { Confirm } from '../confirm.tsx';
import { Heads, Panel } from '../panel.tsx';
import { Scroll } from '../scroll.tsx';
import { Failed, Note } from '../states.tsx';
import { GateState, gateFigure } from './gate-state.tsx';

const PREVIEW_MS = 400;
const LEAST_LETTERS = 3;
const COLUMNS = [
  ['limit', 'at most'],
  ['watch', 'while watched'],
] as const;
/** Beside the rules' own bounds. */
const GROUPS = [
  {
    group: 'offer',
    legend: 'An offer, for the profit that is compared',
    fields: [
      ['cost', 'costs'],
      ['benefit', 'brings'],
    ],
  },
  {
    group: 'least',
    legend: 'Beside the active version at least',
    fields: [
      ['minutes', 'minutes'],
      ['scores', 'scores'],
    ],
  },
] as const;
const capital = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);
const shown = (value: number | null): string => (value === null ? 'off' : gateFigure(value));

function Differing({ rules }: { rules: Rules }) {
  const { settings, offer, least } = rules;
  const rows = Object.keys(settings.rules ?? {}).flatMap((name) =>
    COLUMNS.flatMap(([column, words]) => {
      const { [column]: now, default: own } = rules.rules[name]!;
      return now === own[column]
        ? []
        : [{ name: `${ruleWord(name)}, ${words}`, now: shown(now), by: shown(own[column]) }];
    }),
  );
  if (settings.offer)
    rows.push({
      name: 'An offer costs : brings',
      now: `${offer.cost} : ${offer.benefit}`,
      by: `${rules.default.offer.cost} : ${rules.default.offer.benefit}`,
    });
  if (settings.least)
    rows.push({
      name: 'Beside the active one at least',
      now: `${least.minutes} min, ${counted(least.scores, 'score')}`,
      by: `${rules.default.least.minutes} min, ${counted(rules.default.least.scores, 'score')}`,
    });
  if (rows.length === 0)
    return <p className="lead">What is measured and how far it may go is as the platform brings it.</p>;
  return (
    <Scroll label="Rules">
      <table className="c">
        <Heads names={['Rule', ['Here', 'r'], ['By default', 'r']]} />
        <tbody>
          {rows.map(({ name, now, by }) => (
            <tr key={name}>
              <td>{name}</td>
              <td className="r num">{now}</td>
              <td className="r num t3">{by}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function BoundInput(props: {
  label: string;
  value: Bound;
  byDefault: number | null;
  bad: boolean;
  onChange: (value: Bound) => void;
}) {
  const { label, value, byDefault } = props;
  return (
    <span className="bound">
      <input
        type="text"
        inputMode="decimal"
        aria-label={label}
        aria-invalid={props.bad}
        value={value ?? ''}
        disabled={value === null}
        placeholder={value === null ? 'off' : byDefault === null ? '' : String(byDefault)}
        maxLength={20}
        onChange={(event) => props.onChange(event.target.value)}
      />
      <button
        type="button"
        className={value === null ? 'ctl on' : 'ctl'}
        aria-pressed={value === null}
        aria-label={`${label}: off`}
        onClick={() => props.onChange(value === null ? String(byDefault ?? '') : null)}
      >
        Off
      </button>
    </span>
  );
}

function Numbers(props: {
  legend: string;
  fields: readonly (readonly [name: string, label: string])[];
  values: Readonly<Record<string, string>>;
  group: string;
  bad: readonly string[];
  onChange: (name: string, value: string) => void;
}) {
  return (
    <fieldset className="numbers" aria-label={props.legend}>
      <span className="t2">{props.legend}</span>
      {props.fields.map(([name, label]) => (
        <label key={name}>
          <span>{label}</span>
          <input
            type="text"
            inputMode="decimal"
            value={props.values[name] ?? ''}
            maxLength={20}
            aria-invalid={props.bad.includes(`${props.group} ${name}`)}
            onChange={(event) => props.onChange(name, event.target.value)}
          />
        </label>
      ))}
    </fieldset>
  );
}

function Editor(props: { id: string; deployment: Deployment; gates: Gates; onClose: () => void }) {
  const { id, deployment } = props;
  const { rules } = deployment;
  const [draft, setDraft] = useState<Draft>(() => draftOf(rules));
  const [saving, setSaving] = useState(false);
  const { settings, bad } = settingsOf(draft, rules);
  const text = useDebounced(JSON.stringify(settings), PREVIEW_MS);
  const tried = useQuery({
    ...triedGatesQuery(id, text),
    enabled: bad.length === 0,
    placeholderData: keepPreviousData,
  });
  const gates = tried.data ?? props.gates;
  const open = gates.gates.filter(isOpenGate).length;
  const same = JSON.stringify(settings) === JSON.stringify(rules.settings);
  const set = (name: string, column: 'limit' | 'watch', value: Bound) =>
    setDraft((old) => ({ ...old, rules: { ...old.rules, [name]: { ...old.rules[name]!, [column]: value } } }));
  return (
    <Panel
      title="Change the rules"
      unit={`of every version of ${deployment.model}; an empty field is the default`}
      className="snug"
    >
      <p className="lead" role="status">
        <b>
          {open === 0
            ? `By these rules ${id} may answer`
            : `By these rules ${counted(open, 'gate')} of ${id} would be open`}
          .
        </b>{' '}
        Nothing is set before you say so.
      </p>
      <Scroll label="Rules" {...(tried.isPlaceholderData && { className: 'dimmed' })}>
        <table className="c rules cards">
          <Heads names={['Rule', ...COLUMNS.map(([, words]) => capital(words)), ['Value', 'r'], 'It would be']} />
          <tbody>
            {Object.entries(rules.rules).map(([name, { says, default: own }]) => {
              const gate = gates.gates.find(({ rule }) => rule === name);
              return (
                <tr key={name} data-rule={name}>
                  <td className="lead-l m" title={says}>
                    {ruleWord(name)}
                  </td>
                  {COLUMNS.map(([column, words]) => (
                    <td key={column} data-label={capital(words)}>
                      <BoundInput
                        label={`${ruleWord(name)}, ${words}`}
                        value={draft.rules[name]![column]}
                        byDefault={own[column]}
                        bad={bad.includes(`${name} ${column}`)}
                        onChange={(value) => set(name, column, value)}
                      />
                    </td>
                  ))}
                  <td className="r num" data-label="Value">
                    {gate ? gateFigure(gate.value) : ABSENT}
                  </td>
                  <td className="lead-r">{gate && <GateState gate={gate} />}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
      {GROUPS.map(({ group, legend, fields }) => (
        <Numbers
          key={group}
          legend={legend}
          group={group}
          fields={fields}
          values={draft[group]}
          bad={bad}
          onChange={(name, value) => setDraft((old) => ({ ...old, [group]: { ...old[group], [name]: value } }))}
        />
      ))}
      {bad.length > 0 && <Failed lead="Not a number that fits:">{bad.join(', ')}.</Failed>}
      {tried.isError && (
        <div role="alert">
          <Note tone="warn">{tried.error.message}</Note>
        </div>
      )}
      <div className="acts gap">
        <Action
          needs="model:approve"
          primary
          not={bad.length > 0 ? 'A field holds no number' : same ? 'Nothing has changed' : null}
          onClick={() => setSaving(true)}
        >
          Set the rules…
        </Action>
        <button type="button" className="ctl" onClick={() => setDraft(defaultDraft(rules))}>
          All as by default
        </button>
        <button type="button" className="ctl" onClick={props.onClose}>
          Close
        </button>
      </div>
      {saving && (
        <Confirm
          title={`Set the rules of ${deployment.model}?`}
          confirm="Set the rules"
          reason={{ label: 'Reason', least: LEAST_LETTERS }}
          onClose={() => setSaving(false)}
          onConfirm={async (reason) => {
            await setRules(deployment.model, settings, reason);
            await readModelsAgain();
            props.onClose();
          }}
        >
          <p>
            {countOf(settings) === 0
              ? 'Every rule is as by default from now on.'
              : `${counted(countOf(settings), 'setting')} ${countOf(settings) === 1 ? 'differs' : 'differ'} from the defaults from now on; the others follow the defaults.`}{' '}
            Every version of this model is judged by them, also one that is watched now.
          </p>
        </Confirm>
      )}
    </Panel>
  );
}

export function RulesPanel({ id, deployment, gates }: { id: string; deployment: Deployment; gates: Gates }) {
  const [editing, setEditing] = useState(false);
  if (editing) return <Editor id={id} deployment={deployment} gates={gates} onClose={() => setEditing(false)} />;
  const n = countOf(deployment.rules.settings);
  return (
    <Panel
      title="Rules"
      unit={n === 0 ? 'all as by default' : `${n} ${n === 1 ? 'differs' : 'differ'} from the defaults`}
      className="snug"
      tools={
        <Action needs="model:approve" onClick={() => setEditing(true)}>
          Change…
        </Action>
      }
    >
      <Differing rules={deployment.rules} />
    </Panel>
  );
}
