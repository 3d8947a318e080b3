// Lists and series for the routes, from Postgres and from the columns in memory: the queries of projections/ behind the API's narrow interface.
import type { Tables as ReadModels } from '#projections/catalogue.ts';
import { type CustomerCursor, customerPage, decodeCursor, encodeCursor } from '#projections/customer-profile.ts';
import type { Columns } from '#projections/memory/columns.ts';
import { type ColumnSort, orderedRows } from '#projections/memory/ordered-rows.ts';
import { meanChurn } from '#projections/scores.ts';
import { weeklyRepeatPurchases } from '#projections/stats.ts';
import { Problem } from './problem.ts';
import type { Tables } from './read-deps.ts';

/** @param waitFor resolves when the projector has committed everything up to a position. */
export function createTables(db: ReadModels, columns: Columns, waitFor: (seq: number) => Promise<unknown>): Tables {
  async function ordered(sort: ColumnSort, limit: number, cursor: CustomerCursor | null) {
    const after = cursor && {
      value: cursor.value === null ? null : Number(cursor.value),
      key: BigInt(cursor.sidKey),
    };
    const { sids, next } = await orderedRows(columns, sort, limit, after);
    return {
      sids,
      next: next && encodeCursor({ value: next.value === null ? null : String(next.value), sidKey: String(next.key) }),
    };
  }
  const unavailable = (error: unknown): never => {
    if (error instanceof Problem) throw error;
    throw new Problem(
      'tables-unavailable',
      `the read models do not answer (${error instanceof Error ? error.message : String(error)})`,
    );
  };
  return {
    async customers({ sort, after, limit, modelId, churnModelIds }) {
      const cursor = after === null ? null : decodeCursor(after);
      if (after !== null && cursor === null)
        throw new Problem('bad-field', 'cursor: is not one of ours; leave it out to begin at the start', {
          fields: [{ pointer: 'cursor', detail: 'take it from `next` of the page before' }],
        });
      if (sort !== 'clv' && sort !== 'p_churn') return ordered(sort, limit, cursor);
      const page = await customerPage(db, { sort, limit, cursor, modelId, churnModelIds }).catch(unavailable);
      return {
        sids: page.rows.map((row) => Uint8Array.from(Buffer.from(row.sid.replaceAll('-', ''), 'hex'))),
        next: page.next && encodeCursor(page.next),
      };
    },
    async weeklyRepeats({ from, until }) {
      const weeks = await weeklyRepeatPurchases(db, { from, to: until, until }).catch(unavailable);
      return weeks.map(({ day, repeatPurchases }) => [day, repeatPurchases]);
    },
    meanChurn: (modelId) => meanChurn(db, modelId).catch(unavailable),
    async waitFor(seq) {
      await waitFor(seq);
    },
  };
}
