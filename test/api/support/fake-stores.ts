// Registry, deployments, sources and quarantine as maps, for the API over a log in memory.
import { createHash } from 'node:crypto';
import type { Deps } from '#api/deps.ts';
import type { ModelSummary, ServingModel } from '#api/model-deps.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import type { createFakeAccessStore } from './fake-access.ts';
import { type MemoryLog, NOW } from './memory-log.ts';

export function createFakeModels({ fact }: Pick<MemoryLog, 'fact'>) {
  const models = new Map<string, ModelSummary & { artefact: Record<string, unknown>; model: ClvModel }>();
  const serving: ServingModel[] = [];
  const deps: Pick<Deps, 'models' | 'deployments'> = {
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
      freeChallenger: async (name) => ({
        ok: false,
        reason: { code: 'not-found', message: `there is no model ${name}`, gates: [] },
      }),
    },
  };
  return { ...deps, serving };
}

export function createFakeSources(
  access: ReturnType<typeof createFakeAccessStore>,
  { quarantined, clock }: Pick<MemoryLog, 'quarantined' | 'clock'>,
): Pick<Deps, 'sources' | 'quarantine'> {
  const sources = new Map([
    ['shop', { name: 'shop', coverage: 'complete', burnInDays: 180, kept: [] as string[], createdAt: NOW }],
  ]);
  let seeds = 0;
  return {
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
      // The real one is tested with the stream (test/streams/quarantine.test.ts).
      settle: async () => 0,
      counts: async (filter = {}) => {
        const counts: Record<string, number> = {};
        for (const row of quarantined)
          if (filter.run === undefined || row.run === filter.run)
            counts[row.reason] = (counts[row.reason] ?? 0) + row.rows;
        return counts;
      },
    },
  };
}
