// One version of a model: what it is, how well it ranks, whether its probabilities mean what they say, what it leans on, and how far it is on the way
// to answering. The tab is in the address; so is which evaluation is looked at.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useMay, useMe } from '../account.ts';
import { Action } from '../components/action.tsx';
import { Icon } from '../components/icon.tsx';
import { DeployTab } from '../components/models/deploy-tab.tsx';
import { CalibrationTab, ClvTab, ExplainTab, OverviewTab, PerformanceTab } from '../components/models/model-tabs.tsx';
import { StageChip } from '../components/models/stage.tsx';
import { Choice } from '../components/panel.tsx';
import { ErrorState, NotAllowed, Note, Skeleton } from '../components/states.tsx';
import { BASIS_WORDS } from '../evaluations.ts';
import { count, day } from '../format.ts';
import { useTitle } from '../hooks.ts';
import { modelKindWord } from '../job-words.ts';
import { artefactQuery, evaluationsQuery, factsQuery, modelsQuery } from '../models.ts';

const TABS = [
  ['overview', 'Overview'],
  ['performance', 'Performance'],
  ['calibration', 'Calibration'],
  ['clv', 'CLV'],
  ['explain', 'Explain'],
  ['deploy', 'Deploy'],
] as const;

/** Which figures are looked at: those of the training, or an evaluation against what came. */
function Judged({ id }: { id: string }) {
  const { name, version } = useParams({ from: '/shell/models/$name/$version/{-$tab}' });
  const { judged } = useSearch({ from: '/shell/models/$name/$version/{-$tab}' });
  const navigate = useNavigate({ from: '/models/$name/$version/{-$tab}' });
  const evaluations = useQuery(evaluationsQuery({ name, version }));
  const items = evaluations.data?.items ?? [];
  const shown = items.find(({ job }) => job === judged) ?? items[0];
  return (
    <div className="head sub judged">
      {items.length > 0 && (
        <Choice
          label="Figures of"
          value={judged === 'training' ? 'training' : (shown?.job ?? 'training')}
          options={[
            ...items.slice(0, 6).map(({ job, cutoff, question }) => [job, `${question} from ${day(cutoff)}`] as const),
            ['training', 'Its training'] as const,
          ]}
          onChange={(next) => void navigate({ search: { judged: next }, replace: true })}
        />
      )}
      {shown && judged !== 'training' ? (
        <span className="t3">
          until {day(shown.until)}, {BASIS_WORDS[shown.basis] ?? shown.basis}; {count(shown.leakage.checked)} rows
          checked for a look into the future, {count(shown.leakage.differing)} differ
        </span>
      ) : (
        <span className="t3">
          {items.length === 0
            ? 'Figures of its training; it was not yet held against what came'
            : 'Figures of its training'}
        </span>
      )}
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

function Content({ tab }: { tab: string }) {
  const { name, version } = useParams({ from: '/shell/models/$name/$version/{-$tab}' });
  const { judged } = useSearch({ from: '/shell/models/$name/$version/{-$tab}' });
  const of = { name, version };
  const id = `${name}@${version}`;
  const facts = useQuery(factsQuery(of));
  const artefact = useQuery(artefactQuery(of));
  const evaluations = useQuery(evaluationsQuery(of));
  const failed = facts.error ?? artefact.error ?? evaluations.error;
  if (failed)
    return (
      <section className="panel" aria-label={id}>
        <ErrorState
          error={failed}
          retry={() => void Promise.all([facts.refetch(), artefact.refetch(), evaluations.refetch()])}
        />
      </section>
    );
  if (!facts.data || !artefact.data || !evaluations.data)
    return (
      <section className="panel" aria-label="Loading">
        <div className="body">
          <Skeleton height={420} />
        </div>
      </section>
    );
  const { items } = evaluations.data;
  const chosen = judged === 'training' ? undefined : (items.find(({ job }) => job === judged) ?? items[0]);
  const shown = { facts: facts.data, artefact: artefact.data.artefact, evaluation: chosen };
  switch (tab) {
    case 'performance':
      return <PerformanceTab {...shown} />;
    case 'calibration':
      return <CalibrationTab {...shown} />;
    case 'clv':
      return <ClvTab {...shown} />;
    case 'explain':
      return <ExplainTab {...shown} />;
    case 'deploy':
      return <DeployTab id={id} />;
    default:
      return <OverviewTab {...shown} />;
  }
}

export function ModelView() {
  const { name, version, tab: asked } = useParams({ from: '/shell/models/$name/$version/{-$tab}' });
  const navigate = useNavigate();
  const me = useMe();
  const maySee = useMay('model:read');
  const models = useQuery({ ...modelsQuery, enabled: maySee });
  const id = `${name}@${version}`;
  const row = models.data?.items.find((each) => each.id === id);
  const rivals = models.data?.items.filter((each) => each.id.startsWith(`${name}@`) && each.id !== id) ?? [];
  const tabs = TABS.filter(([tab]) => (row?.kind === 'clv' ? true : tab !== 'clv'));
  const tab = tabs.find(([each]) => each === asked)?.[0] ?? 'overview';
  useTitle(`${id}, ${tab}`);
  if (me && !maySee) return <NotAllowed title="Model" what="this model" things="models" />;
  const rival = rivals.find((each) => each.in_force) ?? rivals[0];
  return (
    <>
      <div className="head">
        <Link className="crumb hide" to="/models">
          Models
        </Link>
        <span className="crumb hide">/</span>
        <h1>{id}</h1>
        {row && <StageChip stage={row.stage} percent={row.percent} />}
        {row?.aliases.map((alias) => (
          <span key={alias} className="chip hide">
            {alias}
          </span>
        ))}
        {row && <span className="chip hide">{modelKindWord(row.kind)}</span>}
        <span className="sp" />
        <a
          className="ctl ghost hide"
          href={`/api/models/${name}/versions/${version}/card?format=markdown`}
          download={`${name}-${version}.md`}
        >
          <Icon name="docs" small />
          Model card
        </a>
        <a className="ctl ghost" href={`/api/models/${name}/versions/${version}/artefact`} download>
          <Icon name="download" small />
          Artefact
        </a>
        <button
          type="button"
          className={rival ? 'ctl' : 'ctl dis'}
          aria-disabled={rival ? undefined : true}
          title={rival ? `With ${rival.id}` : 'There is no other version of it yet'}
          onClick={() =>
            rival && void navigate({ to: '/models/compare', search: { versions: [rival.id, id].join(',') } })
          }
        >
          Compare
        </button>
      </div>
      <nav className="tabs" aria-label={`Pages of ${id}`}>
        {tabs.map(([each, word]) => (
          <Link
            key={each}
            to="/models/$name/$version/{-$tab}"
            params={{ name, version, tab: each === 'overview' ? undefined : each }}
            search={(old) => old}
            activeOptions={{ exact: true, includeSearch: false }}
            aria-current={each === tab ? 'page' : undefined}
          >
            {word}
          </Link>
        ))}
      </nav>
      {maySee && tab !== 'deploy' && tab !== 'overview' && <Judged id={id} />}
      {models.data && !row ? (
        <Note tone="warn">
          <b>There is no {id}.</b> The list of models has what there is.
        </Note>
      ) : (
        maySee && <Content tab={tab} />
      )}
    </>
  );
}
