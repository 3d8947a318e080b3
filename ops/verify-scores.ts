// Scores of the table computed again: one walk through the log that stops at every position a score was made at, and the scorer's own steps there.

import type { StoredScoresReport } from '#api/integrity-deps.ts';
import type { ServingChurnModel, ServingModel } from '#api/model-deps.ts';
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import { dayOf } from '#domain/time.ts';
import { churnScore } from '#processors/scoring/churn-columns.ts';
import { type ScoreColumns, scoreColumns } from '#processors/scoring/score-columns.ts';
import { SCORE_HORIZONS, scoreInput } from '#processors/scoring/scorer.ts';
import { sidBytes, type Tables } from '#projections/catalogue.ts';
import { stateOfRows } from '#projections/memory/dirty-rows.ts';
import { scaleOf } from '#projections/memory/history.ts';
import type { Ledger } from '#projections/memory/ledger.ts';
import { COLUMN_FLAG } from '#projections/memory/row-layout.ts';
import { hasContracts } from '#projections/memory/workspace.ts';
import { type StoredScore, storedScores } from '#projections/scores.ts';
import type { Refold } from './refold.ts';

/** Differences named in a report. */
const NAMED = 20;

const VALUES: readonly (readonly [keyof StoredScore, Exclude<keyof ScoreColumns, 'refused'>])[] = [
  ['p_churn', 'pChurn'],
  ['p_alive', 'pAlive'],
  ['clv_mean', 'clvMean'],
  ['clv_p05', 'clvP05'],
  ['clv_p50', 'clvP50'],
  ['clv_p95', 'clvP95'],
  ['expected_purchases', 'expectedPurchases'],
];

type Values = Record<Exclude<keyof ScoreColumns, 'refused'>, ArrayLike<number>>;
/** What a model of churn says nothing of. */
const NOTHING = Object.fromEntries(VALUES.map(([, name]) => [name, [Number.NaN]])) as unknown as Values;

export interface ScoresCheck {
  db: Tables;
  refold: Pick<Refold, 'walk'>;
  models: () => readonly ServingModel[];
  churnModels: () => readonly ServingChurnModel[];
  definitions: () => readonly ChurnDefinition[];
}

/** @param sample at most so many rows; they come in the order of their sids, which are random. */
export async function verifyScores(check: ScoresCheck, sample: number): Promise<StoredScoresReport> {
  const { db, refold } = check;
  const byModel = new Map(check.models().map((serving) => [serving.id, serving.model]));
  const byChurnModel = new Map(check.churnModels().map((serving) => [serving.id, serving.model]));
  const known = ({ model_id }: StoredScore) => byModel.has(model_id) || byChurnModel.has(model_id);
  const rows = (await storedScores(db, sample)).filter(known);
  const bySeq = Map.groupBy(rows, (row) => Number(row.seq));
  const report: StoredScoresReport = { checked: 0, same: 0, different: 0, differences: [] };
  const stops = [...bySeq.keys()].sort((a, b) => a - b);
  await refold.walk(stops, (ledger, seq) => {
    for (const row of bySeq.get(seq)!) {
      const replayed = replay(ledger, row);
      report.checked++;
      const wrong = VALUES.filter(([stored, name]) => !Object.is(row[stored] ?? Number.NaN, replayed[name][0]));
      if (wrong.length === 0) report.same++;
      else report.different++;
      for (const [stored, name] of wrong)
        if (report.differences.length < NAMED)
          report.differences.push({
            sid: Buffer.from(sidBytes(row.sid)).toString('hex'),
            model_id: row.model_id,
            seq,
            name: stored,
            stored: row[stored] as number | null,
            replayed: Number.isNaN(replayed[name][0]!) ? null : replayed[name][0]!,
          });
    }
  });
  return report;

  function replay(ledger: Ledger, row: StoredScore): Values {
    const { facts, rates } = ledger.workspace;
    const churnModel = byChurnModel.get(row.model_id);
    if (churnModel) {
      const entries = ledger.entries(sidBytes(row.sid));
      const leftTruncated = (ledger.flags(sidBytes(row.sid)) & COLUMN_FLAG.leftTruncated) !== 0;
      const day = dayOf(row.ts.getTime(), facts.offsets);
      const score = entries && churnScore(churnModel, check.definitions(), entries, day, { rates, leftTruncated });
      return { ...NOTHING, pChurn: [typeof score === 'number' ? score : Number.NaN] };
    }
    const at = ledger.rows.findSid(sidBytes(row.sid));
    const state = stateOfRows(ledger, at < 0 ? [] : [at]);
    const day = dayOf(row.ts.getTime(), facts.offsets);
    const horizons = { ...SCORE_HORIZONS, churnDays: row.horizon_days };
    return scoreColumns(
      byModel.get(row.model_id)!,
      scoreInput(state, day, scaleOf(facts.reportingCurrency), hasContracts(facts)),
      horizons,
    );
  }
}
