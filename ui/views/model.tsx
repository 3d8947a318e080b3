// One version of a model: what it is, how well it ranks, whether its probabilities mean what they say, what it leans on, and how far it is on the way
// to answering. The tab is in the address; so is which evaluation is looked at.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useMay, useMe } from '../account.ts';
import { Icon } from '../components/icon.tsx';
import { DeployTab } from '../components/models/deploy-tab.tsx';
import { Judged } from '../components/models/judged.tsx';
import { CalibrationTab, ClvTab, ExplainTab, OverviewTab, PerformanceTab } from '../components/models/model-tabs.tsx';
import { StageChip } from '../components/models/stage.tsx';
import { ErrorState, NotAllowed, Note, Skeleton } from '../components/states.tsx';
import { chosenOf } from '../evaluations.ts';
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

/** Of the figures that are chosen. */
const JUDGED_TABS: Record<string, typeof PerformanceTab | undefined> = {
  performance: PerformanceTab,
  calibration: CalibrationTab,
  clv: ClvTab,
  explain: ExplainTab,
};

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
  const shown = { facts: facts.data, artefact: artefact.data.artefact, evaluation: chosenOf(items, judged) };
  if (tab === 'deploy') return <DeployTab id={id} />;
  const Tab = JUDGED_TABS[tab];
  if (!Tab) return <OverviewTab {...shown} />;
  return (
    <>
      <Judged id={id} items={items} judged={judged} />
      <Tab {...shown} />
    </>
  );
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
