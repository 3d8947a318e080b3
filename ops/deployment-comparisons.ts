// Measures two versions of a model against each other on the customers as they are now: a bounded sample spread over all rows, read where the
// predictions read, scored in the pool. Nothing is written and nobody's answer is another one.
import type { MeasuredComparison } from '#api/model-deps.ts';
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import type { ChurnModel } from '#domain/models/churn-model.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import type { ComparisonRequest } from '#processors/deployment/compare-on.ts';
import type { Pool } from '#processors/pool.ts';
import { type HistoryColumns, SCORE_HORIZONS, scoreInput } from '#processors/scoring/scorer.ts';
import { COLUMN_FLAG, type Columns, createCustomerColumns } from '#projections/memory/columns.ts';
import { scaleOf } from '#projections/memory/history.ts';
import { hasContracts, type WorkspaceFacts } from '#projections/memory/workspace.ts';

export interface ComparisonDeps {
  columns: Columns;
  /** Ledgers from the fold, which waits meanwhile. */
  entriesOf(sids: Uint8Array[]): Promise<(CustomerEntries | null)[]>;
  pool: Pick<Pool, 'compareVersions'>;
  facts(): WorkspaceFacts;
  definitions(): ChurnDefinition[];
  /** Local day of the workspace's now. */
  day(): number;
  now(): number;
}
export interface Version<Model extends ClvModel | ChurnModel = ClvModel | ChurnModel> {
  id: string;
  model: Model;
}

/** Customers at most: by columns some µs each, by ledgers some 50. */
const BY_COLUMNS = 20_000;
const BY_LEDGERS = 2_000;
/** Rows read in one go on the thread that answers, and ledgers asked of the fold. */
const ROWS_AT_ONCE = 2_000;
const LEDGERS_AT_ONCE = 200;

export type Compare = (active: Version, candidate: Version) => Promise<MeasuredComparison>;

export function createComparisons(deps: ComparisonDeps): Compare {
  const { columns } = deps;
  const nobody = COLUMN_FLAG.erased | COLUMN_FLAG.anonymous | COLUMN_FLAG.linked;

  /** Every so-many-th row, the same ones while the base does not grow. */
  function sampled(most: number): number[] {
    columns.refresh();
    const rows = columns.rows();
    const step = Math.max(1, rows / most);
    return Array.from({ length: Math.min(rows, most) }, (_, i) => Math.floor(i * step));
  }

  async function stateOf(rows: readonly number[]): Promise<HistoryColumns> {
    const n = rows.length;
    const state: HistoryColumns = {
      sids: new Uint8Array(n * 16),
      firstDay: new Int32Array(n),
      lastDay: new Int32Array(n),
      frequency: new Uint32Array(n),
      moneyDays: new Uint32Array(n),
      moneyMinor: new Float64Array(n),
      orders: new Uint32Array(n),
      flags: new Uint8Array(n),
    };
    const row = createCustomerColumns();
    for (const [i, at] of rows.entries()) {
      if (i > 0 && i % ROWS_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
      columns.read(at, row);
      state.firstDay[i] = row.firstDay;
      state.lastDay[i] = row.lastDay;
      state.frequency[i] = row.frequency;
      state.moneyDays[i] = row.moneyDays;
      state.moneyMinor[i] = row.moneyMinor;
      state.orders[i] = row.orders;
      state.flags[i] = row.flags;
    }
    return state;
  }

  async function byColumns(active: ClvModel, candidate: ClvModel, day: number): Promise<ComparisonRequest> {
    const facts = deps.facts();
    const state = await stateOf(sampled(BY_COLUMNS));
    const input = scoreInput(state, day, scaleOf(facts.reportingCurrency), hasContracts(facts));
    return { kind: 'clv', active, candidate, input, horizons: SCORE_HORIZONS };
  }

  async function byLedgers(active: ChurnModel, candidate: ChurnModel, day: number): Promise<ComparisonRequest> {
    const row = createCustomerColumns();
    const chosen = sampled(BY_LEDGERS).filter((at) => columns.read(at, row) && (row.flags & nobody) === 0);
    const entries: CustomerEntries[] = [];
    const truncated: number[] = [];
    for (let from = 0; from < chosen.length; from += LEDGERS_AT_ONCE) {
      const page = chosen.slice(from, from + LEDGERS_AT_ONCE);
      const found = await deps.entriesOf(page.map((at) => columns.sidOf(at)));
      for (const [i, each] of found.entries()) {
        if (each === null) continue;
        entries.push(each);
        truncated.push(columns.read(page[i]!, row) && (row.flags & COLUMN_FLAG.leftTruncated) !== 0 ? 1 : 0);
      }
    }
    const { reportingCurrency, rates } = deps.facts();
    return {
      kind: 'churn',
      active,
      candidate,
      definitions: deps.definitions(),
      entries,
      leftTruncated: Uint8Array.from(truncated),
      day,
      reportingCurrency,
      rates,
    };
  }

  return async (active, candidate) => {
    const [day, { seq }] = [deps.day(), columns.state()];
    const [a, b] = [active.model, candidate.model];
    if (a.model === 'clv' && b.model === 'clv')
      return measured(await deps.pool.compareVersions(await byColumns(a, b, day)));
    if (a.model === 'clv' || b.model === 'clv')
      throw new Error(`${active.id} and ${candidate.id} are of different kinds`);
    return measured(await deps.pool.compareVersions(await byLedgers(a, b, day)));

    function measured(comparison: MeasuredComparison['comparison']): MeasuredComparison {
      return { id: candidate.id, against: active.id, seq, day, measuredAt: deps.now(), comparison };
    }
  };
}
