// Commands run in the test's own process: what they print, and what they refuse.
import { expect } from 'vitest';
import { type Command, UsageError } from '#ops/commands/command.ts';

export async function run(command: Command, ...argv: string[]) {
  let [stdout, stderr] = ['', ''];
  const code = await command.run(argv, {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    isTTY: false,
  });
  return { code, stdout, stderr, json: () => JSON.parse(stdout) };
}

/** What a command that must be refused as wrong usage says. */
export async function refusal(command: Command, ...argv: string[]): Promise<string> {
  const error: unknown = await run(command, ...argv).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UsageError);
  return (error as UsageError).message;
}
