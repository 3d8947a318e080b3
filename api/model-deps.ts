// What the API is given of models: the registry, what answers, deployments and their judgement.
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import type { Comparison } from '#domain/deployment-comparison.ts';
import type { GateResult, RuleName, RuleSettings } from '#domain/deployment-rules.ts';
import type { Model, ModelEvent, ModelReason, Stage } from '#domain/model.ts';
import type { Alias } from '#domain/model-reference.ts';
import type { ChurnModel } from '#domain/models/churn-model.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import type { Result } from '#domain/result.ts';

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
  /** Of the same versions: those which could not be scored when last looked at. */
  unscored: readonly { id: string; against: string; why: string }[];
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
  /** No version is the challenger by hand any more; answers with the one that is all the same, the canary. */
  freeChallenger(
    name: string,
    reason: string,
    by: string,
  ): Promise<Result<{ challenger: string | null; changed: boolean }, RefusedStep>>;
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
