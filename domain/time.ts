// Instants, local days and zones: how a publisher's text becomes `at`, and `at` becomes a day (facts §3).
// Zones are plain offset tables: only `offsetsOf` asks the zone database, when a `zone.set` fact is written; folds never do.

/** [instant ms from which it holds, minutes east of UTC], ascending; the first entry holds for all earlier time. */
export type Offsets = [number, number][];

export const DAY_MS = 86_400_000;
export const UTC: Offsets = [[0, 0]];
