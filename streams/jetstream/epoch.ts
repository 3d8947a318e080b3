// An epoch numbers one life of one gateway. Counters and message ids start again with it, so it must never be given twice.
import { jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import { isAcknowledgement } from '../acknowledgement.ts';
import { StoreUnavailable } from '../event-store.ts';
import { decodeMessage } from '../pack.ts';
import { LEASES } from './topology.ts';

/**
 * The next epoch of this gateway: greater than any it took before (compare-and-set in the lease bucket) and than those at the end of the log,
 * so a lease bucket lost or restored from an older backup cannot bring an epoch back.
 */
export async function takeEpoch(nc: NatsConnection, gateway: string, now: () => number = Date.now): Promise<number> {
  checkGatewayId(gateway);
  const leases = await new Kvm(nc).open(LEASES);
  const key = `gateway.${gateway}`;
  const inLog = await newestEpochInLog(nc);
  // Somebody's acknowledgement lies over what was held: epochs are counted by starts, so seconds are beyond all of them.
  const seconds = () => Math.floor(now() / 1_000);
  for (let attempt = 0; attempt < 20; attempt++) {
    const entry = await leases.get(key);
    const held = entry?.operation !== 'PUT' ? 0 : isAcknowledgement(entry.value) ? seconds() : Number(entry.string());
    if (!Number.isSafeInteger(held)) throw new Error(`lease ${key} holds no epoch; delete the key and start again`);
    const epoch = Math.max(held, inLog) + 1;
    try {
      if (entry) await leases.update(key, String(epoch), entry.revision);
      else await leases.create(key, String(epoch));
      return epoch;
    } catch (error) {
      // Somebody else took one between our read and our write: read again.
      if ((error as { code?: unknown }).code !== 10071) throw error;
    }
  }
  throw new StoreUnavailable(
    `lease ${key} is contended: two gateways named '${gateway}' start at once; give each its own name`,
  );
}

/** Of the last message on each lane; 0 when the log is empty. */
async function newestEpochInLog(nc: NatsConnection): Promise<number> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const { state } = await jsm.streams.info('EVT', { subjects_filter: 'evt.>' });
  let newest = 0;
  for (const subject of Object.keys(state.subjects ?? {})) {
    const last = await jsm.direct.getMessage('EVT', { last_by_subj: subject });
    if (!last) continue;
    newest = Math.max(newest, epochOf(last.data) ?? Number(EPOCH.exec(last.header.get('Nats-Msg-Id'))?.[1] ?? 0));
  }
  return newest;
}

/** As the publisher names a message: gateway, epoch, lane, number. */
const EPOCH = /^[A-Za-z0-9_-]+:(\d+):/;

/** Null for a message nobody can read: its name says the epoch too. */
function epochOf(bytes: Uint8Array): number | null {
  try {
    const message = decodeMessage(bytes);
    return message.kind === 'pack' ? message.pack.header.epoch : message.header.epoch;
  } catch {
    return null;
  }
}

/** It becomes part of message ids and a bucket key. */
export function checkGatewayId(gateway: string): void {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(gateway))
    throw new RangeError(`gateway id '${gateway}' is not 1 to 64 letters, digits, '-' or '_'`);
}
