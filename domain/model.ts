// A model of the registry: its versions, and which of them answers. A version is named by the digest of its artefact, so registering the
// same artefact again is nothing new. Deploying one is also written as a barrier into the customers' order (Fact `model.deployed`).
import { z } from 'zod';
import type { Decider, EventOf } from './decider.ts';
import { ok, type Result, refuse } from './result.ts';

const version = z.int().min(1);
const registered = z.object({
  version,
  /** 'clv', 'bg-nbd', 'mbg-nbd', 'gamma-gamma' …; one model keeps one kind. */
  kind: z.string().min(1),
  /** SHA-256 of the artefact, hex: also its name in the artefact store. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  /** The artefact's parameters, as its file has them. */
  params: z.record(z.string(), z.json()),
  /** What it was fitted on: the log as it stood at `seq`, customers' days `fromDay` … `toDay`. null: imported from outside. */
  window: z.object({ seq: z.int(), at: z.number(), fromDay: z.int().nullable(), toDay: z.int().nullable() }).nullable(),
  metrics: z.record(z.string(), z.number().nullable()),
});

export const events = {
  'model.registered': { version: 1, data: registered },
  /** From the barrier with this event's CTL sequence on, this version answers. */
  'model.deployed': { version: 1, data: z.object({ version, kind: z.string(), digest: z.string() }) },
  'model.retired': { version: 1, data: z.object({ version }) },
} as const;

export type ModelEvent = EventOf<typeof events>;
export type ModelVersion = z.infer<typeof registered> & { retired: boolean };
export interface Model {
  /** Version 1 first. */
  versions: readonly ModelVersion[];
  deployed: number | null;
}

export type ModelCommand =
  | { type: 'RegisterModel'; model: Omit<z.infer<typeof registered>, 'version'> }
  | { type: 'DeployModel'; version: number }
  | { type: 'RetireModel'; version: number };

export type ModelReason = 'other-kind' | 'version-unknown' | 'version-retired' | 'version-deployed';

function evolve(state: Model, event: ModelEvent): Model {
  switch (event.type) {
    case 'model.registered':
      return { ...state, versions: [...state.versions, { ...event.data, retired: false }] };
    case 'model.deployed':
      return { ...state, deployed: event.data.version };
    case 'model.retired':
      return {
        ...state,
        versions: state.versions.map((each) =>
          each.version === event.data.version ? { ...each, retired: true } : each,
        ),
      };
  }
}

function decide(command: ModelCommand, state: Model): Result<ModelEvent[], ModelReason> {
  if (command.type === 'RegisterModel') {
    const { model } = command;
    if (state.versions.some((each) => each.digest === model.digest && each.kind === model.kind)) return ok([]);
    if (state.versions.some((each) => each.kind !== model.kind)) return refuse('other-kind');
    return ok([{ type: 'model.registered', data: { ...model, version: state.versions.length + 1 } }]);
  }
  const named = state.versions.find((each) => each.version === command.version);
  if (!named) return refuse('version-unknown');
  switch (command.type) {
    case 'DeployModel':
      if (named.retired) return refuse('version-retired');
      if (state.deployed === named.version) return ok([]);
      return ok([{ type: 'model.deployed', data: { version: named.version, kind: named.kind, digest: named.digest } }]);
    case 'RetireModel':
      if (state.deployed === named.version) return refuse('version-deployed');
      return named.retired ? ok([]) : ok([{ type: 'model.retired', data: { version: named.version } }]);
  }
}

export const model: Decider<Model, ModelCommand, ModelEvent, ModelReason> = {
  aggregate: 'model',
  events,
  initial: { versions: [], deployed: null },
  evolve,
  decide,
};
