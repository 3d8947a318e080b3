// Everything the API needs from the rest of the platform, as narrow interfaces: the composition root hands over the real ones, tests hand
// over objects in memory. Nothing here is opened, started or closed by the API.

import type { Readable } from 'node:stream';
import type { z } from 'zod';
import type { Permission } from '#domain/access.ts';
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import type { Comparison } from '#domain/deployment-comparison.ts';
import type { GateResult, RuleName, RuleSettings } from '#domain/deployment-rules.ts';
import type { Job, JobReason } from '#domain/job.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import type { Model, ModelEvent, ModelReason, Stage } from '#domain/model.ts';
import type { Alias } from '#domain/model-reference.ts';
import type { ChurnModel } from '#domain/models/churn-model.ts';
import type { ClvColumnsAnswer, ClvColumnsRequest } from '#domain/models/clv-columns.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import type { Rates } from '#domain/rates.ts';
import type { Result } from '#domain/result.ts';
import type { Schedule, ScheduleReason } from '#domain/schedule.ts';
import type { Offsets } from '#domain/time.ts';
import type { CustomerSort } from '#projections/customer-profile.ts';
import type { Columns } from '#projections/memory/columns.ts';
import type { History } from '#projections/memory/history.ts';
import type { LateEvent } from '#projections/memory/late.ts';
import type { ParkedCustomer, Place } from '#projections/memory/parked-lists.ts';
import type { PastStatus, PastSummary } from '#projections/memory/past/protocol.ts';
import type { RunStats } from '#projections/memory/runs.ts';
import type { ChurnInForce, WorkspaceFacts } from '#projections/memory/workspace.ts';
import type { FaultKind } from '#streams/chain/verify.ts';
import type { GatewayHandlers, GatewayStatus } from '#streams/gateway/protocol.ts';
import type { AccessStore } from '#streams/keyring/access-store.ts';
import type { Quarantine } from '#streams/quarantine.ts';
import type { Remote } from '#streams/rpc.ts';
import type { Examples } from './examples.ts';
import type { Limit } from './limiter.ts';
import type { Metrics } from './metrics.ts';
import type { ModelFacts } from './model-facts.ts';

export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface WorkspaceInfo {
  id: string;
  name: string;
  demo: boolean;
  reportingCurrency: string;
  zone: string;
}

/** Gateway thread, by rpc. */
export type GatewayCalls = Pick<
  Remote<GatewayHandlers>,
  'ingest' | 'importEvents' | 'quarantineRows' | 'appendFact' | 'link' | 'erase'
> & {
  status(): Promise<Pick<GatewayStatus, 'lastSeq' | 'eventsPerSecond'>>;
};

export interface Deployment {
  /** EVT sequence from which it is in force. */
  seq: number;
  kind: string;
  model: string;
  version: number;
  digest: string;
  /** The barrier's decision in CTL. */
  ctlSequence: number;
  /** ms */
  at: number;
  /** Of the customers: 100 answers everybody, less is a canary beside what was deployed before, 0 its end. */
  percent: number;
}

/** A deployed CLV model with its parameters at hand. */
export interface ServingModel {
  id: string;
  /** Of the model, whose versions follow each other. */
  name: string;
  version: number;
  /** SHA-256 of the artefact, hex. */
  digest: string;
  deployedSeq: number;
  /** As of its deployment. */
  percent: number;
  model: ClvModel;
}

/** A deployed churn model beside BG/NBD; of one kind of model and business the last one deployed answers. */
export interface ServingChurnModel extends Omit<ServingModel, 'model'> {
  model: ChurnModel;
}

/** Mode and offset table of the workspace's clock, as the log's facts last set them. */
export interface ClockInfo {
  mode: 'log' | 'wall';
  offsets: Offsets;
  /** The table in force at a position of the log: a past moment's day is the day it was then. */
  offsetsAt(seq: number): Offsets;
}

/** The columns of the fold thread, read in place. */
export type ColumnsReader = Pick<Columns, 'refresh' | 'rowOf' | 'sidOf' | 'read' | 'rows' | 'state'>;

/** customer_id → sid, in shared memory (streams/id-index.ts). */
export interface IdLookup {
  lookup(customerId: string): Uint8Array | null;
}

