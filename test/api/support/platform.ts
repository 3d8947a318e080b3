// The API over a real fold in memory: events go through the real parsers, packs and ledger; only the engines, the keyring and the worker
// threads are replaced by maps and direct calls.
import { createHash } from 'node:crypto';
import { type App, createApp } from '#api/app.ts';
import { refOf } from '#api/customers.ts';
import { DEFAULT_LIMITS, type Deps } from '#api/deps.ts';
import type { LedgersReport } from '#api/integrity-deps.ts';
import { createMetrics } from '#api/metrics.ts';
import type { ServingChurnModel } from '#api/model-deps.ts';
import type { Role } from '#domain/access.ts';
import type { ChurnModel } from '#domain/models/churn-model.ts';
import { clvColumns } from '#domain/models/clv-columns.ts';
import type { ClvCovariance, ClvModel } from '#domain/models/clv-model.ts';
import { UTC } from '#domain/time.ts';
import { modelCard } from '#ops/model-card.ts';
import { packRows, parquetOf } from '#processors/parquet-rows.ts';
import { openColumns } from '#projections/memory/columns.ts';
import { parkedCustomers } from '#projections/memory/parked-lists.ts';
import { summaryOf } from '#projections/memory/past/summary.ts';
import { CDNOW_MODEL } from './cdnow-model.ts';
import { createFakeAccessStore } from './fake-access.ts';
import { createFakeModels, createFakeSources } from './fake-stores.ts';
import { createMemoryJobs, type MemoryJobsOptions } from './memory-jobs.ts';
import { createMemoryLog, NOW, sha, sidOf } from './memory-log.ts';

export const LOCAL_TOKEN = 'local-token-of-this-start';

const AGREED: LedgersReport = {
  ok: true,
  at: null,
  rounds: 0,
  trouble: null,
  stream: { last: 0, sealed_to: 0 },
  gateway: { gateway: 'g1', epoch: 1, acknowledged: 0, applied: 0 },
  tables: { events: 0, customers: 0, rows: 0, changed_meanwhile: 0, counted: 0 },
  mismatches_found: 0,
  mismatches: [],
};

