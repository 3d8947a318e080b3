// All versions of all models: what answers, what stands beside, how good each was on what it never saw. Filter, order and choice are in the address.
import { useQueries, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMay, useMe } from '../account.ts';
import { Action } from '../components/action.tsx';
import { Icon } from '../components/icon.tsx';
import { StageChip } from '../components/models/stage.tsx';
import { Choice } from '../components/panel.tsx';
import { Scroll } from '../components/scroll.tsx';
import { ErrorState, NotAllowed, Skeleton, State } from '../components/states.tsx';
import { ABSENT, ago, count, day, signed, time } from '../format.ts';
import { useNow, useTitle } from '../hooks.ts';
import { modelKindWord } from '../job-words.ts';
import { factsQuery, type ModelFacts, type ModelRow, modelsQuery, versionOf } from '../models.ts';

const SORTS = ['name', 'age', 'auc', 'brier'] as const;
type Sort = (typeof SORTS)[number];
interface Listed {
  row: ModelRow;
  facts: ModelFacts | undefined;
}

const figure = (facts: ModelFacts | undefined, name: string): number | null => facts?.metrics[name] ?? null;
/** The better first; who has no such figure last. */
const ORDER: Record<Sort, (a: Listed, b: Listed) => number> = {
  name: (a, b) =>
    a.row.id.split('@')[0]! < b.row.id.split('@')[0]!
      ? -1
      : a.row.id.split('@')[0] === b.row.id.split('@')[0]
        ? b.row.version - a.row.version
        : 1,
  age: (a, b) => Date.parse(b.row.created_at) - Date.parse(a.row.created_at),
  auc: (a, b) => (figure(b.facts, 'auc') ?? -1) - (figure(a.facts, 'auc') ?? -1),
  brier: (a, b) => (figure(a.facts, 'brier') ?? 9) - (figure(b.facts, 'brier') ?? 9),
};

/** What is asked first of this kind of model, in one figure with what it means. */
export function headline({ kind, metrics }: ModelFacts): string {
  const { concordance, tracking_error: tracking } = metrics;
  if (kind === 'clv') return tracking == null ? ABSENT : `tracks ${signed(100 * tracking, 1)}\u202f%`;
  if (kind === 'churn-cox') return concordance == null ? ABSENT : `concordance ${concordance.toFixed(3)}`;
  return metrics.calibration_slope == null ? ABSENT : `slope ${metrics.calibration_slope.toFixed(2)}`;
}

function Row({ listed: { row, facts }, chosen, onChoose }: { listed: Listed; chosen: boolean; onChoose: () => void }) {
  const now = useNow(60_000);
  const zone = useMe()?.workspace.zone ?? 'UTC';
  const auc = figure(facts, 'auc');
  const brier = figure(facts, 'brier');
  return (
    <tr className={chosen ? 'hl' : undefined}>
      <td className="lead-l">
        <input type="checkbox" className="pick" checked={chosen} onChange={onChoose} aria-label={`Compare ${row.id}`} />
      </td>
      <td className="whole">
        <Link className="jlink" to="/models/$name/$version/{-$tab}" params={versionOf(row.id)}>
          {row.id}
        </Link>
        {row.aliases.length > 0 && <span className="t3 s11 under">{row.aliases.join(', ')}</span>}
      </td>
      <td className="lead-r">
        <StageChip stage={row.stage} percent={row.percent} />
      </td>
      <td data-label="Answers">{modelKindWord(row.kind)}</td>
      <td className="r" data-label="Horizon">
        {facts?.horizon_days == null ? (row.kind === 'clv' ? 'any' : ABSENT) : `${facts.horizon_days}\u202fd`}
      </td>
      <td className="r" data-label="AUC">
        {auc === null ? ABSENT : auc.toFixed(3)}{' '}
        {auc !== null && figure(facts, 'auc_lower') !== null && (
          <span className="iv">
            {figure(facts, 'auc_lower')!.toFixed(3)}–{figure(facts, 'auc_upper')!.toFixed(3)}
          </span>
        )}
      </td>
      <td className="r" data-label="Brier">
        {brier === null ? ABSENT : brier.toFixed(4)}
      </td>
      <td className="r" data-label="Calibration, fit">
        {facts ? headline(facts) : ABSENT}
      </td>
      <td className="r" data-label="Learned until">
        {facts?.window.to ? (
          <span
            title={`${facts.window.from ? `from ${day(facts.window.from)}, ` : ''}${count(facts.window.events)} events`}
          >
            {day(facts.window.to)}
          </span>
        ) : (
          ABSENT
        )}
      </td>
      <td className="r" data-label="Made" title={time(row.created_at, zone)}>
        {ago(row.created_at, now, zone).split(',')[0]}
      </td>
    </tr>
  );
}

