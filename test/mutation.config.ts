// What `npm run mutate` runs for each mutant: the tests of the kernels, which need no engine. MUTATE_TESTS names fewer of them, separated by commas:
// a score from those nearest to a kernel is quick to get and never too high.
import { defineConfig } from 'vitest/config';

const nearest = process.env.MUTATE_TESTS;

export default defineConfig({
  test: {
    include: nearest ? nearest.split(',') : ['test/domain/**/*.test.ts', 'test/ops/commands/ab-drift.test.ts'],
    testTimeout: 60_000,
  },
});
