// Does the keyring belong to this log? Every sid the log holds must have a mapping, except those it has erased (facts §7).
import type { KeyringReport } from '#api/integrity-deps.ts';
import { COLUMN_FLAG, type Columns, createCustomerColumns } from '#projections/memory/columns.ts';
import type { Keyring } from '#streams/keyring/keyring.ts';

const PAGE = 10_000;
/** How many sids a report names: enough to look at, not a list of everybody. */
const NAMED = 20;

export interface KeyringCheck {
  columns: Pick<Columns, 'refresh' | 'rows' | 'sidOf' | 'read'>;
  keyring: Pick<Keyring, 'mapped' | 'count' | 'danglingLinks' | 'pendingFacts'>;
  /** Resolves when the columns hold everything that is in the log now. */
  caughtUp(): Promise<void>;
}

/**
 * Both directions. `orphans`: in the log without a mapping, so nobody can say who they are or open what is sealed. `returned`: erased by the
 * log, and mapped again, as an older keyring brings them back. `unused`: mappings of which the log holds nothing: normal, because the keyring
 * commits before the log is appended to, and a crash may come in between.
 */
export async function verifyKeyring({ columns, keyring, caughtUp }: KeyringCheck): Promise<KeyringReport> {
  const row = createCustomerColumns();
  const isErased = (at: number): boolean => columns.read(at, row) && (row.flags & COLUMN_FLAG.erased) !== 0;
  columns.refresh();
  const rows = columns.rows();
  let erased = 0;
  let mapped = 0;
  const returned: string[] = [];
  const without: number[] = [];
  for (let from = 0; from < rows; from += PAGE) {
    const page = Array.from({ length: Math.min(PAGE, rows - from) }, (_, i) => from + i);
    // Before the keyring is asked: an erasure is committed there first, and said in the log after.
    const gone = page.map(isErased);
    const found = await keyring.mapped(page.map((at) => columns.sidOf(at)));
    for (const [i, at] of page.entries()) {
      if (gone[i]) erased++;
      if (found[i]) mapped++;
      if (gone[i] && found[i]) returned.push(hex(columns.sidOf(at)));
      if (!gone[i] && !found[i]) without.push(at);
    }
  }
  const orphans = without.length === 0 ? [] : await stillThere(without);
  const count = await keyring.count();
  const danglingLinks = await keyring.danglingLinks();
  return {
    ok: orphans.length === 0 && returned.length === 0 && danglingLinks === 0,
    sids: rows,
    erased,
    mappings: count.known + count.anonymous,
    unused: Math.max(0, count.known + count.anonymous - mapped),
    orphans: orphans.length,
    returned: returned.length,
    danglingLinks,
    named: { orphans: orphans.slice(0, NAMED), returned: returned.slice(0, NAMED) },
  };

  /** Those whose erasure is on its way to the log are no orphans. */
  async function stillThere(suspects: number[]): Promise<string[]> {
    const pending = new Set(
      (await keyring.pendingFacts()).flatMap(({ fact }) => (fact.type === 'customer.erased' ? fact.sids.map(hex) : [])),
    );
    await caughtUp();
    return suspects
      .filter((at) => !isErased(at))
      .map((at) => hex(columns.sidOf(at)))
      .filter((sid) => !pending.has(sid));
  }
}

const hex = (sid: Uint8Array): string => Buffer.from(sid).toString('hex');
