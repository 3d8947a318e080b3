// Keeps the churn scores of classifiers and Cox models in the scores table: the same loop as for lifetime values, over ledgers instead of columns.
import { type ChurnDefinition, definitionOf } from '#domain/churn-definition.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import type { ChurnModel } from '#domain/models/churn-model.ts';
import { CUSTOMER_FLAG } from '#projections/customers.ts';
import type { ChurnColumn, ChurnColumnsRequest } from './churn-columns.ts';
import { createScoreLoop, keyOf, type ScoreLoopDeps, type Scorer } from './scorer.ts';

export interface ScoringChurnModel {
  id: string;
  percent?: number;
  model: ChurnModel;
}

export interface ChurnScorerDeps extends Omit<ScoreLoopDeps<ScoringChurnModel>, 'score' | 'chunk' | 'key'> {
  /** Ledgers from the fold, which waits meanwhile. */
  entriesOf(sids: Uint8Array[]): Promise<(CustomerEntries | null)[]>;
  definitions(): readonly ChurnDefinition[];
  money(): Pick<ChurnColumnsRequest, 'reportingCurrency' | 'rates'>;
  /** In the pool. */
  score(request: ChurnColumnsRequest): Promise<ChurnColumn>;
}

const CHUNK = 500;
/** Some 10 µs a ledger: the fold is stopped for less than 5 ms. */
const LEDGERS_AT_ONCE = 200;

export function createChurnScorer(deps: ChurnScorerDeps): Scorer {
  return createScoreLoop<ScoringChurnModel>({
    ...deps,
    chunk: CHUNK,
    // Another definition moves customers from one model to the other.
    key: (inForce) => `${keyOf(inForce)} ${JSON.stringify(deps.definitions())}`,
    async score(inForce, rows, { seq, day }) {
      const { model } = inForce;
      const sids: Uint8Array[] = [];
      const pChurn: number[] = [];
      const refused: Record<string, number> = {};
      const definitions = deps.definitions();
      const asking = Array.from({ length: rows.sids.length / 16 }, (_, i) => i).filter(
        (i) =>
          (rows.flags[i]! & CUSTOMER_FLAG.linked) === 0 &&
          (deps.concerns?.(inForce, rows.sids.subarray(i * 16, i * 16 + 16)) ?? true),
      );
      for (let from = 0; from < asking.length; from += LEDGERS_AT_ONCE) {
        const page = asking.slice(from, from + LEDGERS_AT_ONCE);
        const sidsOfPage = page.map((i) => rows.sids.slice(i * 16, i * 16 + 16));
        const found = await deps.entriesOf(sidsOfPage);
        const mine = page.flatMap((i, k) => {
          const entries = found[k];
          // Who has changed since `seq` comes again with the next step: what is written is of `seq`, and can be computed again from there.
          return entries && entries.seq <= seq && concerns(model, definitions, entries, day)
            ? [{ sid: sidsOfPage[k]!, entries, truncated: (rows.flags[i]! & CUSTOMER_FLAG.leftTruncated) !== 0 }]
            : [];
        });
        if (mine.length === 0) continue;
        const entries = mine.map((each) => each.entries);
        const leftTruncated = Uint8Array.from(mine, ({ truncated }) => (truncated ? 1 : 0));
        const scored = await deps.score({ model, definitions, entries, leftTruncated, day, ...deps.money() });
        for (const [reason, n] of Object.entries(scored.refused)) refused[reason] = (refused[reason] ?? 0) + n;
        for (const [k, { sid }] of mine.entries()) {
          sids.push(sid);
          pChurn.push(scored.pChurn[k]!);
        }
      }
      const none = () => new Float64Array(sids.length).fill(Number.NaN);
      return {
        sids: Buffer.concat(sids),
        horizonDays: model.definition.horizonDays,
        columns: {
          pChurn: Float64Array.from(pChurn),
          pAlive: none(),
          clvMean: none(),
          clvP05: none(),
          clvP50: none(),
          clvP95: none(),
          expectedPurchases: none(),
        },
        refused,
      };
    },
  });
}

/** Customers of the model's definition; and who bought under it before a contract took them, whose score there ends. */
const concerns = (
  { definition }: ChurnModel,
  definitions: readonly ChurnDefinition[],
  entries: CustomerEntries,
  day: number,
): boolean =>
  definitionOf(definitions, entries, day).kind === definition.kind ||
  (definition.kind === 'non-contractual' && entries.orders.length > 0);