/** One customer's ledger at hand: what was known, for any day of it. */
export interface LedgerView {
  entries: CustomerEntries;
  rates: Rates;
  /** Days ≤ `day` only. */
  at(day: number): History;
}

/** Ledgers by sid: the present ones from the fold thread, past ones by a refold up to `seq`. */
export interface Ledgers {
  present(sids: Uint8Array[]): Promise<(LedgerView | null)[]>;
  past(sids: Uint8Array[], seq: number): Promise<(LedgerView | null)[]>;
  /** The log's own now at a position: largest event time (ms) and largest local day. */
  clockAt(seq: number): Promise<{ clockAt: number; clockDay: number }>;
}

/** Everybody at an earlier moment, by the thread of the past. */
export interface PastCalls {
  /** Up to local day `day`; null: the largest one the log holds at `seq`. */
  summary(seq: number, day: number | null): Promise<PastSummary>;
  status(): Promise<PastStatus>;
}

export interface Pool {
  /** Lifetime values of many customers in a worker (domain/models/clv-columns.ts, `clvColumns`). */
  clv(request: ClvColumnsRequest): Promise<ClvColumnsAnswer>;
}

export interface ModelSummary {
  id: string;
  version: number;
  kind: string;
  /** SHA-256 of the artefact, hex. */
  digest: string;
  createdAt: number;
  /** Sequence from which it was last put in force; null when it never was. */
  deployedSeq: number | null;
  inForce: boolean;
  stage: Stage;
  /** Of the customers, while it is a canary. */
  percent: number | null;
  /** What it is called at the moment beside its version. */
  aliases: readonly Alias[];
  /** The log as it stood when it was made, customers' days; null or absent: made outside. */
  window?: { seq: number; at: number; fromDay: number | null; toDay: number | null } | null;
}
/** Markdown, and the SVG figures it names. */
export interface ModelCard {
  markdown: string;
  figures: { name: string; svg: string }[];
}

/** CTL aggregates of models and their artefacts (streams/control.ts). */
export interface ModelRegistry {
  list(): Promise<ModelSummary[]>;
  /** The summary and the artefact itself (parameters, standard errors, diagnostics). @param id or by an alias (domain/model-reference.ts). */
  show(id: string): Promise<(ModelSummary & { artefact: Record<string, unknown> }) | null>;
  /** Storing the same artefact twice gives the same id. */
  importModel(model: ClvModel | ChurnModel, artefact: unknown, by: string): Promise<ModelSummary>;
}

/** Why a step of a deployment was not taken, in a sentence that says what to do. */
export interface RefusedStep {
  code: ModelReason | 'not-found';
  message: string;
  /** What was judged, where gates stood in the way. */
  gates: readonly JudgedGate[];
}
export interface JudgedGate extends GateResult {
  /** Somebody has said that it need not be met. */
  approved: boolean;
}
export type DeploymentAction =
  | { type: 'shadow' | 'withdraw' | 'retire' | 'challenger'; reason: string }
  | { type: 'canary'; percent: number; reason: string }
  /** @param to a version, or an alias; what answered before when null. */
  | { type: 'rollback'; to: string | null; reason: string }
  /** @param rules all that are not passed when null. */
  | { type: 'approve'; rules: readonly RuleName[] | null; reason: string };
