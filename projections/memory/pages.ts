// Copy-on-write for a snapshot that is written while the fold goes on: a page the snapshot has not reached yet is copied
// just before its first change, so the file holds exactly one position and the writer never waits for the disk.

/** A part of the state as it was at the freeze: `take` gives page after page, each once. */
interface FrozenSection {
  name: string;
  /** Bytes of each page. */
  lengths: number[];
  /** The page's bytes at the freeze; a private copy. */
  take(page: number): Uint8Array;
}

/** What one holder of state gives to a snapshot: small facts for the index, and its sections. */
export interface Frozen {
  meta: Record<string, unknown>;
  sections: FrozenSection[];
  /** Ends the freeze, also when not every page was taken. */
  release(): void;
}

/** Fills `targets`, in order, with the section's bytes; throws when they are not what was written. */
export type ReadSection = (name: string, targets: Uint8Array[]) => void;

export class PageGuard {
  /** 1 = a snapshot still needs this page as it is: call `keep` before changing it. */
  frozen = new Uint8Array(64);
  readonly #kept = new Map<number, Uint8Array>();

  /** Makes room so that `frozen[page]` is always inside the array (an access outside would slow every write). */
  reserve(pages: number): void {
    if (pages <= this.frozen.length) return;
    const wider = new Uint8Array(Math.max(pages, this.frozen.length * 2));
    wider.set(this.frozen);
    this.frozen = wider;
  }

  /** Preserves the page; pass `owned` when the caller lets go of the memory anyway. */
  keep(page: number, bytes: Uint8Array, owned = false): void {
    this.frozen[page] = 0;
    this.#kept.set(page, owned ? bytes : bytes.slice());
  }

  freeze(pages: number): void {
    this.reserve(pages);
    this.frozen.fill(1, 0, pages);
  }

  take(page: number, live: () => Uint8Array): Uint8Array {
    const kept = this.#kept.get(page);
    this.#kept.delete(page);
    this.frozen[page] = 0;
    return kept ?? live().slice();
  }

  release(): void {
    this.frozen.fill(0);
    this.#kept.clear();
  }
}

export const bytesOf = (view: ArrayBufferView): Uint8Array =>
  new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);
