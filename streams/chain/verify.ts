// The whole log against the whole chain: not the first fault, all of them, each with its place, its time and its kind.
import { type EventStore, SequenceGap } from '../event-store.ts';
import { decodeMessage } from '../pack.ts';
import { type ChainLink, digestAt, FIRST_PREVIOUS, messageDigest, sameBytes } from './link.ts';
import { readLinks } from './sealed.ts';

/**
 * changed: other bytes than were sealed. swapped: sealed at another of these places. inserted: from here on everything stands one further than
 * it was sealed. removed: … one nearer. missing: the store has no message there. truncated: the log ends before the chain does.
 * unreadable: not sealed yet, and no message of ours. link: the chain itself is damaged or has a hole; what it sealed is checked by nothing else.
 */
export const FAULT_KINDS = [
  'changed',
  'swapped',
  'inserted',
  'removed',
  'missing',
  'truncated',
  'unreadable',
  'link',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface ChainFault {
  kind: FaultKind;
  /** Sequences of EVT, both included. */
  from: number;
  to: number;
  /** When it, or the run it was sealed in, was stored; ms. */
  at: number;
}

export interface ChainReport {
  ok: boolean;
  messages: number;
  bytes: number;
  links: number;
  sealedTo: number;
  /** SHA-256 of the last link, hex: noted elsewhere, it says later whether the chain was written anew. */
  head: string;
  faults: ChainFault[];
}

type Shift = 'inserted' | 'removed';
interface Stranger {
  seq: number;
  subject: string;
  bytes: Uint8Array;
  at: number;
}

/** Among more strangers of one link none is looked for at another's place: it costs their square. */
const SWAPS = 64;
/** As many are told; a log that is damaged in more places is told apart by its first ones. */
const FAULTS = 1_000;
const SAY_EVERY = 10_000;

export async function verifyChain(
  store: Pick<EventStore, 'read' | 'lastSequence'>,
  progress: (done: number, of: number) => void = () => undefined,
): Promise<ChainReport> {
  const faults: ChainFault[] = [];
  const report: ChainReport = { ok: true, messages: 0, bytes: 0, links: 0, sealedTo: 0, head: '', faults };
  const tell = (kind: FaultKind, from: number, to: number, at: number) => {
    const last = faults.at(-1);
    if (last?.kind === kind && last.to === from - 1) last.to = to;
    else if (faults.length < FAULTS) faults.push({ kind, from, to, at });
  };
  const end = await store.lastSequence('EVT');
  /** Messages that are not what was sealed in the link at hand, to see whether they are sealed at another place. */
  let strangers: Stranger[] = [];
  let shifted: Shift | null = null;

  const settle = (link: ChainLink) => {
    const found = new Map(strangers.map((one) => [one.seq, one]));
    const standsAt = (one: { subject: string; bytes: Uint8Array } | undefined, seq: number): boolean =>
      one !== undefined &&
      seq >= link.from &&
      seq <= link.to &&
      sameBytes(messageDigest({ ...one, seq }), digestAt(link, seq));
    /** Past those that only moved because of a shift before them, which may go on in the next link. */
    const moved = (from: number, kind: Shift): number => {
      let at = from;
      for (; at < strangers.length; at++) {
        const { seq } = strangers[at]!;
        const outside = kind === 'inserted' ? from === 0 && seq === link.from : seq === link.to;
        if (!outside && !standsAt(strangers[at], kind === 'inserted' ? seq - 1 : seq + 1)) break;
      }
      shifted = at > 0 && strangers[at - 1]!.seq === link.to ? kind : null;
      return at;
    };
    const shiftAt = (seq: number): Shift | null => {
      const further = (one: number) => one > link.to || standsAt(found.get(one), one - 1);
      const nearer = (one: number) => one >= link.to || standsAt(found.get(one), one + 1);
      if (seq < link.to && further(seq + 1) && further(seq + 2)) return 'inserted';
      return seq < link.to && nearer(seq) && nearer(seq + 1) ? 'removed' : null;
    };
    const isSwapped = (one: Stranger): boolean =>
      strangers.length <= SWAPS &&
      strangers.some((other) => other !== one && standsAt(one, other.seq) && standsAt(other, one.seq));

    let at = shifted !== null && strangers[0]?.seq === link.from ? moved(0, shifted) : 0;
    while (at < strangers.length) {
      const one = strangers[at]!;
      const swapped = isSwapped(one);
      const shift = swapped ? null : shiftAt(one.seq);
      tell(swapped ? 'swapped' : (shift ?? 'changed'), one.seq, one.seq, one.at);
      at = shift === null ? at + 1 : moved(at + 1, shift);
    }
    strangers = [];
  };

  let position = 0;
  /** Messages up to `to`, each checked against the link, or only read when there is none. */
  async function pass(to: number, link: ChainLink | null): Promise<void> {
    const stop = Math.min(to, end);
    while (position < stop) {
      try {
        for await (const { seq, subject, bytes, storedAt } of store.read('EVT', { from: position + 1, to: stop })) {
          position = seq;
          report.messages++;
          report.bytes += bytes.length;
          if (link !== null) {
            if (!sameBytes(messageDigest({ seq, subject, bytes }), digestAt(link, seq)))
              strangers.push({ seq, subject, bytes: Uint8Array.from(bytes), at: storedAt });
          } else if (!readable(bytes)) tell('unreadable', seq, seq, storedAt);
          if (report.messages % SAY_EVERY === 0) progress(position, end);
        }
        if (position < stop) throw new SequenceGap('EVT', position + 1, stop + 1);
      } catch (error) {
        if (!(error instanceof SequenceGap)) throw error;
        const last = Math.min(Math.max(error.found - 1, error.expected), stop);
        tell('missing', position + 1, last, link?.at ?? Number.NaN);
        position = last;
      }
    }
  }

  let previous: Uint8Array = FIRST_PREVIOUS;
  let n = 0;
  let damaged = false;
  for await (const { link, sha256 } of readLinks(store)) {
    damaged = link === null;
    if (link === null) continue; // the next one shows what it leaves open
    report.links++;
    const whole = link.n === n + 1 && link.from === report.sealedTo + 1 && sameBytes(link.previous, previous);
    if (!whole) {
      const from = Math.min(report.sealedTo + 1, link.from);
      tell('link', from, Math.max(from, link.from - 1), link.at);
      await pass(link.from - 1, null);
    }
    await pass(link.to, link);
    settle(link);
    if (link.to > end) tell('truncated', Math.max(end + 1, link.from), link.to, link.at);
    n = link.n;
    previous = sha256;
    report.sealedTo = link.to;
  }
  // A last link that cannot be read is followed by no other that would show it.
  if (damaged) tell('link', report.sealedTo + 1, Math.max(report.sealedTo + 1, end), Number.NaN);
  await pass(end, null);
  progress(end, end);
  report.head = Buffer.from(previous).toString('hex');
  report.ok = faults.length === 0;
  return report;
}

function readable(bytes: Uint8Array): boolean {
  try {
    decodeMessage(bytes);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