export interface DeploymentStep {
  id: string;
  version: number;
  digest: string;
  stage: Stage;
  percent: number | null;
  /** Position of the barrier from which answers are others; null: none are. */
  seq: number | null;
  /** False: it was so already. */
  changed: boolean;
  gates: readonly JudgedGate[];
  approved: readonly RuleName[];
}
/** Two versions side by side on the present customers, or a sample of them. */
export interface MeasuredComparison {
  id: string;
  against: string;
  /** Position of the log, and local day, of the state both were asked about. */
  seq: number;
  day: number;
  /** ms, wall. */
  measuredAt: number;
  comparison: Comparison;
}
export interface DeploymentState {
  name: string;
  model: Model;
  versions: readonly ModelSummary[];
  watched: { id: string; against: string; until: number } | null;
  /** Of the versions in shadow and canary, and of one that is watched. */
  comparisons: readonly (MeasuredComparison & { stage: Stage; minutes: number; scores: number })[];
}
export interface DeploymentEvent {
  event: ModelEvent;
  at: number;
  by: string;
  /** Of its barrier. */
  seq: number | null;
}
/** Who answers, and how it comes to that (ops/deployments.ts). */
export interface Deployments {
  /** Puts a version in force by a barrier in the log, when its gates let it; answers when the API serves it. */
  deploy(
    id: string,
    by: string,
    /** @param automatic nobody looks on: it is refused while another version is in canary. */
    how?: { reason?: string | null; automatic?: boolean },
  ): Promise<Result<{ id: string; version: number; digest: string; seq: number }, RefusedStep>>;
  list(): Promise<DeploymentState[]>;
  /** Newest first; null: there is no such model. */
  history(name: string): Promise<DeploymentEvent[] | null>;
  /** Judged now. @param settings rules to judge by instead of those in force. */
  gates(
    id: string,
    settings?: RuleSettings,
  ): Promise<
    Result<{ id: string; stage: Stage; gates: readonly JudgedGate[]; measured: MeasuredComparison | null }, RefusedStep>
  >;
  act(id: string, action: DeploymentAction, by: string): Promise<Result<DeploymentStep, RefusedStep>>;
  /** Answers with what differs from the defaults, as it is kept. */
  setRules(name: string, rules: RuleSettings, reason: string, by: string): Promise<Result<RuleSettings, RefusedStep>>;
}

export interface SourceSummary {
  name: string;
  /** 'complete', or the day coverage begins (YYYY-MM-DD). */
  coverage: string;
  /** Days after it in which a first purchase is not taken for one (domain/coverage.ts). */
  burnInDays: number;
  createdAt: number;
  /** Fields that travel in the clear besides the usual ones. */
  kept: string[];
}
export interface Sources {
  list(): Promise<SourceSummary[]>;
  /** Registers the source and makes NATS credentials limited to `in.<name>`; the same name again answers the same source. */
  add(request: {
    name: string;
    ordersAs: string | null;
    coverage: string;
    burnInDays: number;
    by: string;
  }): Promise<Result<{ source: SourceSummary; nats: { url: string; creds: string } | null }, string>>;
  /** What the source holds of the past; what is left out stays. Answers when the customers' flags follow it. */
  setCoverage(request: {
    name: string;
    coverage: string | undefined;
    burnInDays: number | undefined;
    by: string;
  }): Promise<Result<SourceSummary, 'source-unknown'>>;
  /** These fields travel in the clear from now on, as attributes of customers and properties of events; answers when the gateway reads so. */
  keepFields(request: { name: string; fields: string[]; by: string }): Promise<Result<SourceSummary, 'source-unknown'>>;
  /** Says in the log that a write key was made. */
  keyMade(request: { name: string; writeKey: string; by: string }): Promise<void>;
  /**
   * Ends every credential of the source at once; null: there is no such source.
   * @returns how many write keys that were, and whether its NATS user was ours to remove (false: the server is somebody else's).
   */
  revoke(request: { name: string; by: string }): Promise<{ writeKeys: number; nats: boolean } | null>;
}

/** The fold thread's verdicts and positions (projections/memory/protocol.ts). */
export interface FoldCalls {
  /** Resolves when the state holds everything up to `seq`. */
  waitFor(seq: number): Promise<void>;
  /** Null when the run was never started. */
  runStats(run: string): Promise<RunStats | null>;
  position(): Promise<{ clockDay: number; priorDay: number | null; parked: number }>;
  /** Live events that changed a past day (projections/memory/late.ts). */
  late(limit: number, before: Place): Promise<{ events: LateEvent[]; total: number }>;
  /** Customers whose events wait behind one that could not be applied (projections/memory/parked-lists.ts). */
  parkedCustomers(
    limit: number,
    after: number,
  ): Promise<{ customers: ParkedCustomer[]; total: number; events: number; dropped: number }>;
  facts(): Promise<Pick<WorkspaceFacts, 'reportingCurrency' | 'rates'>>;
  digest(): Promise<{ state: string; seq: number }>;
}

