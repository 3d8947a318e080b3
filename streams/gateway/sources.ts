// The sources the gateway takes events from, each with what it has said in the clear so far (at most 200 names and channels).
import { createPolicyState, type PolicyState } from '#domain/policy.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { SourceConfig } from './protocol.ts';

type Kind = 'name' | 'channel';
export interface LabelStore {
  sourceValues: Keyring['sourceValues'];
  addSourceValues: Keyring['addSourceValues'];
}

export interface Source {
  readonly config: SourceConfig;
  readonly labels: PolicyState;
  /** Labels admitted since the last call are kept for good before any event carries them into the log. */
  keepLabels(): Promise<void>;
}

export interface Sources {
  get(name: string): Source | undefined;
  replace(configs: SourceConfig[]): void;
}

export async function createSources(store: LabelStore, configs: SourceConfig[]): Promise<Sources> {
  const labels = new Map<string, PolicyState>();
  const kept = new Map<string, PolicyState>();
  const stateOf = (from: Map<string, PolicyState>, source: string): PolicyState => {
    let state = from.get(source);
    if (state === undefined) {
      state = createPolicyState();
      from.set(source, state);
    }
    return state;
  };
  const setOf = (state: PolicyState, kind: Kind) => (kind === 'name' ? state.names : state.channels);
  for (const { source, kind, value } of await store.sourceValues()) {
    setOf(stateOf(labels, source), kind).add(value);
    setOf(stateOf(kept, source), kind).add(value);
  }

  const createSource = (config: SourceConfig): Source => {
    const seen = stateOf(labels, config.name);
    const stored = stateOf(kept, config.name);
    return {
      config,
      labels: seen,
      async keepLabels() {
        if (seen.names.size === stored.names.size && seen.channels.size === stored.channels.size) return;
        const fresh = (['name', 'channel'] as const).flatMap((kind) =>
          [...setOf(seen, kind)]
            .filter((value) => !setOf(stored, kind).has(value))
            .map((value) => ({ source: config.name, kind, value })),
        );
        await store.addSourceValues(fresh);
        for (const { kind, value } of fresh) setOf(stored, kind).add(value);
      },
    };
  };

  let sources = new Map<string, Source>();
  const replace = (next: SourceConfig[]) => {
    sources = new Map(next.map((config) => [config.name, createSource(config)]));
  };
  replace(configs);
  return { get: (name) => sources.get(name), replace };
}
