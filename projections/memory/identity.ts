// Links and erasures of customers (facts §7, §8). Both are functions of the SET of facts, wherever they fall among the events:
// a component of linked sids has one ledger, at its canonical sid, and is erased as soon as one of its sids is.

import { members } from './entries.ts';
import type { EntryStore } from './entry-store.ts';
import type { RecordPool } from './record-pool.ts';
import { MARK, ROW_SHIFT, SOURCE_MARKS, WORD } from './row-layout.ts';

export interface IdentityHooks {
  /** The row's ledger, or its place in a component, has changed. */
  changed(row: number): void;
  /** An entry that is about to go because its customer is erased. */
  erased(pool: RecordPool, record: number): void;
  /** Everybody linked into this row is one erased customer now. */
  emptied(canonical: number): void;
  /** Number of customers, and of erased ones, by this much. */
  customers(difference: number, erased: number): void;
}

/**
 * Canonical = the smallest by bytes of the sids that some link calls known. Hence, between an anonymous and a known sid the
 * known one; between two known (the writer of the fact names the smaller as `known`) the smaller.
 */
export function linkRows(store: EntryStore, anonymous: number, known: number, hooks: IdentityHooks): void {
  const { rows } = store;
  if (anonymous === known) return;
  const marks = (row: number) => rows.get(row, WORD.marks);
  const add = (row: number, mark: number) => {
    if ((marks(row) & mark) !== 0) return;
    rows.set(row, WORD.marks, marks(row) | mark);
    // Also when nobody is joined by this link: the columns say who is anonymous.
    hooks.changed(row);
  };
  add(anonymous, MARK.anonymous);
  add(known, MARK.known);
  const roots = [...new Set([rows.canonical(anonymous), rows.canonical(known)])];
  const candidates = [known, ...roots.filter((root) => (marks(root) & MARK.known) !== 0)];
  const canonical = candidates.reduce((a, b) => (smaller(rows.sid(a), rows.sid(b)) ? a : b));
  if (roots.length === 1 && roots[0] === canonical) return;
  const component = roots.flatMap((root) => [root, ...members(store, root)]);
  const erased = roots.filter((root) => (marks(root) & MARK.erased) !== 0).length;
  const wasErased = erased > 0;
  hooks.customers(erased - roots.length + (wasErased ? 0 : 1), (wasErased ? 1 : 0) - erased);
  for (const root of roots) {
    if (root === canonical) continue;
    store.moveAll(root, canonical);
    rows.set(canonical, WORD.marks, marks(canonical) | (marks(root) & SOURCE_MARKS));
    rows.set(root, WORD.marks, marks(root) & ~SOURCE_MARKS);
  }
  let head = 0;
  for (const row of component) {
    rows.set(row, WORD.memberHead, 0);
    rows.set(row, WORD.memberNext, 0);
    if (row === canonical) continue;
    rows.set(row, WORD.memberNext, head);
    head = row + 1;
    rows.touch(row);
    Atomics.store(rows.words, (row << ROW_SHIFT) + WORD.parent, canonical + 1);
    hooks.changed(row);
  }
  rows.touch(canonical);
  Atomics.store(rows.words, (canonical << ROW_SHIFT) + WORD.parent, 0);
  rows.set(canonical, WORD.memberHead, head);
  if (wasErased) empty(store, canonical, hooks);
  hooks.changed(canonical);
}

/** The customer of this row becomes {sid, erased}. */
export function eraseRow(store: EntryStore, row: number, hooks: IdentityHooks): void {
  const canonical = store.rows.canonical(row);
  if ((store.rows.get(canonical, WORD.marks) & MARK.erased) !== 0) return;
  empty(store, canonical, hooks);
  hooks.customers(-1, 1);
  hooks.changed(canonical);
}

function empty(store: EntryStore, canonical: number, hooks: IdentityHooks): void {
  const marks = store.rows.get(canonical, WORD.marks);
  store.rows.set(canonical, WORD.marks, (marks & ~SOURCE_MARKS) | MARK.erased);
  store.removeAll(canonical, hooks.erased);
  hooks.emptied(canonical);
}

function smaller(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! < b[i]!;
  return false;
}