/** Lists come from Postgres (api/tables.ts over the tables of projections/). */
export interface Tables {
  /** Sids in the order of the sort, after the cursor. @param modelId whose scores the sorts by score follow; the sort by churn those of `churnModelIds` first. */
  customers(request: {
    sort: CustomerSort;
    after: string | null;
    limit: number;
    modelId: string | null;
    churnModelIds: readonly string[];
  }): Promise<{ sids: Uint8Array[]; next: string | null }>;
  /** Repeat purchase days of everybody, by week from day `from`: [first day of the week, purchases]. */
  weeklyRepeats(range: { from: number; until: number }): Promise<[number, number][]>;
  /** Resolves when every table holds everything up to `seq`. */
  waitFor(seq: number): Promise<void>;
}

/** Who a sid is (streams/keyring/keyring.ts). */
export interface KeyringCalls {
  idsOf(sids: Uint8Array[]): Promise<(string | null)[]>;
  search(prefix: string, limit: number): Promise<{ customerId: string; sid: Uint8Array }[]>;
}

/** What a rebuild in the zone of new events would change. */
export interface ZonePreview {
  zone: string;
  version: number;
  seq: number;
  /** With an order. */
  customers: number;
  /** Whose number of repeat purchase days changes … */
  frequency: number;
  /** … or whose first or last day. */
  days: number;
  repeatsBefore: number;
  repeatsAfter: number;
}

/** The workspace's zone (ops/zone.ts). */
export interface ZoneControl {
  current(): Promise<{
    zone: string;
    version: number;
    rezoned: number;
    pending: boolean;
    seq: number;
    tablesSeq: number;
  }>;
  /** For events from now on. The same zone again is nothing new. */
  set(zone: string): Promise<{ seq: number; version: number }>;
  preview(): Promise<ZonePreview>;
  /** Null: every day is of the zone in force already. */
  rebuild(): Promise<{ seq: number; version: number } | null>;
}

/** What `verify --keyring` found (ops/verify-keyring.ts). */
export interface KeyringReport {
  ok: boolean;
  sids: number;
  erased: number;
  mappings: number;
  unused: number;
  orphans: number;
  returned: number;
  danglingLinks: number;
  /** The first of them, hex. */
  named: { orphans: string[]; returned: string[] };
}

export const REBUILD_STEPS = ['idle', 'building', 'joining', 'comparing', 'switching', 'done', 'failed'] as const;
/** tables: events and customers together. ledger: the fold in memory. */
export const REBUILD_TARGETS = ['tables', 'events', 'customers', 'scores', 'ledger'] as const;
export type RebuildTarget = (typeof REBUILD_TARGETS)[number];
/** The rebuild of one of the read models (ops/rebuild.ts). */
export interface RebuildState {
  what: RebuildTarget;
  step: (typeof REBUILD_STEPS)[number];
  seq: number;
  of: number;
  /** Events, or rows of customers and scores, put in so far. */
  rows: number;
  /** Spent on filling the new tables. */
  ms: number;
  /** Customers compared with the ledger so far. */
  compared: number;
  /** Customers whose content was another in what was live; null: not compared yet. */
  differs: number | null;
  /** The first of them, by sid_key. */
  first: string[];
  detail: string | null;
}
export interface RebuildControl {
  state(): RebuildState;
  /** False: one is under way. */
  start(what: RebuildTarget): boolean;
}

export interface Mismatch {
  ledger: 'log' | 'gateway' | 'events' | 'customers';
  /** Log position. */
  seq: number;
  sid: string | null;
  detail: string;
  found_at: string;
}

/** The ledger of ledgers (ops/ledgers.ts). */
export interface LedgersReport {
  ok: boolean;
  at: string | null;
  rounds: number;
  trouble: string | null;
  stream: { last: number; sealed_to: number };
  gateway: { gateway: string; epoch: number; acknowledged: number; applied: number };
  tables: { events: number; customers: number; rows: number; changed_meanwhile: number; counted: number };
  mismatches_found: number;
  mismatches: Mismatch[];
}

