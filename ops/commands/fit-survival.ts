// `axiom47 fit kaplan-meier`, `cox` and `aalen-johansen`: survival models from a file of durations, without a server.
import type { Io } from './command.ts';
import { aalenJohansen, aalenJohansenHelp } from './fit-aalen-johansen.ts';
import { cox, coxHelp } from './fit-cox.ts';
import { kaplanMeier, kaplanMeierHelp } from './fit-kaplan-meier.ts';

export const survivalHelp = [kaplanMeierHelp, aalenJohansenHelp, coxHelp].join('\n');

const commands = { 'kaplan-meier': kaplanMeier, cox, 'aalen-johansen': aalenJohansen };

/** Options without a value: what stands after them may be the model. */
const FLAGS = ['--json', '--robust', '--residuals'];

/** The survival model that is asked for, wherever it stands among the options. */
export const survivalModel = (argv: readonly string[]) => argv[modelAt(argv)] as keyof typeof commands | undefined;

const modelAt = (argv: readonly string[]) =>
  argv.findIndex((arg, i) => {
    const before = argv[i - 1];
    const isValue = before?.startsWith('--') && !FLAGS.includes(before) && !before.includes('=');
    return Object.hasOwn(commands, arg) && !isValue;
  });

/** @throws UsageError naming file, row, column and rule of input that cannot be. */
export function fitSurvival(model: keyof typeof commands, argv: string[], io: Io): number {
  const at = modelAt(argv);
  return commands[model](
    argv.filter((_, i) => i !== at),
    io,
  );
}
