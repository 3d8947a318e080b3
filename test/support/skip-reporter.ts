// Says at the end what did not run, and why: the default reporter prints a number only.
import type { Reporter, TestModule } from 'vitest/node';

export class SkipReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const reasons = new Map<string, number>();
    for (const module of modules)
      for (const test of module.children.allTests('skipped')) {
        const reason = /\[skipped: ([^\]]+)\]/.exec(test.fullName)?.[1];
        const line = `${module.relativeModuleId}: ${reason ?? `without a reason: ${test.fullName}`}`;
        reasons.set(line, (reasons.get(line) ?? 0) + 1);
      }
    for (const [line, tests] of reasons) process.stdout.write(`skipped ${tests}  ${line}\n`);
  }
}
