// `verify --chain`: the whole log against the hash chain, and for each fault what it means for what is folded from the log.
import type { ChainAnswer } from '#api/integrity-deps.ts';
import { type ChainFault, verifyChain } from '#streams/chain/verify.ts';
import type { EventStore } from '#streams/event-store.ts';

/** @param positions where each projection stands; without (no server runs) it is not known which have already read a place. */
export async function verifyLog(
  store: Pick<EventStore, 'read' | 'lastSequence'>,
  positions: () => Promise<Record<string, number>> | Record<string, number>,
  progress?: (done: number, of: number) => void,
): Promise<ChainAnswer> {
  const { sealedTo, faults, ...report } = await verifyChain(store, progress);
  const standing = Object.entries(await positions());
  const touched = ({ from }: ChainFault) => ({
    // They hold what the log held there before: the last good copy, as long as nobody rebuilds them.
    read_before: standing.filter(([, seq]) => seq >= from).map(([name]) => name),
    stopped_by: standing.filter(([, seq]) => seq < from).map(([name]) => name),
  });
  return {
    ...report,
    sealed_to: sealedTo,
    faults: faults.map((fault) => ({
      kind: fault.kind,
      from: fault.from,
      to: fault.to,
      at: Math.abs(fault.at) <= 8.64e15 ? new Date(fault.at).toISOString() : null,
      ...touched(fault),
    })),
  };
}
