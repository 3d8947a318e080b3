// Lists and series from Postgres for the routes: the queries of projections/ behind the API's narrow interface.
import type { Tables as ReadModels } from '#projections/catalogue.ts';
import { customerPage, decodeCursor, encodeCursor } from '#projections/customer-profile.ts';
import { weeklyRepeatPurchases } from '#projections/stats.ts';
import type { Tables } from './deps.ts';
import { Problem } from './problem.ts';

/** @param waitFor resolves when the projector has committed everything up to a position. */
export function createTables(db: ReadModels, waitFor: (seq: number) => Promise<unknown>): Tables {
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
    async waitFor(seq) {
      await waitFor(seq);
    },
  };
}