/** What `verify --chain` found (ops/verify-chain.ts). */
export interface ChainAnswer {
  ok: boolean;
  messages: number;
  bytes: number;
  links: number;
  sealed_to: number;
  /** SHA-256 of the chain's last link, hex. */
  head: string;
  faults: {
    kind: FaultKind;
    from: number;
    to: number;
    at: string | null;
    /** Projections that had read the place before it was damaged, and those that will not get past it. */
    read_before: string[];
    stopped_by: string[];
  }[];
}

/** What `verify --scores` found (ops/verify-scores.ts). */
export interface StoredScoresReport {
  checked: number;
  same: number;
  different: number;
  differences: {
    sid: string;
    model_id: string;
    seq: number;
    name: string;
    stored: number | null;
    replayed: number | null;
  }[];
}

export interface FitRequest {
  kind: 'clv' | 'bg-nbd' | 'mbg-nbd' | 'pareto-nbd' | 'gamma-gamma';
  /** Fit on what was known then; null = now. */
  asOf: { seq: number; day: number } | null;
  /** Puts the fitted CLV model in force when it applies. */
  deploy: boolean;
  by: string;
}

/** Definitions of churn. */
export interface ChurnCalls {
  /** Answers when the API judges by it; the position from which it holds. */
  define(definition: ChurnDefinition, by: string): Promise<Result<{ seq: number }, string>>;
}

/** How long work is asked for over HTTP: POST /api/jobs/<name>. */
export interface JobKind {
  name: string;
  summary: string;
  permission: Permission;
  /** The parsed body is the job's params, kept in the log: no personal data. */
  body: z.ZodType<Record<string, unknown>>;
  examples: Examples;
  /** What the asker must be allowed besides, for these params. */
  alsoNeeds?(params: Readonly<Record<string, unknown>>): Permission | null;
  /** What needs no job: an answer that keeps nothing, or why nobody need begin. Null: a job it is. */
  atOnce?(
    params: Readonly<Record<string, unknown>>,
  ): Promise<Result<unknown, { code: string; message: string }> | null>;
  /** The file a result speaks of; null: it has none. */
  file?(result: unknown): JobFile | null;
}
/** Lines that begin with who they are about: `ref` (api/job-file.ts). */
export interface JobFile {
  /** As it is handed out. */
  name: string;
  format: 'csv' | 'ndjson';
  /** Handed out as something else that is made of its lines. */
  as?: { type: string; of(lines: AsyncIterable<string>): AsyncIterable<Uint8Array> };
  /** To be handed out by customer_id. */
  identified: boolean;
  /** Gzip; null: it is gone. */
  open(): Promise<Readable | null>;
}

export interface JobView extends Job {
  id: string;
  progress: { done: number; total: number; note: string } | null;
  lines: readonly { at: number; text: string }[];
}

/** API keys that were taken away (ops/key-revocations.ts). */
export interface KeyRevocations {
  /** ms; null: the log says nothing of the key. */
  at(id: string): number | null;
  /** Told the id, at once. */
  onRevoked(listener: (id: string) => void): void;
  /** False: there is no such key. While the keyring is away any id is taken. */
  revoke(id: string, by: string): Promise<boolean>;
}

export interface ScheduleView extends Schedule {
  id: string;
  /** ms, ascending; none while it is paused. */
  next: number[];
}
/** Jobs asked for by themselves (processors/schedules/scheduler.ts). */
export interface Schedules {
  /** When a plan would run next, ms. */
  nextOf(cron: string, zone: string): Result<number[], { field: 'cron' | 'zone'; message: string }>;
  /** Without those that were removed. */
  list(): ScheduleView[];
  show(id: string): ScheduleView | null;
  create(
    wanted: Pick<Schedule, 'cron' | 'zone' | 'kind' | 'params'>,
    by: string,
  ): Promise<Result<ScheduleView, { field: 'cron' | 'zone'; message: string }>>;
  change(
    id: string,
    type: 'PauseSchedule' | 'ResumeSchedule' | 'RemoveSchedule',
    by: string,
  ): Promise<Result<ScheduleView, ScheduleReason>>;
  /** Its job at once. */
  run(id: string, by: string): Promise<Result<{ id: string }, string>>;
}

