// What the serving side knows besides the columns: the models that were ever in force, the workspace's clock and rates, ledgers of the present
// and of the past; and the scores table, kept current in the background.

import { viewOf } from '#api/ledgers.ts';
import type { Deployment, FitRequest, ServingChurnModel, ServingModel } from '#api/model-deps.ts';
import { type Answering, answeringOf, logNow } from '#api/predict/as-of.ts';
import type { ClockInfo, Ledgers } from '#api/read-deps.ts';
import { inCanary } from '#domain/canary.ts';
import { CHURN_KINDS, type ChurnDefinition } from '#domain/churn-definition.ts';
import { gapWarning } from '#domain/clock.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import { type Rates, ratesOf } from '#domain/rates.ts';
import { dayOf } from '#domain/time.ts';
import type { Pool } from '#processors/pool.ts';
import type { ChurnColumnsRequest } from '#processors/scoring/churn-columns.ts';
import { createChurnScorer } from '#processors/scoring/churn-scorer.ts';
import { leftOf, type ScoresLeft } from '#processors/scoring/left.ts';
import type { ScoreHorizons, ScoreInput } from '#processors/scoring/score-columns.ts';
import { createScorer } from '#processors/scoring/scorer.ts';
import { type Columns, createCustomerColumns } from '#projections/memory/columns.ts';
import { scaleOf } from '#projections/memory/history.ts';
import type { PastHandlers } from '#projections/memory/past/protocol.ts';
import type { FoldHandlers, FoldMessage } from '#projections/memory/protocol.ts';
import { type ChurnInForce, hasContracts, type WorkspaceFacts } from '#projections/memory/workspace.ts';
import type { ProjectorHandlers } from '#projections/protocol.ts';
import type { ScoreBatch } from '#projections/scores.ts';
import type { Keyring } from '#streams/keyring/keyring.ts';
import type { Remote } from '#streams/rpc.ts';

