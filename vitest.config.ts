import { defineConfig } from 'vitest/config';
import { SkipReporter } from './test/support/skip-reporter.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'test/**/*.test.tsx'],
    globalSetup: ['test/support/run-folder.ts'],
    reporters: ['default', new SkipReporter()],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    // A condition that comes late on a busy machine comes all the same; one that never comes costs this long once.
    expect: { poll: { timeout: 30_000, interval: 50 } },
  },
});
