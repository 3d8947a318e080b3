// Rows for training and rows for checking, such that the check is like the use: no customer on both sides, and nothing learned from the future.
import { argsort } from '../numerics/argsort.ts';
import { ok, type Result, refuse } from '../result.ts';

export interface FoldColumns {
  rows: number;
  /** A whole number per row; rows of one customer share it. Any numbers: `groupCode` makes them of text. */
  group?: ArrayLike<number> | undefined;
  /** When the row's features were known. */
  time?: Float64Array | undefined;
}

export interface Fold {
  train: Uint32Array;
  validate: Uint32Array;
  /** Validated are rows of [from, until); null without time. The last fold's `until` is null. */
  from: number | null;
  until: number | null;
}

/** FNV-1a, 32 bits: the same text has the same code in every file and order. Two texts of one code count as one group, which is safe. */
export function groupCode(text: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  return hash >>> 0;
}

/** Spreads codes evenly (the finaliser of MurmurHash3). */
function scatter(code: number): number {
  let h = code >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * K folds for cross-validation.
 *
 * With time: the rows are cut into K + 1 blocks of later and later times, of about equal size, never within one moment; fold f is trained on what
 * lies before block f + 1 and validated in it. A customer who has rows on both sides is validated in one of the folds, drawn by the code, and
 * then left out of its training; in the others their later rows are left out. Without time: every group, else every row, is validated once.
 * Membership depends on codes and times only, so with either of them the order of the rows does not matter.
 *
 * @param gap training rows are at least this much older than the validated block, in the unit of `time`: the horizon of the label, so that no
 * label was still open. @returns refused when fewer than two folds come out.
 */
export function makeFolds({ rows, group, time }: FoldColumns, folds: number, gap = 0): Result<Fold[]> {
  if (!(Number.isInteger(folds) && folds >= 2)) throw new RangeError(`${folds} folds: a whole number from 2`);
  if (!(gap >= 0)) throw new RangeError(`a gap of ${gap}: a number ≥ 0`);
  if ((group !== undefined && group.length !== rows) || (time !== undefined && time.length !== rows))
    throw new RangeError(`group and time must have ${rows} rows`);
  const partOf = (row: number) => scatter(group === undefined ? row : group[row]!) % folds;
  const made =
    time === undefined
      ? Array.from({ length: folds }, (_, fold) => ({
          ...split(rows, (row) => (partOf(row) === fold ? 'validate' : 'train')),
          from: null,
          until: null,
        }))
      : inTime(time, folds).map(({ from, until }, fold) => {
          const early = (row: number) => time[row]! < from && time[row]! <= from - gap;
          const late = (row: number) => time[row]! >= from && (until === null || time[row]! < until);
          if (group === undefined)
            return {
              ...split(rows, (row) => (early(row) ? 'train' : late(row) ? 'validate' : 'neither')),
              from,
              until,
            };
          const [before, after] = [new Set<number>(), new Set<number>()];
          for (let row = 0; row < rows; row++) {
            if (early(row)) before.add(group[row]!);
            if (late(row)) after.add(group[row]!);
          }
          const side = (row: number) => {
            const code = group[row]!;
            const drawn = scatter(code) % folds === fold;
            if (early(row)) return drawn && after.has(code) ? 'neither' : 'train';
            return late(row) && (drawn || !before.has(code)) ? 'validate' : 'neither';
          };
          return { ...split(rows, side), from, until };
        });
  const usable = made.filter(({ train, validate }) => train.length > 0 && validate.length > 0);
  if (usable.length >= 2) return ok(usable);
  return refuse(
    time === undefined
      ? 'fewer than two folds have rows on both sides: there are too few customers'
      : `fewer than two folds have rows on both sides: the rows have too few different times${gap > 0 ? ' for this gap' : ''}`,
  );
}

function split(rows: number, side: (row: number) => 'train' | 'validate' | 'neither') {
  const parts = { train: [] as number[], validate: [] as number[], neither: [] as number[] };
  for (let row = 0; row < rows; row++) parts[side(row)].push(row);
  return { train: Uint32Array.from(parts.train), validate: Uint32Array.from(parts.validate) };
}

/** K stretches of time after a first one, of about equal numbers of rows. */
function inTime(time: Float64Array, folds: number): { from: number; until: number | null }[] {
  const order = argsort(time);
  const first = time[order[0]!];
  const cuts = new Set<number>();
  for (let fold = 1; fold <= folds; fold++) {
    const cut = time[order[Math.floor((fold * order.length) / (folds + 1))]!]!;
    if (cut !== first && cut !== undefined) cuts.add(cut);
  }
  const bounds = [...cuts];
  return bounds.map((from, i) => ({ from, until: bounds[i + 1] ?? null }));
}