export async function createPlatform(
  options: MemoryJobsOptions & {
    demo?: boolean;
    limits?: Deps['limits'];
    deps?: Partial<Deps>;
  } = {},
) {
  const memory = createMemoryLog();
  const { messages, ledger, ids, names, facts, clock, fact, gateway, refold, views, orders } = memory;
  const { models, deployments, serving } = createFakeModels(memory);
  const churnModels: ServingChurnModel[] = [];
  const clockInfo = { mode: 'log' as const, offsets: UTC, offsetsAt: () => UTC };
  const access = createFakeAccessStore();
  const logged: string[] = [];
  const log = (level: string) => (fields: object, message: string) =>
    logged.push(JSON.stringify({ level, message, ...fields }));

  const { exportsFolder, jobKinds, jobs, keyRevocations, schedules, results, trained } = await createMemoryJobs({
    memory,
    serving,
    churnModels,
    access,
    logged: log,
    platform: () => deps,
    ...options,
  });

  const deps: Deps = {
    log: { info: log('info'), warn: log('warn'), error: log('error') },
    metrics: createMetrics({ version: 'test' }),
    now: () => clock.now,
    version: 'test',
    servedBy: 'test-1',
    workspace: {
      id: 'w-1',
      name: 'test',
      demo: options.demo ?? false,
      reportingCurrency: 'EUR',
      zone: 'UTC',
      get rates() {
        return ledger.workspace.facts.rates;
      },
    },
    limits: options.limits ?? DEFAULT_LIMITS,
    access,
    signingKey: sha('signing key', 32),
    localToken: LOCAL_TOKEN,
    publicUrl: null,
    gateway,
    columns: openColumns(ledger.rows.handle),
    ids: { lookup: (id) => ids.get(id) ?? null },
    ledgers: {
      present: async (sids) => views(ledger, sids),
      past: async (sids, seq) => views(refold(seq), sids),
      async clockAt(seq) {
        const { clockAt, clockDay } = refold(seq);
        return { clockAt, clockDay };
      },
    },
    past: {
      async summary(seq, day) {
        const then = refold(seq);
        return { ...summaryOf(then, day ?? then.clockDay), from: 0, ms: 0 };
      },
      status: async () => ({
        indexed: ledger.position,
        making: null,
        postings: ledger.events,
        segments: 0,
        bytes: 0,
        folding: null,
      }),
    },
    deployedChurnModels: () => churnModels,
    churnDefinitions: () => ledger.workspace.facts.churn,
    churn: {
      define: async (definition) => ({
        ok: true,
        value: { seq: fact({ type: 'churn.defined', ctlSequence: messages.length + 1, ...definition }) },
      }),
    },
    jobs,
    keyRevocations,
    schedules,
    jobKinds: [...jobKinds, ...(options.kinds ?? [])],
    replayParked: async () => ({ seq: fact({ type: 'dead-letters.replayed', by: 'request' }) }),
    pool: { clv: async (request) => clvColumns(request) },
    fold: {
      waitFor: async () => undefined,
      runStats: async (run) => ledger.runs.stats(run),
      position: async () => ({
        clockDay: ledger.clockDay,
        priorDay: ledger.priorDay,
        parked: ledger.parked.total,
      }),
      late: async (limit, before) => ({
        events: ledger.late.list(ledger.rows, limit, before),
        total: ledger.late.total,
      }),
      parkedCustomers: async (limit, after) => {
        const all = parkedCustomers(ledger);
        const { total: events, dropped } = ledger.parked;
        return { customers: all.slice(after, after + limit), total: all.length, events, dropped };
      },
      facts: async () => ledger.workspace.facts,
      digest: async () => ({ state: 'ab'.repeat(16), seq: messages.length }),
    },
    tables: {
      customers: async ({ limit }) => ({ sids: [...ids.values()].slice(0, limit), next: null }),
      weeklyRepeats: async ({ from, until }) => {
        const weeks: [number, number][] = [];
        for (let day = from; day <= until; day += 7) weeks.push([day, 2]);
        return weeks;
      },
      // The real one is asked with the whole program (test/e2e/subscriptions.test.ts).
      meanChurn: async () => ({ mean: 0.25, customers: ids.size }),
      waitFor: async () => undefined,
    },
    exports: {
      async open() {
        const rows = [...ids.values()].map((sid) => [Buffer.from(sid).toString('hex'), '2']);
        return {
          columns: [
            { name: 'customer_id', type: 'text' },
            { name: 'orders', type: 'integer' },
          ],
          rows: rows.length,
          seq: messages.length,
          async *batches() {
            yield rows;
          },
          [Symbol.asyncDispose]: async () => undefined,
        };
      },
      parquet: (name, columns, lines) =>
        parquetOf(lines, { name, columns }, async (text, layout) => packRows(text, layout)),
    },
    keyring: {
      idsOf: async (sids) => sids.map((sid) => names.get(Buffer.from(sid).toString('hex')) ?? null),
      search: async (prefix, limit) =>
        [...ids]
          .filter(([id]) => id.startsWith(prefix))
          .slice(0, limit)
          .map(([customerId, sid]) => ({ customerId, sid })),
    },
    modelCard,
    models,
    deployments,
    ...createFakeSources(access, memory),
    fit: async ({ kind }) => ({ model: kind, unit: 'week', params: CDNOW_MODEL.bgNbd }),
    portableDigest: async () => 'cd'.repeat(16),
    zone: {
      current: async () => ({
        zone: 'UTC',
        version: 1,
        rezoned: 0,
        pending: false,
        seq: messages.length,
        tablesSeq: 0,
      }),
      set: async (zone) => ({ seq: fact({ type: 'zone.set', version: 2, zone, offsets: [[0, 60]] }), version: 2 }),
      preview: async () => ({
        zone: 'UTC',
        version: 1,
        seq: messages.length,
        customers: ids.size,
        frequency: 0,
        days: 0,
        repeatsBefore: 0,
        repeatsAfter: 0,
      }),
      rebuild: async () => null,
    },
    verifyKeyring: async () => ({
      ok: true,
      sids: ledger.rows.count,
      erased: 0,
      mappings: ids.size,
      unused: 0,
      orphans: 0,
      returned: 0,
      danglingLinks: 0,
      named: { orphans: [], returned: [] },
    }),
    rebuild: {
      state: () => ({
        what: 'tables',
        compared: 0,
        step: 'idle',
        seq: 0,
        of: 0,
        rows: 0,
        ms: 0,
        differs: null,
        first: [],
        detail: null,
      }),
      start: () => true,
    },
    agreement: { report: () => AGREED, verify: async () => AGREED },
    verifyChain: async () => ({ ok: true, messages: 0, bytes: 0, links: 0, sealed_to: 0, head: '', faults: [] }),
    verifyScores: async () => ({ checked: 0, same: 0, different: 0, differences: [] }),
    truth: options.demo ? { unit: 'week', params: CDNOW_MODEL.bgNbd! } : null,
    uiDir: '/nonexistent',
    clock: () => clockInfo,
    deployedModels: () => serving,
    checks: {},
    ...options.deps,
  };
  const app: App = createApp(deps);

  const deployModel = async (value: ClvModel) => {
    const model = await deps.models.importModel(value, { ...value }, 'test');
    return await deps.deployments.deploy(model.id, 'test');
  };
  const key = async (role: Role) => (await access.createKey({ role, name: null, expiresAt: null, now: clock.now })).key;

  return {
    app,
    deps,
    access,
    ledger,
    clock,
    facts,
    logged,
    /** What is due of the planned jobs is asked for: here no timer does. */
    lookAtPlans: schedules.look,
    exportsFolder,
    /** What jobs have put out, by digest. */
    results,
    /** What trainings have put down: versions, and rows between two steps. */
    trained,
    orders,
    sidOf,
    fact,
    key,
    /** @param covariance of the ln-parameters, as a fit would bring it; without one, predictions have no interval. */
    deployCdnow: (covariance?: ClvCovariance) => deployModel({ ...CDNOW_MODEL, ...(covariance && { covariance }) }),
    deployModel,
    /** How addresses name a customer. */
    refOf: (id: string) => refOf(ids.get(id)!),
    /** In force from a fact of its own on, as a deployment is. */
    deployChurn(id: string, model: ChurnModel): number {
      const version = Number(id.split('@')[1]);
      const digest = createHash('sha256').update(JSON.stringify(model)).digest('hex');
      const kind = id.split('@')[0]!;
      const deployedSeq = fact({
        type: 'model.deployed',
        ctlSequence: messages.length,
        kind,
        model: kind,
        version,
        digest,
        at: NOW,
      });
      churnModels.push({ id, name: kind, version, digest, deployedSeq, percent: 100, model });
      return deployedSeq;
    },
    position: () => messages.length,
    /** One request with an API key of the role, made anew. */
    async as(
      role: Role | 'nobody',
      method: string,
      path: string,
      body?: unknown,
      headers: Record<string, string> = {},
    ) {
      const authorization =
        role === 'nobody' || role === 'anonymous' ? {} : { authorization: `Bearer ${await key(role)}` };
      return await app.request(path, {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...authorization,
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
    },
  };
}
export type Platform = Awaited<ReturnType<typeof createPlatform>>;
