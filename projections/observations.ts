// What experiments saw: exposures and outcomes, whole history (an experiment outlives the window of events).

import type { ClientBase } from 'pg';
import { EVENT_TYPES } from '#domain/envelope.ts';
import { exactValue, parseExact } from '#domain/exact-number.ts';
import { FLAG, type PackView } from '#streams/pack.ts';
import type { CopyBuffer } from './copy-binary.ts';
import { canonicalStage } from './transactions.ts';

export const STAGE = 'stage_observations';
const COLUMNS = 'sid_key, event_hash, exp_id, variant, at, y, minor, currency, seq';
const COLUMN_COUNT = 9;
export const stageTable = `create temp table if not exists ${STAGE} (
  sid_key bigint, event_hash uuid, exp_id text, variant text, at timestamptz, y double precision, minor bigint,
  currency text collate "C", seq bigint) on commit delete rows`;

export const OBSERVATION_TYPES: ReadonlySet<number> = new Set(
  (['experiment.exposed', 'observation.recorded'] as const).map((type) => EVENT_TYPES.indexOf(type) + 1),
);

/** False (nothing written) for an event that names no experiment. */
export function encodeObservation(out: CopyBuffer, pack: PackView, row: number, seq: number): boolean {
  const props = pack.extra(row)?.props;
  const experiment = props?.experiment;
  if (experiment === undefined) return false;
  const money = (pack.flags(row) & FLAG.money) !== 0;
  out.row(COLUMN_COUNT);
  out.words2(pack.sidWord(row, 0), pack.sidWord(row, 1));
  out.words4(
    pack.eventHashWord(row, 0),
    pack.eventHashWord(row, 1),
    pack.eventHashWord(row, 2),
    pack.eventHashWord(row, 3),
  );
  out.text(String(experiment));
  out.text(pack.activityName(row) ?? '');
  out.timestamp(pack.at(row));
  out.float8(numberOf(props?.value));
  if (money) out.int8(pack.minor(row));
  else out.null();
  out.text(money ? pack.currency(row) : null);
  out.int8(seq);
  return true;
}

const MERGE = `insert into rm.observations (${COLUMNS})
select ${COLUMNS} from (${canonicalStage(STAGE, COLUMNS)}) s order by event_hash, seq on conflict (event_hash) do nothing`;

export async function mergeStagedObservations(client: ClientBase): Promise<void> {
  await client.query({ name: 'merge-observations', text: MERGE });
}

/** Decimals travel as the text they are (domain/exact-number.ts). */
function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  const exact = typeof value === 'string' ? parseExact(value) : null;
  return exact === null ? Number.NaN : exactValue(exact);
}