/** Long work in the background (processors/jobs/runner.ts). */
export interface Jobs {
  /** The same key with the same params is the same job. */
  request(
    kind: string,
    params: Record<string, unknown>,
    key: string | null,
    by: string,
  ): Promise<Result<{ job: JobView; existing: boolean }, JobReason>>;
  /** Newest first. */
  list(): JobView[];
  show(id: string): JobView | null;
  /** Null until it has succeeded. */
  result(id: string): Promise<unknown>;
  cancel(id: string, by: string): Promise<Result<JobView, JobReason>>;
  retry(id: string, by: string): Promise<Result<JobView, JobReason>>;
  listen(listener: (id: string) => void): () => void;
}

/** The demo's own parameters, kept apart from everything a model may see. */
export interface Truth {
  unit: 'week' | 'day';
  params: { r: number; alpha: number; a: number; b: number };
}

export interface Limits {
  /** Per credential, over all routes. */
  requests: Limit;
  /** Per address without a credential. */
  anonymous: Limit;
  /** Login attempts per account, and ten times as many per address. */
  login: Limit;
}
export const DEFAULT_LIMITS: Limits = {
  requests: { perSecond: 5_000, burst: 10_000 },
  anonymous: { perSecond: 50, burst: 200 },
  login: { perSecond: 1 / 30, burst: 5 },
};

export interface AccessDeps {
  access: AccessStore;
  /** 32 bytes of the workspace: login tokens and score ids. */
  signingKey: Uint8Array;
  /** Role of the local command line's token, and the token itself; null where no command line is served. */
  localToken: string | null;
  /** https://… when TLS ends before us: cookies become Secure. */
  publicUrl: string | null;
}

export interface Deps extends AccessDeps {
  log: Log;
  metrics: Metrics;
  /** Wall clock, ms. */
  now: () => number;
  version: string;
  servedBy: string;
  workspace: WorkspaceInfo;
  limits: Limits;
  gateway: GatewayCalls;
  columns: ColumnsReader;
  ids: IdLookup;
  ledgers: Ledgers;
  past: PastCalls;
  pool: Pool;
  fold: FoldCalls;
  tables: Tables;
  keyring: KeyringCalls;
  models: ModelRegistry;
  deployments: Deployments;
  /** @param evaluations newest first. */
  modelCard: (facts: ModelFacts, evaluations: readonly Record<string, unknown>[]) => ModelCard;
  sources: Sources;
  /** Everything that is parked, tried again; answers when the ledger has done so. */
  replayParked: () => Promise<{ seq: number }>;
  quarantine: Pick<Quarantine, 'list' | 'show' | 'counts' | 'resolve'>;
  /** Fits from the log's statistics in the pool and answers what `fit --json` prints. */
  fit: (request: FitRequest) => Promise<Record<string, unknown>>;
  /** Digest over raw customer ids, equal across workspaces; computed on demand. */
  portableDigest: () => Promise<string>;
  zone: ZoneControl;
  verifyKeyring: () => Promise<KeyringReport>;
  verifyChain: () => Promise<ChainAnswer>;
  rebuild: RebuildControl;
  agreement: { report(): LedgersReport; verify(): Promise<LedgersReport> };
  /** Scores of the table, computed again; a sample of so many. */
  verifyScores: (sample: number) => Promise<StoredScoresReport>;
  /** Demo workspace only. */
  truth: Truth | null;
  /** Folder of the built console (ui/dist). */
  uiDir: string;
  /** The same object until a fact changes it. */
  clock: () => ClockInfo;
  /** Every deployment so far, so that a past moment finds the model that was in force then. */
  deployedModels: () => readonly ServingModel[];
  deployedChurnModels: () => readonly ServingChurnModel[];
  /** Every definition of churn so far, by position. */
  churnDefinitions: () => readonly ChurnInForce[];
  churn: ChurnCalls;
  jobs: Jobs;
  jobKinds: readonly JobKind[];
  schedules: Schedules;
  keyRevocations: KeyRevocations;
  /** Named checks of /readyz: resolves with a word on its state, or rejects with what is wrong. */
  checks: Record<string, () => Promise<string | null>>;
}
