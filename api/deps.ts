// Everything the API needs from the rest of the platform, as narrow interfaces: the composition root hands over the real ones, tests hand
// over objects in memory. Nothing here is opened, started or closed by the API.
import type { Result } from '#domain/result.ts';
import type { ChurnInForce } from '#projections/memory/workspace.ts';
import type { GatewayHandlers, GatewayStatus } from '#streams/gateway/protocol.ts';
import type { AccessStore } from '#streams/keyring/access-store.ts';
import type { Quarantine } from '#streams/quarantine.ts';
import type { Remote } from '#streams/rpc.ts';
import type {
  ChainAnswer,
  KeyringReport,
  LedgersReport,
  RebuildControl,
  StoredScoresReport,
  ZoneControl,
} from './integrity-deps.ts';
import type { JobKind, Jobs, Schedules } from './job-deps.ts';
import type { Limit } from './limiter.ts';
import type { Metrics } from './metrics.ts';
import type {
  ChurnCalls,
  Deployments,
  FitRequest,
  ModelCard,
  ModelRegistry,
  ServingChurnModel,
  ServingModel,
} from './model-deps.ts';
import type { ModelFacts } from './model-facts.ts';
import type {
  ClockInfo,
  ColumnsReader,
  FoldCalls,
  IdLookup,
  KeyringCalls,
  Ledgers,
  PastCalls,
  Pool,
  TableExports,
  Tables,
} from './read-deps.ts';

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
  /** As known in this process: asking for them waits for nobody. */
  rates: readonly (readonly [number, Readonly<Record<string, string>>])[];
}

/** Gateway thread, by rpc. */
export type GatewayCalls = Pick<
  Remote<GatewayHandlers>,
  'ingest' | 'importEvents' | 'quarantineRows' | 'appendFact' | 'link' | 'erase'
> & {
  status(): Promise<Pick<GatewayStatus, 'lastSeq' | 'eventsPerSecond'>>;
};

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
  /** Registers the source and makes NATS credentials limited to `in.<name>` and `ask.<name>`; the same name again answers the same source. */
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

/** API keys that were taken away (ops/key-revocations.ts). */
export interface KeyRevocations {
  /** ms; null: the log says nothing of the key. */
  at(id: string): number | null;
  /** Told the id, at once. */
  onRevoked(listener: (id: string) => void): void;
  /** False: there is no such key. While the keyring is away any id is taken. */
  revoke(id: string, by: string): Promise<boolean>;
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
  exports: TableExports;
  keyring: KeyringCalls;
  models: ModelRegistry;
  deployments: Deployments;
  /** @param evaluations newest first. */
  modelCard: (facts: ModelFacts, evaluations: readonly Record<string, unknown>[]) => ModelCard;
  sources: Sources;
  /** Everything that is parked, tried again; answers when the ledger has done so. */
  replayParked: () => Promise<{ seq: number }>;
  quarantine: Pick<Quarantine, 'list' | 'show' | 'counts' | 'resolve' | 'settle'>;
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
