// Which sources a customer's orders came from, as 28 bits of the row's marks, and from which day on those sources show new customers
// (domain/coverage.ts). Both are functions of the set of messages: the 27 sources smallest by name have a bit of their own, all others
// share the last, under the latest day of any of them; when a smaller name arrives late, its bit's holder moves over, in all rows.
import { type Coverage, newFrom } from '#domain/coverage.ts';
import type { Fact } from '#domain/envelope.ts';
import { compareText } from '#domain/ledger.ts';
import { DAY_MS } from '#domain/time.ts';
import { MARK_BITS, WORD } from './row-layout.ts';
import type { RowTable } from './rows.ts';

export interface Declared extends Coverage {
  /** CTL sequence of the declaration, the highest stands; 0 = said by an import only, before sources said it themselves. */
  version: number;
}

const OWN_BITS = 27;
const ALL_BITS = 28;
/** Before every day. */
const ALWAYS = -(2 ** 31);

export class SourceCoverage {
  readonly #rows: RowTable;
  readonly #changed: (row: number) => void;
  readonly #added: (source: string) => void;
  readonly #declared = new Map<string, Declared>();
  /** Number of the bit → source. */
  #own: string[] = [];
  #others = new Set<string>();
  readonly #days = new Int32Array(ALL_BITS).fill(ALWAYS);
  #lastSource: string | null = null;
  #lastMark = 0;

  /** `changed` is told of every row whose answer from `newFrom` may be another one now, `added` of every source that comes up. */
  constructor(rows: RowTable, changed: (row: number) => void, added: (source: string) => void = () => {}) {
    this.#rows = rows;
    this.#changed = changed;
    this.#added = added;
  }

  /** The source's bit in the word `marks`. A new source may move another one's bit, in all rows. */
  mark(source: string): number {
    if (source === this.#lastSource) return this.#lastMark;
    let bit = this.#own.indexOf(source);
    if (bit < 0 && !this.#others.has(source)) {
      bit = this.#add(source);
      this.#recompute();
    }
    this.#lastSource = source;
    this.#lastMark = 1 << (MARK_BITS + (bit < 0 ? OWN_BITS : bit));
    return this.#lastMark;
  }

  /** A first purchase before this day may not be one, for whose orders came from the sources of these marks. */
  newFrom(marks: number): number {
    let day = ALWAYS;
    for (let bits = marks >>> MARK_BITS; bits !== 0; bits &= bits - 1)
      day = Math.max(day, this.#days[31 - Math.clz32(bits & -bits)]!);
    return day;
  }

  apply(fact: Fact): void {
    if (fact.type === 'source.covered') {
      const { source, coverage, burnInDays, version } = fact;
      if ((this.#declared.get(source)?.version ?? 0) >= version) return;
      this.#declared.set(source, { coverage, burnInDays, version });
    } else if (fact.type === 'import.started' && fact.coverage !== 'complete') {
      // What imports said before sources did (version 0): no burn-in, the latest day of all. A source's own word replaces it.
      const known = this.#declared.get(fact.source);
      const day = dayOfImport(fact.coverage);
      if (known && (known.version > 0 || (known.coverage as number) >= day)) return;
      this.#declared.set(fact.source, { coverage: day, burnInDays: 0, version: 0 });
    } else return;
    this.#recompute();
  }

  declared(): Record<string, Declared> {
    return Object.fromEntries(this.#declared);
  }

  #add(source: string): number {
    this.#added(source);
    this.#lastSource = null;
    if (this.#own.length < OWN_BITS) return this.#own.push(source) - 1;
    const last = this.#own.reduce((a, b) => (compareText(a, b) > 0 ? a : b));
    if (compareText(source, last) > 0) {
      this.#others.add(source);
      return -1;
    }
    const bit = this.#own.indexOf(last);
    this.#own[bit] = source;
    this.#others.add(last);
    const from = 1 << (MARK_BITS + bit);
    for (let row = 0; row < this.#rows.count; row++) {
      const marks = this.#rows.get(row, WORD.marks);
      if ((marks & from) === 0) continue;
      this.#rows.set(row, WORD.marks, (marks & ~from) | (1 << (MARK_BITS + OWN_BITS)));
      this.#changed(row);
    }
    return bit;
  }

  #recompute(): void {
    let changed = 0;
    for (let bit = 0; bit < ALL_BITS; bit++) {
      const sources = bit === OWN_BITS ? [...this.#others] : this.#own.slice(bit, bit + 1);
      const day = Math.max(ALWAYS, ...sources.map((source) => this.#dayOf(source)));
      if (this.#days[bit] === day) continue;
      this.#days[bit] = day;
      changed |= 1 << (MARK_BITS + bit);
    }
    if (changed === 0) return;
    for (let row = 0; row < this.#rows.count; row++)
      if ((this.#rows.get(row, WORD.marks) & changed) !== 0) this.#changed(row);
  }

  #dayOf(source: string): number {
    const declared = this.#declared.get(source);
    return (declared && newFrom(declared)) ?? ALWAYS;
  }

  save(): { declared: [string, Declared][]; own: string[]; others: string[] } {
    return { declared: [...this.#declared], own: [...this.#own], others: [...this.#others] };
  }

  /** Into a new ledger, before its rows. */
  restore(saved: ReturnType<SourceCoverage['save']>): void {
    for (const [source, declared] of saved.declared) this.#declared.set(source, declared);
    this.#own = saved.own;
    this.#others = new Set(saved.others);
    this.#recompute();
  }
}

/** `import.started` carries the date as a day number or, like every other instant of the log, in ms (a day is below 10⁷). */
const dayOfImport = (coverage: number): number => (Math.abs(coverage) < 1e7 ? coverage : Math.floor(coverage / DAY_MS));
