// On the way to answering: where each version stands, the gates of this one with value, limit and why, the live comparison with what answers now, and
// every step that was taken, with its reason.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useMe } from '../../account.ts';
import { count, percent, signed, time } from '../../format.ts';
import {
  type Deployment,
  deploymentQuery,
  gatesQuery,
  happenedWords,
  isOpenGate,
  readModelsAgain,
  type StepName,
  stepTo,
  takenBackBy,
  versionOf,
} from '../../models.ts';
import { Action } from '../action.tsx';
import { Confirm } from '../confirm.tsx';
import { Panel } from '../panel.tsx';
import { Scroll } from '../scroll.tsx';
import { ErrorState, Note, Skeleton } from '../states.tsx';
import { ComparisonPanel } from './comparison-panel.tsx';
import { GatesPanel } from './gates-panel.tsx';
import { RulesPanel } from './rules-panel.tsx';
import { StageChip } from './stage.tsx';

const LEAST_LETTERS = 3;
const EFFECTS: Record<StepName, { title: string; confirm: string; says: string; danger?: boolean }> = {
  shadow: {
    title: 'Shadow',
    confirm: 'Score it beside',
    says: 'It is scored beside the active version. Nobody is answered by it.',
  },
  canary: {
    title: 'Canary',
    confirm: 'Let it answer some',
    says: 'It answers this share of the customers, always the same ones; more only adds to them. Everybody else is answered as before.',
  },
  promote: {
    title: 'Promote',
    confirm: 'Let it answer everybody',
    says: 'From a barrier in the log on it answers everybody. What was answered before stays as it was; a rollback restores it bit for bit.',
  },
  challenger: {
    title: 'Challenger',
    confirm: 'Call it the challenger',
    says: 'What asks for the challenger, a comparison or a planned evaluation, means this version from now on. Nobody is answered by it.',
  },
  free: {
    title: 'Free the name of challenger from',
    confirm: 'Free the name',
    says: 'Nobody is the challenger by hand any more. What asks for one gets the canary, and where there is none, nothing.',
  },
  approve: {
    title: 'Approve',
    confirm: 'Approve',
    says: 'The gates that are open need not be met for this version. It is kept under your name.',
  },
  withdraw: {
    title: 'Withdraw',
    confirm: 'Withdraw',
    says: 'It leaves shadow or canary. The active version answers everybody.',
  },
  rollback: {
    title: 'Roll back',
    confirm: 'Roll back',
    says: 'A canary ends; without one the version that was active before answers again, bit for bit as it did.',
    danger: true,
  },
  retire: {
    title: 'Retire',
    confirm: 'Retire',
    says: 'It is kept with all it said, and cannot answer any more.',
    danger: true,
  },
};

