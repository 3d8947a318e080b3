// A small number of each record of a pool that most records do not have (0), kept beside the records because theirs are full. A page of it, for 32,768
// records, is there once one of them has a number: whoever has none pays nothing. A byte a record; two in a page that holds a number above 255.
import { bytesOf, type Frozen, PageGuard, type ReadSection } from './pages.ts';

const SHIFT = 15;
const RECORDS = 1 << SHIFT;
const MASK = RECORDS - 1;
/** Largest number there is room for. */
export const SIDE_MAX = 65_535;

type Page = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

export class SideColumn {
  readonly name: string;
  #pages: (Page | null)[] = [];
  readonly #guard = new PageGuard();

  constructor(name: string) {
    this.name = name;
  }

  /** Memory held, bytes. */
  get bytes(): number {
    return this.#pages.reduce((sum, page) => sum + (page?.byteLength ?? 0), 0);
  }
  /** No record has ever had a number. */
  get isEmpty(): boolean {
    return this.#pages.length === 0;
  }

  get(record: number): number {
    const at = record >>> SHIFT;
    if (at >= this.#pages.length) return 0;
    const page = this.#pages[at]!;
    return page === null ? 0 : page[record & MASK]!;
  }

  /** @param value another one than it has: 0 where there is no page would make one. */
  set(record: number, value: number): void {
    const at = record >>> SHIFT;
    const page = this.#pages[at] ?? this.#addPage(at);
    if (this.#guard.frozen[at] === 1) this.#guard.keep(at, bytesOf(page));
    this.#wideEnough(at, page, value)[record & MASK] = value;
  }

  #addPage(at: number): Page {
    while (this.#pages.length <= at) this.#pages.push(null);
    const page = new Uint8Array(RECORDS);
    this.#pages[at] = page;
    this.#guard.reserve(this.#pages.length);
    // A snapshot that began before it was there does not ask for it.
    this.#guard.frozen[at] = 0;
    return page;
  }

  #wideEnough(at: number, page: Page, value: number): Page {
    if (value <= 255) return page;
    if (value > SIDE_MAX) throw new RangeError(`${this.name}: ${value} is more than ${SIDE_MAX}`);
    if (page instanceof Uint16Array) return page;
    const wide = Uint16Array.from(page);
    this.#pages[at] = wide;
    return wide;
  }

  freeze(): Frozen {
    const pages = this.#pages.flatMap((page, at) => (page === null ? [] : [{ at, bytes: page.byteLength }]));
    this.#guard.freeze(this.#pages.length);
    return {
      meta: { pages: pages.map(({ at, bytes }) => [at, bytes]) },
      sections: [
        {
          name: this.name,
          lengths: pages.map(({ bytes }) => bytes),
          take: (page) => {
            const { at } = pages[page]!;
            return this.#guard.take(at, () => bytesOf(this.#pages[at]!));
          },
        },
      ],
      release: () => this.#guard.release(),
    };
  }

  restore(meta: Record<string, unknown>, read: ReadSection): void {
    const { pages } = meta as { pages: [at: number, bytes: number][] };
    const found = pages.map(([at, bytes]) => {
      const page = bytes === RECORDS ? new Uint8Array(RECORDS) : new Uint16Array(RECORDS);
      while (this.#pages.length <= at) this.#pages.push(null);
      this.#pages[at] = page;
      return page;
    });
    this.#guard.reserve(this.#pages.length);
    read(this.name, found.map(bytesOf));
  }
}
