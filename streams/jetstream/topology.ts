// The streams, their settings, and the check that a server holds them as we need them. Sizing is the operator's; meaning is ours.
import { type JetStreamManager, jetstreamManager, type StreamConfig, type StreamInfo } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import type { StreamName } from '../event-store.ts';
import { type StreamLog, silent } from './link.ts';

/** Direct batch get, wrong-last-sequence codes and stream repairs this code relies on. */
const OLDEST = [2, 14, 0] as const;
/** Fixes a desync after a skipped catch-up and a race of the dedupe map (release notes of 2.14.1 … 2.14.5). */
export const LEASES = 'lease';

const ms = (value: number) => value * 1_000_000; // JetStream counts in ns
const DAY = 86_400_000;

type Settings = Pick<StreamConfig, 'subjects' | 'retention' | 'discard' | 'max_age' | 'duplicate_window'> &
  Pick<StreamConfig, 'allow_direct' | 'deny_delete' | 'deny_purge' | 'allow_rollup_hdrs' | 'storage'>;

const kept = {
  retention: 'limits',
  storage: 'file',
  discard: 'new', // a full log refuses; it never forgets
  max_age: 0,
  duplicate_window: ms(120_000),
  allow_direct: true,
  deny_delete: true,
  deny_purge: true,
  allow_rollup_hdrs: false,
} as const satisfies Partial<Settings>;

export const STREAMS: Readonly<Record<StreamName, Settings>> = {
  /** What publishers sent, until the gateway has stored it: acknowledged messages are removed, forgotten ones after a day. */
  IN: { ...kept, subjects: ['in.>'], retention: 'workqueue', max_age: ms(DAY), deny_delete: false, deny_purge: false },
  /** Packs and facts. deny_* cannot be unset, so a physical rewrite would never be possible: permissions protect it instead. */
  EVT: { ...kept, subjects: ['evt.>'], deny_delete: false, deny_purge: false },
  CTL: { ...kept, subjects: ['ctl.>'] },
  /** Raw rows that were refused: short-lived, and erasure must reach them. */
  QUA: { ...kept, subjects: ['qua.>'], max_age: ms(90 * DAY), deny_delete: false, deny_purge: false },
  /** Places of events that could not be applied, as they are parked and released; the events themselves stay in EVT. */
  DLQ: { ...kept, subjects: ['dlq.>'], max_age: ms(90 * DAY), deny_delete: false, deny_purge: false },
  AUD: { ...kept, subjects: ['aud.>'] },
};

export class TopologyError extends Error {
  readonly code = 'topology';
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'TopologyError';
  }
}

const older = (version: string, than: readonly number[]): boolean => {
  const parts = version.split(/[.-]/).map(Number);
  for (let i = 0; i < than.length; i++) {
    const part = parts[i] ?? 0;
    if (part !== than[i]) return part < than[i]!;
  }
  return false;
};

export function checkServerVersion(version: string): void {
  if (older(version, OLDEST))
    throw new TopologyError(`nats-server ${version} is too old: ${OLDEST.join('.')} or newer is needed; upgrade it`);
}

/** Creates the streams and the lease bucket, or brings them to the settings above; says clearly what it cannot change. */
export async function ensureTopology(
  nc: NatsConnection,
  options: { replicas?: number; log?: StreamLog } = {},
): Promise<void> {
  const log = options.log ?? silent;
  checkServerVersion(nc.info?.version ?? '0');
  let jsm: JetStreamManager;
  try {
    jsm = await jetstreamManager(nc);
  } catch (cause) {
    throw new TopologyError('nats-server runs without JetStream: start it with a `jetstream {}` block (or -js)', cause);
  }
  for (const name of Object.keys(STREAMS) as StreamName[]) await ensureStream(jsm, name, options.replicas ?? 1, log);
  await new Kvm(nc).create(LEASES, { history: 8, replicas: options.replicas ?? 1 });
}

async function ensureStream(jsm: JetStreamManager, name: StreamName, replicas: number, log: StreamLog): Promise<void> {
  const wanted = STREAMS[name];
  const found = await jsm.streams.info(name).catch((error: Error) => {
    if (error.name === 'StreamNotFoundError') return null;
    throw new TopologyError(`stream ${name} cannot be inspected: ${error.message}`, error);
  });
  if (!found) {
    try {
      await jsm.streams.add({ ...wanted, name, num_replicas: replicas });
    } catch (cause) {
      throw new TopologyError(`stream ${name} cannot be created: ${(cause as Error).message}`, cause);
    }
    return;
  }
  const different = differences(found, wanted);
  if (different.length === 0) return;
  const list = different.map((key) => `${key} is ${show(found.config[key])}, needed ${show(wanted[key])}`).join('; ');
  // The server refuses these: a change would need a new stream and a copy.
  const fixed = different.filter(
    (key) => key === 'storage' || key === 'retention' || (key.startsWith('deny_') && found.config[key] === true),
  );
  const advice = 'point AXIOM47_NATS_URL at another server or account, or move that stream away';
  if (fixed.length > 0)
    throw new TopologyError(`stream ${name} has other settings that cannot be changed (${list}); ${advice}`);
  try {
    await jsm.streams.update(name, { ...found.config, ...wanted });
  } catch (cause) {
    throw new TopologyError(
      `stream ${name}: nats-server refused new settings (${list}): ${(cause as Error).message}; ${advice}`,
      cause,
    );
  }
  log.info({ stream: name, changed: different }, 'stream settings brought up to date');
}

const show = (value: unknown) => (value === undefined ? 'unset' : JSON.stringify(value));

function differences(found: StreamInfo, wanted: Settings): (keyof Settings)[] {
  // The server leaves out fields at their zero value.
  const zero: Partial<Record<keyof Settings, unknown>> = {
    deny_delete: false,
    deny_purge: false,
    allow_rollup_hdrs: false,
    allow_direct: false,
    max_age: 0,
  };
  return (Object.keys(wanted) as (keyof Settings)[]).filter(
    (key) => JSON.stringify(found.config[key] ?? zero[key]) !== JSON.stringify(wanted[key]),
  );
}
