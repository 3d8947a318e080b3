// What `npm run mutate` runs for each mutant: the tests of the kernels, which need no engine.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['test/domain/**/*.test.ts', 'test/ops/commands/ab-drift.test.ts'], testTimeout: 60_000 },
});