function Head({ sort, onSort }: { sort: Sort; onSort: (sort: Sort) => void }) {
  const by = (name: Sort, word: string, r = true) => (
    <th
      scope="col"
      className={r ? 'r' : undefined}
      aria-sort={sort === name ? (name === 'brier' || name === 'name' ? 'ascending' : 'descending') : undefined}
    >
      <button type="button" className={sort === name ? 'sort on' : 'sort'} onClick={() => onSort(name)}>
        {word}
        {sort === name && <Icon name="down" small />}
      </button>
    </th>
  );
  return (
    <thead>
      <tr>
        <th scope="col">
          <span className="sr">Compare</span>
        </th>
        {by('name', 'Version', false)}
        <th scope="col">Stage</th>
        <th scope="col">Answers</th>
        <th scope="col" className="r">
          Horizon
        </th>
        {by('auc', 'AUC, 95 %')}
        {by('brier', 'Brier')}
        <th scope="col" className="r">
          Calibration, fit
        </th>
        <th scope="col" className="r">
          Learned until
        </th>
        {by('age', 'Made')}
      </tr>
    </thead>
  );
}

export function ModelsView() {
  useTitle('Models');
  const { kind, stage, sort: asked, sel } = useSearch({ from: '/shell/models' });
  const navigate = useNavigate({ from: '/models' });
  const me = useMe();
  const maySee = useMay('model:read');
  const models = useQuery({ ...modelsQuery, enabled: maySee });
  const items = models.data?.items ?? [];
  const facts = useQueries({ queries: items.map(({ id }) => factsQuery(versionOf(id))) });
  if (me && !maySee) return <NotAllowed title="Models" what="models" />;
  const sort = SORTS.find((each) => each === asked) ?? 'name';
  const chosen = new Set((sel ?? '').split(',').filter(Boolean));
  const kinds = [...new Set(items.map((each) => each.kind))];
  const stages = [...new Set(items.map((each) => each.stage))];
  const listed = items
    .map((row, i): Listed => ({ row, facts: facts[i]?.data }))
    .filter(({ row }) => (kind ?? row.kind) === row.kind && (stage ?? row.stage) === row.stage)
    .sort(ORDER[sort]);
  const choose = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    void navigate({ search: (old) => ({ ...old, sel: [...next].join(',') || undefined }), replace: true });
  };
  return (
    <>
      <div className="head">
        <h1>Models</h1>
        {models.data && (
          <span className="chip num">
            <b>{count(listed.length)}</b>
            {listed.length !== items.length && <span>of {count(items.length)}</span>}
          </span>
        )}
        {kinds.length > 1 && (
          <Choice
            label="Answers"
            value={kind ?? ''}
            options={[['', 'All'] as const, ...kinds.map((each) => [each as string, modelKindWord(each)] as const)]}
            onChange={(next) => void navigate({ search: (old) => ({ ...old, kind: next || undefined }) })}
          />
        )}
        {stages.length > 1 && (
          <Choice
            label="Stage"
            value={stage ?? ''}
            options={[['', 'Any stage'] as const, ...stages.map((each) => [each as string, each] as const)]}
            onChange={(next) => void navigate({ search: (old) => ({ ...old, stage: next || undefined }) })}
          />
        )}
        <span className="sp" />
        <button
          type="button"
          className={chosen.size < 2 ? 'ctl dis' : 'ctl'}
          aria-disabled={chosen.size < 2 ? true : undefined}
          title={chosen.size < 2 ? 'Choose two versions or more' : undefined}
          onClick={() =>
            chosen.size >= 2 && void navigate({ to: '/models/compare', search: { versions: [...chosen].join(',') } })
          }
        >
          Compare{chosen.size >= 2 ? ` ${chosen.size}` : ''}
        </button>
        <Action
          needs="model:write"
          primary
          icon="plus"
          onClick={() => void navigate({ to: '/jobs/new', search: { kind: 'train' } })}
        >
          Train
        </Action>
      </div>
      <section className="panel list" aria-label="Models" aria-busy={models.isFetching}>
        {models.isPending ? (
          <div className="body">
            <Skeleton rows={5} />
          </div>
        ) : !models.data ? (
          <ErrorState error={models.error!} retry={() => void models.refetch()} />
        ) : listed.length === 0 ? (
          <State
            icon="models"
            title={items.length === 0 ? 'No model yet' : 'No version of this kind and stage'}
            actions={
              <Link className="ctl pri" to="/jobs/new" search={{ kind: 'train' }}>
                See what a training needs
              </Link>
            }
          >
            <p>
              {items.length === 0
                ? 'After an import the platform fits what the data allow. A training says beforehand what is missing.'
                : 'Another kind or stage has some.'}
            </p>
          </State>
        ) : (
          <Scroll label="Models">
            <table className="jobs cards sorted">
              <Head sort={sort} onSort={(next) => void navigate({ search: (old) => ({ ...old, sort: next }) })} />
              <tbody>
                {listed.map((each) => (
                  <Row
                    key={each.row.id}
                    listed={each}
                    chosen={chosen.has(each.row.id)}
                    onChoose={() => choose(each.row.id)}
                  />
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
        {listed.length > 0 && (
          <div className="foot">
            <span className="t3">
              AUC and Brier of customers the version never learned from, at its training; later evaluations are on its
              page
            </span>
          </div>
        )}
      </section>
    </>
  );
}
