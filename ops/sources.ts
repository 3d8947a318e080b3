// Sources of events: registered in the control stream, handed to the gateway, with a write key and credentials limited to `in.<source>` and `ask.<source>`.
import { hash } from 'node:crypto';
import type { SourceSummary, Sources } from '#api/deps.ts';
import type { Coverage } from '#domain/coverage.ts';
import type { Fact } from '#domain/envelope.ts';
import { DEFAULT_POLICY } from '#domain/policy.ts';
import { type Source, type SourceEvent, source as sourceDecider } from '#domain/source.ts';
import { DAY_MS, offsetsOf } from '#domain/time.ts';
import type { Declared } from '#projections/memory/coverage.ts';
import { decodeControl, handle } from '#streams/control.ts';
import type { EventStore } from '#streams/event-store.ts';
import type { SourceConfig } from '#streams/gateway/protocol.ts';

export interface SourceDeps {
  store: EventStore;
  /** Zone and currency of the workspace: what a source has unless it says otherwise. */
  workspace: { zone: string; reportingCurrency: string };
  natsUser: (source: string) => Promise<{ url: string; creds: string } | null>;
  /** False where the NATS server is not ours to tell. */
  removeNatsUser: (source: string) => Promise<boolean>;
  revokeWriteKeys: (source: string) => Promise<number>;
  setSources: (sources: SourceConfig[]) => Promise<void>;
  appendFact: (fact: Fact) => Promise<number>;
  /** Resolves when the fold has applied the position. */
  applied: (seq: number) => Promise<void>;
  /** What the fold knows of the sources' coverage. */
  covered: () => Promise<Record<string, Declared>>;
  now: () => number;
}

/** `seq`: CTL sequence of the last event. */
/** There from the first start on, for `POST /api/events` without a source. */
export const BUILT_IN_SOURCES: readonly string[] = ['api'];

type Known = { name: string; settings: NonNullable<Source>; createdAt: number; seq: number };

/** From 1990 to ten years ahead: times outside it use the nearest offset. */
const ZONE_FROM = Date.UTC(1990, 0, 1);
export const zoneTable = (zone: string, now: number) => offsetsOf(zone, ZONE_FROM, now + 3653 * DAY_MS);

export async function knownSources(store: EventStore): Promise<Known[]> {
  const sources = new Map<string, { state: Source; createdAt: number; seq: number }>();
  for await (const message of store.read('CTL', { subject: 'ctl.main.source.*' }))
    for (const { event, id, at } of decodeControl<SourceEvent>(sourceDecider.events, message)) {
      const known = sources.get(id);
      sources.set(id, {
        state: sourceDecider.evolve(known?.state ?? sourceDecider.initial, event),
        createdAt: known?.createdAt ?? at,
        seq: message.seq,
      });
    }
  return [...sources].flatMap(([name, { state, createdAt, seq }]) =>
    state ? [{ name, settings: state, createdAt, seq }] : [],
  );
}

export function sourceConfig({ name, settings }: Known, currency: string, now: number): SourceConfig {
  return {
    name,
    namespace: settings.ordersAs,
    zoneOffsets: zoneTable(settings.zone, now),
    defaultCurrency: settings.currency ?? currency,
    policy: settings.policy,
  };
}

const summaryOf = ({ name, settings, createdAt }: Known): SourceSummary => ({
  name,
  coverage:
    settings.coverage === 'complete' ? 'complete' : new Date(settings.coverage * DAY_MS).toISOString().slice(0, 10),
  burnInDays: settings.burnInDays,
  kept: Object.entries(settings.policy.fields).flatMap(([field, rule]) => (rule === 'keep' ? [field] : [])),
  createdAt,
});

/** 'complete' or YYYY-MM-DD → as the log has it. */
const coverageOf = (text: string): 'complete' | number =>
  text === 'complete' ? text : Math.floor(Date.parse(text) / DAY_MS);

/** What the fold assumes of a source that has said nothing. */
const COMPLETE = { coverage: 'complete' } as const;

export interface SourceRegistry extends Sources {
  /** Barriers of declarations that a crash kept from the log. Answers how many were written. */
  repair(): Promise<number>;
}

/**
 * Ends again what the log says was ended: a crash may have come between the fact and its effect, or the keyring from a backup before it.
 * Keys made after a revocation are safe, because they are said in the log.
 */
export async function repairRevocations(
  known: readonly Known[],
  deps: Pick<SourceDeps, 'revokeWriteKeys' | 'removeNatsUser'>,
) {
  for (const { name, settings } of known) {
    if (!settings.revoked) continue;
    await deps.revokeWriteKeys(name);
    await deps.removeNatsUser(name);
  }
}