function History({ deployment }: { deployment: Deployment }) {
  const zone = useMe()?.workspace.zone ?? 'UTC';
  return (
    <Panel title="Every step" unit="newest first; each is a fact of the log" className="snug">
      {deployment.history.length === 0 ? (
        <p className="lead">None was taken yet.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
        <ol className="happened" tabIndex={0} aria-label="Every step">
          {deployment.history.map(({ at, event, id, percent: share, reason, automatic, seq, from }) => (
            <li key={at + event + id}>
              <time dateTime={at}>{time(at, zone)}</time>
              <span>
                <b className="m">{id ?? deployment.model}</b> {happenedWords({ event, id })}
                {share !== null && ` at ${share}\u202f%`}
                {from && ` from ${from}`}
                {automatic && ' by the platform itself'}
                {seq !== null && <span className="t3 mono"> #{count(seq)}</span>}
                {reason && <span className="t2">: {reason}</span>}
              </span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

function Versions({ deployment, id }: { deployment: Deployment; id: string }) {
  return (
    <Panel title="Which version answers" unit={deployment.model} className="snug">
      <Scroll label="Which version answers">
        <table className="c">
          <tbody>
            {deployment.versions.map((each) => (
              <tr key={each.id} className={each.id === id ? 'hl' : undefined}>
                <td>
                  <Link
                    className="jlink"
                    to="/models/$name/$version/{-$tab}"
                    params={{ ...versionOf(each.id), tab: 'deploy' }}
                  >
                    {each.id}
                  </Link>
                  {each.aliases.length > 0 && <span className="t3 under">{each.aliases.join(', ')}</span>}
                </td>
                <td className="r">
                  <StageChip stage={each.stage} percent={each.percent} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {deployment.watched && (
        <p className="lead gap">
          <b>{deployment.watched.id} is watched</b> until {time(deployment.watched.until)}: the platform takes it back
          by itself when it goes beyond a rule.
        </p>
      )}
      {deployment.unscored.map((each) => (
        <Note key={each.id} tone="warn">
          <b>{each.id} could not be scored</b> beside {each.against} when last looked at: {each.why}.
        </Note>
      ))}
    </Panel>
  );
}

export function DeployTab({ id }: { id: string }) {
  const { name } = versionOf(id);
  const deployment = useQuery(deploymentQuery(name));
  const gates = useQuery(gatesQuery(id));
  const [step, setStep] = useState<StepName | null>(null);
  const [share, setShare] = useState('10');
  const failed = deployment.error ?? gates.error;
  if (failed && (!deployment.data || !gates.data))
    return (
      <section className="panel" aria-label="Deploy">
        <ErrorState error={failed} retry={() => void Promise.all([deployment.refetch(), gates.refetch()])} />
      </section>
    );
  if (!deployment.data || !gates.data)
    return (
      <section className="panel" aria-label="Loading">
        <div className="body">
          <Skeleton rows={10} />
        </div>
      </section>
    );
  const { stage } = deployment.data.versions.find((each) => each.id === id) ?? { stage: 'registered' };
  const active = stage === 'active';
  const retired = stage === 'retired' ? 'It is retired' : null;
  const others = deployment.data.versions.length > 1;
  const open = gates.data.gates.some(isOpenGate);
  const answers = active ? 'It answers already' : retired;
  const effect = step && EFFECTS[step];
  // A canary is the challenger without being named so.
  const isNamed = deployment.data.challenger === id && deployment.data.challenger_by_hand;
  return (
    <div className="stack">
      <div className="steps-bar">
        <Action
          needs="model:deploy"
          not={stage === 'shadow' ? 'It is in shadow' : answers}
          onClick={() => setStep('shadow')}
        >
          Shadow…
        </Action>
        {isNamed ? (
          <Action needs="model:deploy" onClick={() => setStep('free')}>
            Not the challenger…
          </Action>
        ) : (
          <Action needs="model:deploy" not={answers} onClick={() => setStep('challenger')}>
            Challenger…
          </Action>
        )}
        <Action needs="model:deploy" not={answers} onClick={() => setStep('canary')}>
          {stage === 'canary' ? 'Another share…' : 'Canary…'}
        </Action>
        <Action
          needs="model:deploy"
          primary={!active && gates.data.passed}
          not={answers ?? (gates.data.passed ? null : 'Its gates do not let it')}
          onClick={() => setStep('promote')}
        >
          Promote…
        </Action>
        <Action needs="model:approve" not={open ? null : 'No gate is open'} onClick={() => setStep('approve')}>
          Approve…
        </Action>
        <span className="sp" />
        {(stage === 'shadow' || stage === 'canary') && (
          <Action needs="model:deploy" onClick={() => setStep('withdraw')}>
            Withdraw…
          </Action>
        )}
        <Action
          needs="model:deploy"
          danger
          not={others ? null : 'There is no other version'}
          onClick={() => setStep('rollback')}
        >
          Roll back…
        </Action>
        <Action needs="model:deploy" not={answers} onClick={() => setStep('retire')}>
          Retire…
        </Action>
      </div>
      <div className="grid tops">
        <div className="c8 stack">
          <GatesPanel gates={gates.data} />
          {gates.data.comparison ? (
            <ComparisonPanel measured={gates.data.comparison} />
          ) : (
            <Note>There is nothing to compare with: no other version of {name} answers.</Note>
          )}
          <RulesPanel id={id} deployment={deployment.data} gates={gates.data} />
        </div>
        <div className="c4 stack">
          <Versions deployment={deployment.data} id={id} />
          <History deployment={deployment.data} />
        </div>
      </div>
      {step && effect && (
        <Confirm
          title={step === 'rollback' ? `Roll back ${name}?` : `${effect.title} ${id}?`}
          confirm={effect.confirm}
          danger={effect.danger ?? false}
          reason={{ label: 'Reason', least: LEAST_LETTERS }}
          onClose={() => setStep(null)}
          onConfirm={async (reason) => {
            const of = step === 'rollback' ? takenBackBy(deployment.data) : id;
            try {
              await (step === 'canary' ? stepTo.canary(of, reason, Number(share)) : stepTo[step](of, reason));
            } finally {
              await readModelsAgain();
            }
          }}
        >
          <p>{effect.says}</p>
          {step === 'rollback' && (
            <p>
              {deployment.data.canary ? (
                <>
                  The canary <b>{deployment.data.canary.id}</b> ends.
                </>
              ) : (
                <>
                  Now <b>{deployment.data.active ?? 'none'}</b> answers; it is taken back.
                </>
              )}
            </p>
          )}
          {(step === 'canary' || step === 'promote') && gates.data.comparison && (
            <p className="t2">
              Of {count(gates.data.comparison.compared)} customers{' '}
              {gates.data.comparison.churn
                ? `${percent(gates.data.comparison.churn.band_changed)} would be in another band of risk`
                : 'no churn risk is compared'}
              {gates.data.comparison.value &&
                `, and mean lifetime value ${signed(gates.data.comparison.value.mean.candidate - gates.data.comparison.value.mean.active, 2)}`}
              .
            </p>
          )}
          {step === 'approve' && (
            <p>
              Open:{' '}
              {gates.data.gates
                .filter(isOpenGate)
                .map(({ rule }) => rule)
                .join(', ')}
              .
            </p>
          )}
          {step === 'canary' && (
            <label className="share">
              <span>Share of the customers, %</span>
              <input type="number" min={1} max={99} value={share} onChange={(event) => setShare(event.target.value)} />
            </label>
          )}
        </Confirm>
      )}
    </div>
  );
}
