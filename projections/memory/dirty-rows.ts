// Customers that changed after a position, as columns: how tables and scores keep up with the state (projections/customers.ts).
import type { CustomerState } from '../customers.ts';
import type { Ledger } from './ledger.ts';
import { unpackCurrency, WORD } from './row-layout.ts';

/** Where a reader's last page ended: its next one starts there without a walk, unless that row has changed since. */
export class DirtyRows {
  readonly #ledger: Ledger;
  readonly #ends = new Map<number, number>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /**
   * About `limit` rows with a change after `sinceSeq`, oldest change first, linked and erased ones included; a message's rows
   * stay together, so a fact that concerns everybody comes in one piece. `seq`: complete up to there.
   */
  after(sinceSeq: number, limit: number): { rows: CustomerState; seq: number } {
    const { rows } = this.#ledger;
    const list: number[] = [];
    let next = this.#first(sinceSeq);
    let seq = sinceSeq;
    for (; next !== 0; next = rows.get(next - 1, WORD.newer)) {
      const changed = rows.getDouble(next - 1, WORD.changeSeq);
      if (list.length >= limit && changed !== seq) break;
      list.push(next - 1);
      seq = changed;
    }
    if (next === 0) seq = Math.max(this.#ledger.position, sinceSeq);
    else this.#remember(seq, list.at(-1)!);
    return { rows: stateOfRows(this.#ledger, list), seq };
  }

  #first(sinceSeq: number): number {
    const { rows } = this.#ledger;
    if (sinceSeq === 0) return rows.oldest;
    const end = this.#ends.get(sinceSeq);
    if (end !== undefined && rows.getDouble(end, WORD.changeSeq) === sinceSeq) return rows.get(end, WORD.newer);
    let next = rows.newest;
    let first = 0;
    while (next !== 0 && rows.getDouble(next - 1, WORD.changeSeq) > sinceSeq) {
      first = next;
      next = rows.get(next - 1, WORD.older);
    }
    return first;
  }

  #remember(seq: number, row: number): void {
    this.#ends.delete(seq);
    this.#ends.set(seq, row);
    if (this.#ends.size > 16) this.#ends.delete(this.#ends.keys().next().value!);
  }
}

/** These rows' columns as they stand, in that order; the ledger must be flushed. */
export function stateOfRows({ rows }: Ledger, list: readonly number[]): CustomerState {
  const n = list.length;
  const currencies = [''];
  const codes = new Map<number, number>([[0, 0]]);
  const out = {
    sids: new Uint8Array(n * 16),
    firstDay: new Int32Array(n),
    lastDay: new Int32Array(n),
    changeDay: new Int32Array(n),
    orders: new Uint32Array(n),
    frequency: new Uint32Array(n),
    moneyDays: new Uint32Array(n),
    moneyMinor: new Float64Array(n),
    netMinor: new Float64Array(n),
    currency: new Uint16Array(n),
    flags: new Uint8Array(n),
    seqs: new Float64Array(n),
  };
  list.forEach((row, i) => {
    out.sids.set(rows.sid(row), i * 16);
    for (const name of ['firstDay', 'lastDay', 'changeDay', 'orders', 'frequency', 'moneyDays'] as const)
      out[name][i] = rows.get(row, WORD[name]);
    out.moneyMinor[i] = rows.getDouble(row, WORD.moneyMinor);
    out.netMinor[i] = rows.getDouble(row, WORD.netMinor);
    out.seqs[i] = rows.getDouble(row, WORD.seq);
    const packed = rows.get(row, WORD.currencyAndFlags);
    out.flags[i] = packed >>> 24;
    const currency = packed & 0xffffff;
    let code = codes.get(currency);
    if (code === undefined) {
      code = currencies.push(unpackCurrency(currency)) - 1;
      codes.set(currency, code);
    }
    out.currency[i] = code;
  });
  return { ...out, currencies };
}