export function createSources(deps: SourceDeps): SourceRegistry {
  const { version: _version, ...policy } = DEFAULT_POLICY;
  const refresh = async (): Promise<Known[]> => {
    const known = await knownSources(deps.store);
    await deps.setSources(known.map((each) => sourceConfig(each, deps.workspace.reportingCurrency, deps.now())));
    return known;
  };
  /** The declaration as a barrier in the customers' order. */
  const declare = async ({ name, settings, seq }: Known): Promise<void> => {
    const { coverage, burnInDays } = settings;
    await deps.applied(
      await deps.appendFact({ type: 'source.covered', source: name, coverage, burnInDays, version: seq }),
    );
  };
  const same = (known: Partial<Coverage> | undefined, { coverage, burnInDays }: Coverage): boolean =>
    known?.coverage === coverage && (coverage === 'complete' || known.burnInDays === burnInDays);
  const find = async (name: string): Promise<Known | undefined> =>
    (await knownSources(deps.store)).find((each) => each.name === name);
  return {
    list: async () => (await knownSources(deps.store)).map(summaryOf),
    async add({ name, ordersAs, coverage, burnInDays, by }) {
      const before = await find(name);
      if (!before) {
        const added = await handle(
          deps.store,
          sourceDecider,
          name,
          {
            type: 'AddSource',
            settings: {
              ordersAs: ordersAs ?? name,
              zone: deps.workspace.zone,
              currency: null,
              coverage: coverageOf(coverage),
              burnInDays,
              policy,
              writeKeyHash: null,
            },
          },
          { actor: by, now: deps.now() },
        );
        if (!added.ok) return { ok: false, reason: added.reason };
      } else if (ordersAs !== null && before.settings.ordersAs !== ordersAs) {
        return { ok: false, reason: `source ${name} shares its orders with '${before.settings.ordersAs}' for good` };
      }
      const source = (await refresh()).find((each) => each.name === name);
      if (!source) return { ok: false, reason: `source ${name} was added but cannot be read back` };
      if (!same((await deps.covered())[name] ?? COMPLETE, source.settings)) await declare(source);
      return { ok: true, value: { source: summaryOf(source), nats: await deps.natsUser(name) } };
    },
    async setCoverage({ name, coverage, burnInDays, by }) {
      const before = await find(name);
      if (!before) return { ok: false, reason: 'source-unknown' };
      const answer = await handle(
        deps.store,
        sourceDecider,
        name,
        {
          type: 'SetCoverage',
          coverage: coverage === undefined ? before.settings.coverage : coverageOf(coverage),
          burnInDays: burnInDays ?? before.settings.burnInDays,
        },
        { actor: by, now: deps.now() },
      );
      if (!answer.ok || answer.value.state === null) return { ok: false, reason: 'source-unknown' };
      const after = { ...before, settings: answer.value.state, seq: answer.value.seq };
      // A change is said even when the fold seems to know it: an earlier one may still be on its way, and the higher version wins.
      if (answer.value.events.length > 0 || !same((await deps.covered())[name], after.settings)) await declare(after);
      return { ok: true, value: summaryOf(after) };
    },
    async keepFields({ name, fields, by }) {
      const before = await find(name);
      if (!before) return { ok: false, reason: 'source-unknown' };
      const { version: _version, ...policy } = before.settings.policy;
      const kept = Object.fromEntries(fields.map((field) => [field, 'keep' as const]));
      await handle(
        deps.store,
        sourceDecider,
        name,
        { type: 'SetPolicy', policy: { ...policy, fields: { ...policy.fields, ...kept } } },
        { actor: by, now: deps.now() },
      );
      await refresh();
      return { ok: true, value: summaryOf((await find(name)) ?? before) };
    },
    async repair() {
      let repaired = 0;
      const covered = await deps.covered();
      for (const source of await knownSources(deps.store)) {
        const known = covered[source.name];
        // What only an import said stands until the source itself says it is not complete.
        if (same(known === undefined || known.version === 0 ? COMPLETE : known, source.settings)) continue;
        await declare(source);
        repaired++;
      }
      return repaired;
    },
    async keyMade({ name, writeKey, by }) {
      const command = { type: 'RotateWriteKey', writeKeyHash: hash('sha256', writeKey, 'hex') } as const;
      const said = await handle(deps.store, sourceDecider, name, command, { actor: by, now: deps.now() });
      if (!said.ok)
        throw new Error(`source ${name}: a write key was made but cannot be said in the log: ${said.reason}`);
    },
    async revoke({ name, by }) {
      const meta = { actor: by, now: deps.now() };
      const said = await handle(deps.store, sourceDecider, name, { type: 'RevokeCredentials' }, meta);
      if (!said.ok) return null;
      const writeKeys = await deps.revokeWriteKeys(name);
      return { writeKeys, nats: await deps.removeNatsUser(name) };
    },
  };
}
