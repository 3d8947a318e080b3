// Some customers as the log stood at a position: only the messages that the index names for them are read, and folded into a small ledger of their
// own. What concerns everybody is applied in between, at its place; what only a fold of everything can know (which events were sent twice, which ids
// the window had forgotten, which source has which bit of a row) the index has noted. The result is that of the whole fold, entry for entry.
import type { EventStore, Recorded } from '#streams/event-store.ts';
import { decodeMessage, type LogMessage } from '#streams/pack.ts';
import { createLedger, type Ledger, type Zone } from '../ledger.ts';
import type { EventIndex } from './event-index.ts';
import type { FactForAll } from './recorder.ts';
import type { Position } from './segment.ts';

export interface PastDeps {
  store: Pick<EventStore, 'get'>;
  index: Pick<EventIndex, 'find' | 'facts' | 'sources' | 'stepBefore'>;
  /** The sid's own row in the fold, links not followed; −1 when the log does not hold it. */
  rowOf: (sid: Uint8Array) => number;
  /** Until a fact says otherwise. */
  reportingCurrency: string;
  /** Places of events the fold does not come back from. */
  stuck: ReadonlyMap<string, number>;
}

/** The index names a message that is not about this customer: it belongs to another log. */
export class IndexWrong extends Error {
  readonly code = 'index-wrong';
  constructor(seq: number) {
    super(`the event index is not of this log: message ${seq} is not about the customer it is named for`);
    this.name = 'IndexWrong';
  }
}

/** More than this is not read message by message: fold everybody instead. */
export const MOST_MESSAGES = 20_000;

/** The zone that days are computed anew with at a position: the greatest version asked for so far. */
export function zoneOf(facts: readonly FactForAll[]): Zone | undefined {
  let zone: Zone | undefined;
  for (const { fact } of facts)
    if (fact.type === 'ledger.rezoned' && fact.version > (zone?.version ?? 0))
      zone = { version: fact.version, offsets: fact.offsets };
  return zone;
}

const hex = (sid: Uint8Array): string => Buffer.from(sid.buffer, sid.byteOffset, sid.length).toString('hex');

/**
 * A ledger with these customers, and whoever is linked with them, as they stood at `seq`; who was erased since is erased. Columns are written.
 * @returns null when so much would have to be read that a fold of everybody costs less.
 */
export async function customersAt(deps: PastDeps, sids: readonly Uint8Array[], seq: number): Promise<Ledger | null> {
  const messages = new Map<number, LogMessage>();
  const events = new Map<number, { index: number; repeat: boolean }[]>();
  const linksAndErasures = new Set<number>();
  const later = new Set<number>();
  const known = new Set<string>();
  let open = [...sids];
  while (open.length > 0) {
    const found: { sid: Uint8Array; position: Position }[] = [];
    for (const sid of open) {
      known.add(hex(sid));
      const row = deps.rowOf(sid);
      if (row >= 0) for (const position of deps.index.find(row)) found.push({ sid, position });
    }
    const wanted = new Set<number>();
    for (const { position } of found)
      if ((position.seq <= seq || position.fact) && !messages.has(position.seq)) wanted.add(position.seq);
    if (messages.size + wanted.size > MOST_MESSAGES) return null;
    for (const message of await deps.store.get('EVT', [...wanted])) messages.set(message.seq, decoded(message));
    const next = new Map<string, Uint8Array>();
    for (const { sid, position } of found) {
      const message = messages.get(position.seq);
      if (!message) continue; // an event after `seq`
      if (!isAbout(message, position, sid)) throw new IndexWrong(position.seq);
      if (position.seq > seq) later.add(position.seq);
      else if (message.kind === 'fact') {
        linksAndErasures.add(position.seq);
        const { fact } = message;
        if (fact.type === 'customer.linked')
          for (const other of [fact.anonymous, fact.known]) if (!known.has(hex(other))) next.set(hex(other), other);
      } else {
        const list = events.get(position.seq) ?? [];
        list.push({ index: position.index, repeat: position.repeat });
        events.set(position.seq, list);
      }
    }
    open = [...next.values()];
  }

  const facts = deps.index.facts(seq);
  const zone = zoneOf(facts);
  const ledger = createLedger({
    maxCustomers: 64 + known.size + erasedIn(messages),
    reportingCurrency: deps.reportingCurrency,
    stuck: deps.stuck,
    idWindow: { maxIds: 1, maxHours: 1 },
    ...(zone && { zone }),
  });
  const steps: { seq: number; apply: () => void }[] = [];
  for (const { seq: at, name } of deps.index.sources(seq))
    steps.push({
      seq: at,
      apply() {
        ledger.arriveAt(at);
        ledger.coverage.mark(name);
      },
    });
  for (const { seq: at, fact, ingestedAt } of facts)
    steps.push({
      seq: at,
      apply: () =>
        ledger.applyPart(at, { kind: 'fact', header: { tenant: '', gateway: '', epoch: 0, ingestedAt }, fact }),
    });
  for (const at of linksAndErasures) steps.push({ seq: at, apply: () => ledger.applyPart(at, messages.get(at)!) });
  for (const [at, list] of events)
    steps.push({
      seq: at,
      apply: () =>
        ledger.applyPart(
          at,
          messages.get(at)!,
          list.sort((a, b) => a.index - b.index),
        ),
    });
  // A stable order: at one position a source comes before what it came with.
  steps.sort((a, b) => a.seq - b.seq);
  for (const { apply } of steps) apply();
  ledger.arriveAt(seq);
  for (const at of later) {
    const message = messages.get(at)!;
    if (message.kind === 'fact' && message.fact.type === 'customer.erased') ledger.forget(message.fact.sids);
  }
  ledger.flushColumns();
  return ledger;
}

/** Sids that erasures name: each has a row. */
const erasedIn = (messages: ReadonlyMap<number, LogMessage>): number =>
  [...messages.values()].reduce(
    (sum, message) =>
      message.kind === 'fact' && message.fact.type === 'customer.erased' ? sum + message.fact.sids.length : sum,
    0,
  );

const decoded = ({ bytes }: Recorded): LogMessage => decodeMessage(bytes);

function isAbout(message: LogMessage, { index, fact }: Position, sid: Uint8Array): boolean {
  const same = (other: Uint8Array) => Buffer.compare(other, sid) === 0;
  if (message.kind === 'pack') return !fact && index < message.pack.count && same(message.pack.sid(index));
  if (!fact) return false;
  if (message.fact.type === 'customer.linked') return same(message.fact.anonymous) || same(message.fact.known);
  return message.fact.type === 'customer.erased' && message.fact.sids.some(same);
}
