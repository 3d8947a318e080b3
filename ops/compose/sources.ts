// Where events come from: the sources of the log, those that every workspace has, and keys that were ended and stay so.
import { DEFAULT_BURN_IN_DAYS } from '#domain/coverage.ts';
import type { Config } from '../config.ts';
import { BUILT_IN_SOURCES, createSources, repairRevocations } from '../sources.ts';
import type { OpenedEngines } from './engines.ts';
import type { OpenedModels } from './models.ts';
import type { OpenedProjections } from './projections.ts';

export type OpenedSources = Awaited<ReturnType<typeof openSources>>;

interface SourcesDeps
  extends Pick<OpenedEngines, 'engines' | 'store' | 'access'>,
    Pick<OpenedProjections, 'fold' | 'gateway' | 'known' | 'reportingCurrency'>,
    Pick<OpenedModels, 'serving'> {
  config: Config;
}

export async function openSources(deps: SourcesDeps) {
  const { config, engines, store, access, fold, gateway, known, reportingCurrency, serving } = deps;
  const revocation = {
    revokeWriteKeys: (name: string) => access.revokeWriteKeys(name, Date.now()),
    async removeNatsUser(name: string) {
      if (config.nats.url !== undefined) return false;
      await engines.nats.removeSourceUser(name);
      return true;
    },
  };
  const sources = createSources({
    store,
    workspace: {
      reportingCurrency,
      get zone() {
        return serving.facts().zone;
      },
    },
    now: Date.now,
    setSources: (next) => gateway.calls.setSources(next),
    appendFact: (fact) => gateway.calls.appendFact(fact),
    applied: (seq) => fold.calls.waitFor(seq),
    covered: () => fold.calls.coverage(),
    natsUser: async (name) => {
      if (config.nats.url !== undefined) return null;
      const { seed, url } = await engines.nats.addSourceUser(name);
      return { url, creds: seed };
    },
    ...revocation,
  });
  await sources.repair();
  await repairRevocations(known, revocation);
  for (const name of BUILT_IN_SOURCES)
    if (!known.some((each) => each.name === name)) {
      const added = await sources.add({
        name,
        ordersAs: null,
        coverage: 'complete',
        burnInDays: DEFAULT_BURN_IN_DAYS,
        by: 'system',
      });
      if (!added.ok) throw new Error(`source ${name}: ${added.reason}`);
    }
  return sources;
}
