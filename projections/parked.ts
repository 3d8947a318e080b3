// What the ledger has parked is not in the tables either: the fold is the judge (facts §2). It is left out as it comes, its place is committed with the
// batch, and when the ledger has applied it, it is read from the log again and merged like any other row.
import type { EventStore } from '#streams/event-store.ts';
import { decodeMessage } from '#streams/pack.ts';
import { noteApplied, Tally } from './applied.ts';
import { Batch } from './batch.ts';
import { CopyBuffer } from './copy-binary.ts';
import { type CustomerState, mergeCustomersOf } from './customers.ts';
import { WHOLE_MESSAGE } from './memory/parked.ts';
import type { Place } from './memory/parked-lists.ts';
import { forgetPlaces, readPlaces } from './parked-places.ts';
import type { Writer } from './runner.ts';
import type { EventWindow } from './window.ts';

/** What is asked of the fold thread (memory/protocol.ts): one that was started again answers when it has read as far once more. */
export interface ParkedState {
  parkedIn(from: number, to: number): Promise<Place[]>;
  /** @param seq the fold has read at least so far. */
  stillParked(places: Place[], seq: number): Promise<Place[]>;
  /** The customers these sids belong to, as rows. @param seq as of `stillParked`. */
  canonicalRowsOf(sids: Uint8Array[], seq: number): Promise<CustomerState>;
}

export interface ReleaseDeps {
  writer: Pick<Writer, 'read' | 'commit'>;
  store: Pick<EventStore, 'read'>;
  state: Pick<ParkedState, 'stillParked' | 'canonicalRowsOf'>;
  window: EventWindow;
  now: () => number;
  /** Where the tables stand, and as their batch has it: zone and start of the window. */
  position: () => number;
  live: Batch;
  /** Of the message that says what is parked is tried again; or where the tables stand. */
  seq: number;
}

/** Messages a transaction: their events are merged in the order of the log, so that any number will do. */
const MESSAGES = 500;

/** Merges what the tables left out and the ledger has applied since. @returns how many places. */
export async function mergeReleased(deps: ReleaseDeps): Promise<number> {
  const { writer, store, state, live, seq: upTo } = deps;
  const places = await writer.read(readPlaces);
  if (places.length === 0) return 0;
  const parked = new Set((await state.stillParked(places, upTo)).map(String));
  const released = [
    ...Map.groupBy(
      places.filter((place) => !parked.has(String(place))),
      ([seq]) => seq,
    ),
  ];
  const batch = new Batch();
  batch.counted = false;
  const customers = new CopyBuffer();
  for (let from = 0; from < released.length; from += MESSAGES) {
    const some = released.slice(from, from + MESSAGES);
    batch.zone = live.zone;
    batch.windowStart = live.windowStart;
    const sids: Uint8Array[] = [];
    /** Could not be read when they came by, and were not counted then. */
    const late = { tally: new Tally(), seqs: [] as number[] };
    for (const [seq, ofMessage] of some)
      for await (const { bytes } of store.read('EVT', { from: seq, to: seq })) {
        const message = decodeMessage(bytes);
        if (message.kind !== 'pack') continue;
        const { pack } = message;
        const indexes = ofMessage.map(([, index]) => index);
        const whole = indexes.includes(WHOLE_MESSAGE);
        const all = Array.from({ length: pack.count }, (_, index): Place => [seq, index]);
        // Of a message that could not be read, events may be parked on their own now: their places stand for it from here on.
        const rest = whole ? await state.stillParked(all, upTo) : [];
        const left = new Set(rest.map(([, index]) => index));
        const taken = (index: number) => (whole ? !left.has(index) : indexes.includes(index));
        batch.park(seq, rest);
        batch.add(seq, message, taken);
        for (let i = 0; i < pack.count; i++) if (taken(i)) sids.push(pack.sid(i).slice());
        if (!whole) continue;
        late.tally.add(pack);
        late.seqs.push(seq);
      }
    const rows = await state.canonicalRowsOf(sids, upTo);
    const at = deps.position();
    await writer.commit('events', { from: at, to: at }, async (client) => {
      await batch.stage(client);
      await batch.write(client, deps.window, deps.now());
      await mergeCustomersOf(client, customers, rows);
      // Not a second time when the answer to the commit was lost.
      const left = await client.query('select from rm.parked where index = $1 and seq = any($2)', [
        WHOLE_MESSAGE,
        late.seqs,
      ]);
      if (left.rowCount) await noteApplied(client, late.tally);
      await forgetPlaces(
        client,
        some.flatMap(([, list]) => list),
      );
    });
    batch.clear();
  }
  return released.reduce((sum, [, list]) => sum + list.length, 0);
}
