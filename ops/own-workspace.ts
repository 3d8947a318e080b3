// Whose log is it? The first server that says so makes it its workspace's. Two that start at once on one empty log, each with a data directory of
// its own, meet at the sequence that each expects: one of them is told so, and its keys never seal anything there.
import { randomUUID } from 'node:crypto';
import type { Fact } from '#domain/envelope.ts';
import { type EventStore, VersionConflict } from '#streams/event-store.ts';
import { encodeFact } from '#streams/pack.ts';

export class ForeignLog extends Error {
  readonly code = 'foreign-log';
  constructor(log: string, own: string) {
    super(
      `the log is that of workspace ${log}, this data directory is workspace ${own}: start with the data directory of the log, or give this one a NATS server of its own`,
    );
    this.name = 'ForeignLog';
  }
}

/** Says in a log that has no workspace that it is this one's. @throws ForeignLog when it is another's, also when it has become so this moment. */
export async function ownWorkspace({
  store,
  fold,
  fact,
  header,
}: {
  store: Pick<EventStore, 'append' | 'lastSequence'>;
  fold: { waitFor(seq: number): Promise<unknown>; facts(): Promise<{ workspaceId: string | null }> };
  fact: Extract<Fact, { type: 'workspace.created' }>;
  header: Parameters<typeof encodeFact>[1];
}): Promise<void> {
  const subject = `evt.all.${header.tenant}`;
  for (;;) {
    const expectedLastSequence = await store.lastSequence('EVT', subject);
    await fold.waitFor(await store.lastSequence('EVT'));
    const { workspaceId } = await fold.facts();
    if (workspaceId === fact.workspaceId) return;
    if (workspaceId !== null) throw new ForeignLog(workspaceId, fact.workspaceId);
    try {
      await store.append(subject, encodeFact(fact, header), { expectedLastSequence, messageId: randomUUID() });
      return;
    } catch (error) {
      // A fact came between: whose, is read now.
      if (!(error instanceof VersionConflict)) throw error;
    }
  }
}