interface ServingDeps {
  calls: Remote<FoldHandlers>;
  past: Pick<Remote<PastHandlers>, 'customers' | 'money' | 'clockAt' | 'statistics'>;
  columns: Columns;
  /** The model behind a deployment, from its artefact. */
  modelOf(deployment: Deployment): { clv: ServingModel } | { churn: ServingChurnModel };
  pool: Pool;
  projector: Remote<ProjectorHandlers>;
  /** Of the scores table: how many of the model's, the largest position and the oldest clock among them. */
  scoresLeft(modelId: string): Promise<ScoresLeft>;
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

export async function createServing({ calls, past, columns, modelOf, pool, projector, scoresLeft, log }: ServingDeps) {
  let facts: WorkspaceFacts = await calls.facts();
  let clock: ClockInfo = clockOf(facts);
  let rates: Rates = ratesOf(facts.reportingCurrency, facts.rates);
  const deployments: Deployment[] = [];
  const models: ServingModel[] = [];
  const churnModels: ServingChurnModel[] = [];

  const adopt = (next: WorkspaceFacts): void => {
    facts = next;
    clock = clockOf(next);
    rates = ratesOf(next.reportingCurrency, next.rates);
  };
  const deploy = (deployment: Deployment): void => {
    if (deployments.some((known) => known.seq === deployment.seq)) return;
    const found = modelOf(deployment);
    if ('clv' in found) models.push(found.clv);
    else churnModels.push(found.churn);
    deployments.push(deployment);
    log.info({ model: deployment.model, version: deployment.version, seq: deployment.seq }, 'model in force');
  };
  /** After a position was waited for: what it said has arrived here too. */
  async function refresh(): Promise<void> {
    adopt(await calls.facts());
    for (const deployment of await calls.deployments()) deploy(deployment);
  }
  await refresh();
  const { clockDay, priorDay } = await calls.position();
  const gap = clock.mode === 'log' ? gapWarning(clockDay, priorDay) : null;
  if (gap !== null) log.warn({ gap }, 'the clock of the log follows a gap');

  const dayOfClock = (): { day: number; at: number; mode: 'log' | 'wall' } => {
    const { mode, offsets } = clock;
    if (mode === 'log') return { ...logNow(columns.state(), offsets), mode };
    const at = Date.now();
    return { day: dayOf(at, offsets), at, mode };
  };

  const scoring = {
    dirtyRows: (since: number, limit: number) => calls.dirtyRows(since, limit),
    writeScores: (batch: ScoreBatch) => projector.writeScores(batch),
    left: async (modelId: string) =>
      leftOf(await scoresLeft(modelId), modelId, [...models, ...churnModels], facts.churn, clock.offsets),
    clock: dayOfClock,
    log,
  };
  const definitions = (): ChurnDefinition[] => [
    ...new Map(facts.churn.map(({ definition }) => [definition.kind, definition])).values(),
  ];
  /** The model that is asked first, as api/predict/churn.ts has it. */
  const churnOf = (kind: ChurnDefinition['kind']): Answering<ServingChurnModel> | null => {
    const of = (name: ServingChurnModel['model']['model']) =>
      answeringOf(
        churnModels.filter(({ model }) => model.model === name && model.definition.kind === kind),
        Number.POSITIVE_INFINITY,
      );
    return of('churn-logistic') ?? of('churn-cox');
  };
  const value = () => answeringOf(models, Number.POSITIVE_INFINITY);
  /** Of a canary: its own share, from the beginning at every start; what is left of an earlier one may be of another share. */
  const ofCanary = {
    concerns: ({ id, percent = 100 }: { id: string; percent?: number }, sid: Uint8Array) =>
      inCanary(sid, id.split('@')[0]!, percent),
    left: async () => null,
  };
  const createScorers = (loop: typeof scoring) => {
    const byValue = {
      ...loop,
      score: (model: ClvModel, input: ScoreInput, horizons: ScoreHorizons) => pool.score(model, input, horizons),
      contracts: () => hasContracts(facts),
      minorPerMajor: () => scaleOf(facts.reportingCurrency),
    };
    const byChurn = {
      ...loop,
      score: (request: ChurnColumnsRequest) => pool.scoreChurn(request),
      entriesOf: (sids: Uint8Array[]) => calls.entriesOf(sids),
      definitions,
      money: () => ({ reportingCurrency: facts.reportingCurrency, rates: facts.rates }),
    };
    return [
      createScorer({ ...byValue, model: () => value()?.active ?? null }),
      createScorer({ ...byValue, ...ofCanary, model: () => value()?.canary ?? null }),
      ...CHURN_KINDS.flatMap((kind) => [
        createChurnScorer({ ...byChurn, model: () => churnOf(kind)?.active ?? null }),
        createChurnScorer({ ...byChurn, ...ofCanary, model: () => churnOf(kind)?.canary ?? null }),
      ]),
    ];
  };
  const scorers = createScorers(scoring);

  /** Rates of earlier positions, by what the past's thread names them; few are ever asked for. */
  const pastRates = new Map<number, Promise<Rates>>();
  function ratesThen(moneyOf: number, seq: number): Promise<Rates> {
    let found = pastRates.get(moneyOf);
    if (found === undefined) {
      found = past.money(seq).then(({ reportingCurrency, rates: list }) => ratesOf(reportingCurrency, list));
      found.catch(() => pastRates.delete(moneyOf));
      if (pastRates.size >= RATES_KEPT) pastRates.delete(pastRates.keys().next().value!);
      pastRates.set(moneyOf, found);
    }
    return found;
  }

  const row = createCustomerColumns();
  const flagsNow = (sid: Uint8Array): number => {
    const at = columns.rowOf(sid);
    return at >= 0 && columns.read(at, row) ? row.flags : 0;
  };
  const ledgers: Ledgers = {
    async present(sids) {
      const entries = await calls.entriesOf(sids);
      return sids.map((sid, i) => (entries[i] ? viewOf(entries[i], rates, flagsNow(sid)) : null));
    },
    // Identity and coverage as the log had them then: nothing imported later changes an old answer.
    async past(sids, seq) {
      const { customers, moneyOf } = await past.customers(sids, seq);
      const used = await ratesThen(moneyOf, seq);
      return customers.map((customer) => customer && viewOf(customer.entries, used, customer.flags));
    },
    clockAt: (seq) => past.clockAt(seq),
  };

  return {
    refresh,
    /** What the fold thread says by itself. */
    hear(message: FoldMessage): void {
      if (message.event === 'clock') adopt(message.facts);
      else if (message.event === 'model.deployed') deploy(message.deployment);
    },
    deployments: (): readonly Deployment[] => deployments,
    models: (): readonly ServingModel[] => models,
    churnModels: (): readonly ServingChurnModel[] => churnModels,
    churnDefinitions: (): readonly ChurnInForce[] => facts.churn,
    /** The log's end, its local day, and what a fold of it needs. */
    present: () => ({ seq: columns.state().seq, day: dayOfClock().day, offsets: facts.offsets }),
    clock: (): ClockInfo => clock,
    facts: (): WorkspaceFacts => facts,
    ledgers,
    async settle(): Promise<void> {
      for (const scorer of scorers) await scorer.settle();
    },
    /** Everybody by the models in force, into another place than the live table. */
    async scoreAll(write: (batch: ScoreBatch) => Promise<number>): Promise<void> {
      for (const scorer of createScorers({ ...scoring, writeScores: write, left: async () => null })) {
        await using once = scorer;
        await once.settle();
      }
    },
    definitions,
    /** Statistics for a fit: of now, or as the log stood at `seq`, up to a local day. */
    async statistics(asOf: FitRequest['asOf']) {
      const present = asOf === null || asOf.seq >= columns.state().seq;
      const statistics = present
        ? await calls.trainingStatistics(asOf?.day ?? dayOfClock().day)
        : await past.statistics(asOf.seq, asOf.day);
      const { histories, spend, evidence, seq, day, clockAt: at, firstDay, excluded } = statistics;
      return { data: { histories, spend, evidence }, seq, day, at, firstDay, excluded };
    },
    async portableDigest(keyring: Pick<Keyring, 'idsOf'>): Promise<string> {
      const ids = new Map<string, string>();
      const rows = columns.rows();
      for (let from = 0; from < rows; from += PAGE) {
        const sids = Array.from({ length: Math.min(PAGE, rows - from) }, (_, i) => columns.sidOf(from + i));
        const names = await keyring.idsOf(sids);
        for (const [i, name] of names.entries())
          if (name !== null) ids.set(Buffer.from(sids[i]!).toString('hex'), name);
      }
      return (await calls.portableDigest(ids)).portable;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all(scorers.map((scorer) => scorer[Symbol.asyncDispose]()));
    },
  };
}

const PAGE = 10_000;
const RATES_KEPT = 64;
function clockOf({ clock, offsets, zones }: WorkspaceFacts): ClockInfo {
  const offsetsAt = (seq: number) => zones.findLast((each) => each.seq <= seq)?.offsets ?? zones[0]?.offsets ?? offsets;
  return { mode: clock, offsets, offsetsAt };
}
