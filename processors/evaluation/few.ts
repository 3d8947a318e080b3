// What fewer than ten customers have may be who one of them is: a plan of one's own, the largest spend. Reports are kept and shown, so it is not in them.

/** Fewer customers are shown together with others. */
export const FEW = 10;
const OTHER = 'other';

/** Each customer's level, of the `most` commonest that are not of few customers; the others together, as are levels of `FEW`. @param always named however few have it. */
export function foldedLevels(levels: readonly string[], most: number, always?: string): string[] {
  const counts = new Map<string, number>();
  for (const level of levels) counts.set(level, (counts.get(level) ?? 0) + 1);
  const kept = new Set(
    [...counts]
      .filter(([level, n]) => n >= FEW || level === always)
      .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
      .slice(0, most)
      .map(([level]) => level),
  );
  return levels.map((level) => (kept.has(level) ? level : OTHER));
}

/** The smallest and the largest value but for those of nine customers at each end; null when that leaves nothing. @param sorted ascending. */
export const innerEnds = (sorted: Float64Array): { least: number; most: number } | null =>
  sorted.length < 2 * FEW ? null : { least: sorted[FEW - 1]!, most: sorted[sorted.length - FEW]! };
