// Tables to take along: read over connections of their own, so that lists of the console never wait for an export; packed into Parquet by the pool.
import { Problem } from '#api/problem.ts';
import type { TableExports } from '#api/read-deps.ts';
import { type PackRows, parquetOf } from '#processors/parquet-rows.ts';
import { openTables } from '#projections/catalogue.ts';
import { openExport } from '#projections/exports.ts';

/** Each keeps its rows on the database's disk while it is read. */
const AT_ONCE = 2;
/** Whoever has not asked for more for so long makes room. */
const PATIENCE_MS = 2 * 60_000;
/** For the writing aside of the largest table. */
const STATEMENT_MS = 15 * 60_000;

export function createTableExports(databaseUrl: string, pack: PackRows): TableExports & AsyncDisposable {
  const tables = openTables(databaseUrl, { name: 'axiom47 export', connections: AT_ONCE, statementMs: STATEMENT_MS });
  let open = 0;
  return {
    async open(table, until) {
      if (open >= AT_ONCE)
        throw new Problem('export-busy', `${AT_ONCE} exports are being read already; ask again when one has ended`);
      open++;
      try {
        const opened = await openExport(tables.pool, table, until);
        let ended = false;
        const end = async () => {
          if (ended) return;
          ended = true;
          clearTimeout(waiting);
          open--;
          await opened[Symbol.asyncDispose]();
        };
        const wait = () => setTimeout(() => void end(), PATIENCE_MS).unref();
        let waiting = wait();
        return {
          ...opened,
          async *batches() {
            for await (const rows of opened.batches()) {
              clearTimeout(waiting);
              waiting = wait();
              yield rows;
            }
          },
          [Symbol.asyncDispose]: end,
        };
      } catch (error) {
        open--;
        throw new Problem(
          'tables-unavailable',
          `the table ${table.name} could not be read (${error instanceof Error ? error.message : String(error)})`,
        );
      }
    },
    parquet: (name, columns, lines) => parquetOf(lines, { name, columns: columns.map(required) }, pack),
    [Symbol.asyncDispose]: () => tables[Symbol.asyncDispose](),
  };
}

/** Whom a row is about is always known. */
const required = <Column extends { name: string }>(column: Column) =>
  column.name === 'ref' || column.name === 'customer_id' ? { ...column, required: true } : column;
