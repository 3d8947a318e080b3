// Faults that tests of their own put the program through: run here as they stand, and counted.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Fault, settings } from './fault.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Report {
  numPassedTests: number;
  numTotalTests: number;
  testResults: { name: string; assertionResults: { fullName: string; status: string }[] }[];
}

const suite = (name: string, about: string, files: string[]): Fault => ({
  name,
  about,
  full: settings(1, 0, 0),
  quick: settings(1, 0, 0),
  async run(_, progress) {
    const folder = mkdtempSync(join(tmpdir(), 'axiom47-suite-'));
    const file = join(folder, 'report.json');
    try {
      const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
      const args = [vitest, 'run', ...files, '--maxWorkers=1', '--reporter=json', `--outputFile=${file}`];
      const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
      await once(child, 'exit');
      const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
      const tests = report.testResults.flatMap((each) => each.assertionResults);
      for (const { fullName, status } of tests) progress(`${status}: ${fullName}`);
      const missing = files.filter((each) => !report.testResults.some((result) => result.name.endsWith(each)));
      const disagreements = [
        ...missing.map((each) => `${each} was not run`),
        ...tests.filter(({ status }) => status !== 'passed').map(({ fullName, status }) => `${status}: ${fullName}`),
      ];
      const notes = [`${report.numPassedTests} of ${report.numTotalTests} tests of ${files.join(', ')}`];
      const none = { sent: 0, lost: 0, doubled: 0, recoveryMs: [], lagMs: [] };
      return [{ what: '', rounds: tests.length, ...none, notes, disagreements }];
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
});

export const poison = suite('poison', 'bad bytes, unknown types, what throws, 8 MB, endless loops', [
  'test/e2e/poison.test.ts',
  'test/streams/gateway/outage.test.ts',
  'test/projections/memory/parked.test.ts',
]);
export const versions = suite('versions', 'events of earlier and of later versions in one log', [
  'test/streams/upcasters.test.ts',
  'test/projections/memory/parked.test.ts',
]);
