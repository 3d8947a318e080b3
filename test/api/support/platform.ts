// The API over a real fold in memory: events go through the real parsers, packs and ledger; only the engines, the keyring and the worker
// threads are replaced by maps and direct calls.
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unpack } from 'msgpackr';
import { type App, createApp } from '#api/app.ts';
import { refOf } from '#api/customers.ts';
import {
  DEFAULT_LIMITS,
  type Deps,
  type LedgersReport,
  type ModelSummary,
  type ServingChurnModel,
  type ServingModel,
} from '#api/deps.ts';
import { viewOf } from '#api/ledgers.ts';
import { createMetrics } from '#api/metrics.ts';
import { present, resolveAsOf } from '#api/predict/as-of.ts';
import type { Role } from '#domain/access.ts';
import { parseBatch } from '#domain/adapters/doors.ts';
import { canonicalJson } from '#domain/canonical-json.ts';
import type { Fact, StoredEvent } from '#domain/envelope.ts';
import { type InputEvent, REJECT_AFTER_MS, type Rejection } from '#domain/events.ts';
import type { ChurnModel } from '#domain/models/churn-model.ts';
import { clvColumns } from '#domain/models/clv-columns.ts';
import type { ClvCovariance, ClvModel } from '#domain/models/clv-model.ts';
import { eventKeyMaterial, orderKeyMaterial } from '#domain/orders.ts';
import { createPolicyState, DEFAULT_POLICY } from '#domain/policy.ts';
import { DAY_MS, dayOf, UTC } from '#domain/time.ts';
import { createDeployments } from '#ops/deployments.ts';
import { createJobKinds, type JobOfKind } from '#ops/jobs/catalogue.ts';
import { openExports } from '#ops/jobs/score-files.ts';
import type { Retention } from '#ops/jobs/score-retention.ts';
import { openKeyRevocations } from '#ops/key-revocations.ts';
import { modelCard } from '#ops/model-card.ts';
import type { Objects } from '#ops/objects.ts';
import { createRegistry } from '#ops/registry.ts';
import { askFor, lackedRights } from '#ops/schedules.ts';
import { backtest } from '#processors/backtest/backtest.ts';
import { startJobs } from '#processors/jobs/runner.ts';
import { startScheduler } from '#processors/schedules/scheduler.ts';
import { scoreBase } from '#processors/scoring/score-base.ts';
import { packRows } from '#processors/scoring/score-parquet.ts';
import { createCustomerColumns, openColumns } from '#projections/memory/columns.ts';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import { parkedCustomers } from '#projections/memory/parked-lists.ts';
import { summaryOf } from '#projections/memory/past/summary.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { decodeMessage, encodeFact, PackWriter } from '#streams/pack.ts';
import type { QuarantinedRow } from '#streams/quarantine.ts';
import { compareNobody } from '#test/support/compare-nobody.ts';
import { storedEvent } from '#test/support/stored-event.ts';
import { trainingOn } from '#test/support/training.ts';
import { createFakeAccessStore } from './fake-access.ts';

/** Fader, Hardie & Lee (2005), CDNOW, weeks; Fader & Hardie's Gamma-Gamma note, same data. */
export const CDNOW_MODEL: ClvModel = {
  model: 'clv',
  unit: 'week',
  bgNbd: { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 },
  gammaGamma: { p: 6.25, q: 3.74, v: 15.44 },
};
/** Covariance of the ln-parameters of the same fits, rounded. */
export const CDNOW_COVARIANCE: ClvCovariance = {
  purchases: [
    [0.002679, 0.003462, -0.000457, 0.000112],
    [0.003462, 0.007344, -0.000819, 0.000983],
    [-0.000457, -0.000819, 0.054865, 0.064053],
    [0.000112, 0.000983, 0.064053, 0.084549],
  ],
  money: [
    [0.036247, -0.009911, -0.049747],
    [-0.009911, 0.006005, 0.017153],
    [-0.049747, 0.017153, 0.07252],
  ],
};
export const NOW = Date.parse('2026-06-01T12:00:00Z');
export const LOCAL_TOKEN = 'local-token-of-this-start';

