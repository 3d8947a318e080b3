// Deployments where there are no customers to compare versions on: rules of figures and findings are judged, those of a comparison do not apply.
import { compareVersions, type VersionScores } from '#domain/deployment-comparison.ts';
import type { Compare } from '#ops/deployment-comparisons.ts';

const nobody: VersionScores = { pChurn: new Float64Array(0), value: null, broken: 0, ms: 0 };

export const compareNobody: Compare = async (active, candidate) => ({
  id: candidate.id,
  against: active.id,
  seq: 0,
  day: 0,
  measuredAt: 0,
  comparison: compareVersions(nobody, nobody),
});