const sha = (text: string, length: number) =>
  new Uint8Array(createHash('sha256').update(text).digest().subarray(0, length));
const sidOf = (id: string) => sha(`sid ${id}`, 16);

export interface Order {
  customer: string;
  /** YYYY-MM-DD */
  day: string;
  amount?: number;
}

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
  options: {
    demo?: boolean;
    limits?: Deps['limits'];
    deps?: Partial<Deps>;
    kinds?: JobOfKind[];
    /** In the place of an object store. */
    objects?: Objects;
    retention?: Retention;
    /** What the jobs take for the number of customers: parts of a file follow it. */
    customers?: number;
    /** Around the scoring of a base, for jobs that are cut short. */
    scoring?: (score: typeof scoreBase) => typeof scoreBase;
  } = {},
) {
  const messages: Uint8Array[] = [];
  const ledger = createLedger({ maxCustomers: 100_000 });
  const ids = new Map<string, Uint8Array>();
  const names = new Map<string, string>();
  const quarantined: QuarantinedRow[] = [];
  const facts: Fact[] = [];
  const serving: ServingModel[] = [];
  const models = new Map<string, ModelSummary & { artefact: Record<string, unknown>; model: ClvModel }>();
  const counters = new Map<number, number>();
  const sources = new Map([
    ['shop', { name: 'shop', coverage: 'complete', burnInDays: 180, kept: [] as string[], createdAt: NOW }],
  ]);
  let seeds = 0;
  const clock = { now: NOW, broken: null as (Error & { code?: string }) | null };
  const header = { tenant: 'main', gateway: 'test', epoch: 1, ingestedAt: NOW };

  const append = (bytes: Uint8Array): number => {
    messages.push(bytes);
    ledger.applyMessage(messages.length, decodeMessage(bytes));
    ledger.flushColumns();
    return messages.length;
  };
  const fact = (value: Fact): number => {
    facts.push(value);
    return append(encodeFact(value, header));
  };
  const identify = (id: string): Uint8Array => {
    const sid = ids.get(id) ?? sidOf(id);
    ids.set(id, sid);
    names.set(Buffer.from(sid).toString('hex'), id);
    return sid;
  };
  function store(events: InputEvent[], source: string, run: string | null, schemaVersion = 1): number {
    const pack = new PackWriter();
    for (const event of events) {
      const sid = identify(event.customerId);
      const partition = sid[0]! & 63;
      const counter = counters.get(partition) ?? 0;
      counters.set(partition, counter + 1);
      const stored: StoredEvent = {
        ...storedEvent(0),
        schemaVersion,
        sid,
        counter,
        type: event.type,
        eventHash: sha(eventKeyMaterial(event, source), 16),
        orderHash: /^(order|subscription)\./.test(event.type) ? sha(orderKeyMaterial(event, source), 8) : null,
        at: event.at,
        dateOnly: event.dateOnly,
        day: dayOf(event.at, UTC),
        source,
        run,
        lines: event.lines,
        minor: event.minor,
        currency: event.currency,
        channel: event.channel,
        name: event.name,
      };
      pack.add(stored);
    }
    return append(pack.encode(header));
  }
  const seen = new Set<string>();
  const gateway: Deps['gateway'] = {
    async ingest({ door, source, body, contentType, strict }) {
      if (clock.broken) throw clock.broken;
      const value = contentType === 'json' ? JSON.parse(Buffer.from(body).toString('utf8')) : unpack(body);
      const parsed = parseBatch(door, value, {
        source,
        zoneOffsets: UTC,
        defaultCurrency: 'EUR',
        policy: DEFAULT_POLICY,
        policyState: createPolicyState(),
        now: clock.now,
        rejectAfterMs: REJECT_AFTER_MS,
      });
      const rejected = parsed.flatMap((result) => (result.ok ? [] : [result.reason]));
      if (strict && rejected.length > 0) return { accepted: 0, duplicates: 0, rejected, lastSeq: 0 };
      const events = parsed.flatMap((result) => (result.ok ? [result.value] : []));
      const fresh = events.filter((event) => !seen.has(eventKeyMaterial(event, source)));
      for (const event of fresh) seen.add(eventKeyMaterial(event, source));
      const lastSeq = fresh.length > 0 ? store(fresh, source, null) : 0;
      return { accepted: fresh.length, duplicates: events.length - fresh.length, rejected, lastSeq };
    },
    async importEvents({ run, source, events }) {
      const list = unpack(events) as InputEvent[];
      const rejected: Rejection[] = list.flatMap((event, index) =>
        event.customerId === 'refused' ? [{ index, id: null, reason: 'erased' as const, detail: 'erased before' }] : [],
      );
      const kept = list.filter((event) => event.customerId !== 'refused');
      return { appended: kept.length, rejected, lastSeq: store(kept, source, run) };
    },
    async quarantineRows({ run, source, rows }) {
      for (const row of rows)
        quarantined.push({ ...row, column: row.column ?? null, id: `1-${quarantined.length}`, at: NOW, source, run });
    },
    appendFact: async (value) => fact(value),
    link: async ({ anonymousId, customerId }) => ({
      ok: true,
      value: fact({ type: 'customer.linked', anonymous: sidOf(anonymousId), known: sidOf(customerId) }),
    }),
    async erase({ customerId }) {
      const sid = ids.get(customerId);
      if (!sid) return null;
      ids.delete(customerId);
      return { sids: 1, seq: fact({ type: 'customer.erased', sids: [sid], at: NOW }) };
    },
    status: async () => ({ lastSeq: messages.length, eventsPerSecond: 0 }),
  };

  const refold = (seq: number): Ledger => {
    const past = createLedger({ maxCustomers: 100_000 });
    for (let i = 0; i < seq; i++) past.applyMessage(i + 1, decodeMessage(messages[i]!));
    past.flushColumns();
    return past;
  };
  const views = (from: Ledger, sids: Uint8Array[]) => {
    const columns = openColumns(from.rows.handle);
    const row = createCustomerColumns();
    return sids.map((sid) => {
      const entries = from.entries(sid);
      if (!entries) return null;
      columns.read(columns.rowOf(sid), row);
      return viewOf(entries, from.workspace.rates, row.flags);
    });
  };
  const evt = {
    async *read(_stream: string, { from = 1, to = messages.length }: { from?: number; to?: number } = {}) {
      for (let seq = from; seq <= to; seq++)
        yield { seq, subject: 'evt.0.main', storedAt: NOW, bytes: messages[seq - 1]! };
    },
    lastSequence: async () => messages.length,
  };
  const churnModels: ServingChurnModel[] = [];
  const clockInfo = { mode: 'log' as const, offsets: UTC, offsetsAt: () => UTC };
  const access = createFakeAccessStore();
  const logged: string[] = [];
  const log = (level: string) => (fields: object, message: string) =>
    logged.push(JSON.stringify({ level, message, ...fields }));

  const exportsFolder = mkdtempSync(join(tmpdir(), 'axiom47-exports-'));
  const results = new Map<string, unknown>();
  const artefacts = {
    async put(value: unknown) {
      const text = canonicalJson(value);
      const digest = createHash('sha256').update(text).digest('hex');
      results.set(digest, JSON.parse(text));
      return digest;
    },
    bring: async () => 0,
    async remove(digests: ReadonlySet<string>) {
      for (const digest of digests) results.delete(digest);
    },
    get: (digest: string) => results.get(digest) as Record<string, unknown>,
  };
  const control = createMemoryStore();
  const jobRegistry = createRegistry({
    store: control,
    artefacts,
    appendFact: async (each) => fact(each),
    applied: async () => undefined,
    deployments: () => [],
    now: () => clock.now,
  });
  const jobKinds = createJobKinds({
    nats: { servers: [] },
    pool: {
      backtest: (_nats, job, judged, report) => backtest(evt, job, report, new Set(judged)),
      ...trainingOn(evt),
    },
    checks: trainingOn(evt),
    registry: jobRegistry,
    deploy: createDeployments({
      registry: jobRegistry,
      artefacts,
      compare: compareNobody,
      evaluated: async () => null,
      position: () => messages.length,
      now: () => clock.now,
      log: { warn: log('warn') },
    }).deploy,
    present: () => ({ seq: messages.length, day: ledger.clockDay, offsets: UTC }),
    definitions: () => ledger.workspace.facts.churn.map(({ definition }) => definition),
    reportingCurrency: 'EUR',
    stuck: () => new Map(),
    snapshotDir: null,
    rowsDir: mkdtempSync(join(tmpdir(), 'axiom47-rows-')),
    generated: null,
    codeVersion: 'test',
    now: () => clock.now,
    scoring: {
      nats: { servers: [] },
      packRows: async (text, identified) => packRows(text, identified),
      pool: { scoreBase: (_nats, work, say) => (options.scoring?.(scoreBase) ?? scoreBase)(evt, work, say) },
      async moment(asOf) {
        const here = present(deps.columns.state(), clockInfo, clock.now);
        const clockAtSeq = (seq: number) => deps.ledgers.clockAt(seq);
        return asOf === undefined
          ? here
          : await resolveAsOf(asOf, here, { clock: clockInfo, wall: clock.now, clockAtSeq });
      },
      models: () => serving,
      churnModels: () => churnModels,
      churnDefinitions: () => ledger.workspace.facts.churn,
      registry: { show: (id) => deps.models.show(id) },
      customers: () => options.customers ?? ids.size,
      signingKey: sha('signing key', 32),
      exports: openExports(exportsFolder, options.objects ?? null),
      artefacts,
      retention: options.retention ?? { files: 14, days: 30 },
      now: () => clock.now,
      log: { warn: log('warn') },
      jobs: () => jobs,
      ledger: () => ({ reportingCurrency: 'EUR', maxCustomers: 1 << 13 }),
      snapshotDir: null,
    },
  });
  const jobs: Awaited<ReturnType<typeof startJobs>> = await startJobs({
    store: control,
    kinds: [...jobKinds, ...(options.kinds ?? [])],
    artefacts,
    now: () => clock.now,
    log: { info: log('info'), warn: log('warn') },
  });

  const keyRevocations = await openKeyRevocations({
    store: control,
    access,
    now: () => clock.now,
    log: { warn: log('warn') },
  });
  const schedules = await startScheduler({
    store: control,
    ask: askFor(jobKinds, jobs),
    lacks: lackedRights({ kinds: jobKinds, access, revokedKeys: keyRevocations, now: () => clock.now }),
    statusOf: (job) => jobs.show(job)?.status ?? null,
    now: () => clock.now,
    log: { info: log('info'), warn: log('warn') },
    everyMs: null,
  });
  const deps: Deps = {
    log: { info: log('info'), warn: log('warn'), error: log('error') },
    metrics: createMetrics({ version: 'test' }),
    now: () => clock.now,
    version: 'test',
    servedBy: 'test-1',
    workspace: { id: 'w-1', name: 'test', demo: options.demo ?? false, reportingCurrency: 'EUR', zone: 'UTC' },
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
      waitFor: async () => undefined,
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
    models: {
      list: async () => [...models.values()],
      show: async (id) => models.get(id) ?? null,
      async importModel(model, artefact) {
        const digest = createHash('sha256').update(JSON.stringify(artefact)).digest('hex');
        const known = [...models.values()].find((each) => each.digest === digest);
        if (known) return known;
        const version = models.size + 1;
        if (model.model !== 'clv') throw new Error('of value models only here');
        const made = {
          id: `clv@${version}`,
          version,
          kind: 'clv',
          digest,
          createdAt: NOW,
          deployedSeq: null,
          inForce: false,
          stage: 'registered' as const,
          percent: null,
          aliases: [],
          artefact: artefact as Record<string, unknown>,
          model,
        };
        models.set(made.id, made);
        return made;
      },
    },
    deployments: {
      async deploy(id: string) {
        const found = models.get(id);
        if (!found) return { ok: false, reason: { code: 'not-found', message: `there is no model ${id}`, gates: [] } };
        const { version, digest, model } = found;
        const seq = fact({
          type: 'model.deployed',
          ctlSequence: version,
          kind: 'clv',
          model: 'clv',
          version,
          digest,
          at: NOW,
        });
        serving.push({ id, name: 'clv', version, digest, deployedSeq: seq, percent: 100, model });
        return { ok: true, value: { id, version, digest, seq } };
      },
      list: async () => [],
      history: async () => null,
      gates: async (id) => ({
        ok: false,
        reason: { code: 'not-found', message: `there is no model ${id}`, gates: [] },
      }),
      act: async (id) => ({ ok: false, reason: { code: 'not-found', message: `there is no model ${id}`, gates: [] } }),
      setRules: async (name) => ({
        ok: false,
        reason: { code: 'not-found', message: `there is no model ${name}`, gates: [] },
      }),
    },
    sources: {
      list: async () => [...sources.values()],
      async keepFields({ name, fields }) {
        const known = sources.get(name);
        if (!known) return { ok: false, reason: 'source-unknown' };
        const source = { ...known, kept: [...known.kept, ...fields] };
        sources.set(name, source);
        return { ok: true, value: source };
      },
      async setCoverage({ name, coverage, burnInDays }) {
        const known = sources.get(name);
        if (!known) return { ok: false, reason: 'source-unknown' };
        const source = { ...known, coverage: coverage ?? known.coverage, burnInDays: burnInDays ?? known.burnInDays };
        sources.set(name, source);
        return { ok: true, value: source };
      },
      async add({ name, coverage, burnInDays }) {
        const source = sources.get(name) ?? { name, coverage, burnInDays, kept: [], createdAt: NOW };
        sources.set(name, source);
        // As the engines do: every call ends the seed before.
        return { ok: true, value: { source, nats: { url: 'nats://127.0.0.1:4222', creds: `seed ${++seeds}` } } };
      },
      keyMade: async () => undefined,
      revoke: async ({ name }) =>
        sources.has(name) ? { writeKeys: await access.revokeWriteKeys(name, clock.now), nats: true } : null,
    },
    quarantine: {
      list: async ({ reason, run, limit }) => ({
        rows: quarantined
          .filter((row) => (reason === undefined || row.reason === reason) && (run === undefined || row.run === run))
          .slice(0, limit),
        next: null,
      }),
      show: async (id) => quarantined.find((row) => row.id === id) ?? null,
      async resolve(ids) {
        for (const id of ids)
          quarantined.splice(
            quarantined.findIndex((row) => row.id === id),
            1,
          );
      },
      counts: async (filter = {}) => {
        const counts: Record<string, number> = {};
        for (const row of quarantined)
          if (filter.run === undefined || row.run === filter.run)
            counts[row.reason] = (counts[row.reason] ?? 0) + row.rows;
        return counts;
      },
    },
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

  /** Orders straight into the log, as one batch; of a file, known when they happened, where a run was started for them. */
  const orders = (list: Order[], run: string | null = null, schemaVersion = 1): number =>
    store(
      list.map((order) => ({
        ...blank,
        customerId: order.customer,
        id: randomUUID(),
        at: Date.parse(`${order.day}T00:00:00Z`),
        minor: Math.round((order.amount ?? 0) * 100),
      })),
      'shop',
      run,
      schemaVersion,
    );
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

const blank: InputEvent = {
  type: 'order.placed',
  customerId: '',
  anonymous: false,
  linkAnonymousId: null,
  id: null,
  at: 0,
  dateOnly: true,
  orderId: null,
  refundedOrderId: null,
  rowKey: null,
  revision: 0,
  minor: null,
  currency: 'EUR',
  channel: 'web',
  name: null,
  props: null,
  sealed: null,
  dropped: 0,
  roundedFloats: 0,
  producerNumber: 0,
  lines: 1,
  traceId: null,
  correlationId: null,
  causationId: null,
};
export const inputEvent = (changes: Partial<InputEvent>): InputEvent => ({ ...blank, ...changes });
export const dayNumber = (day: string): number => Date.parse(`${day}T00:00:00Z`) / DAY_MS;
