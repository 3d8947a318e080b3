// The command line without its entry (axiom47.ts). One place turns errors into exit codes: 0 done, 1 failed, 2 wrong usage or bad input, 130 stopped
// by a signal.
import { ApiError, Interrupted } from './client.ts';
import { catalogue } from './commands/catalogue.ts';
import { type Io, UsageError } from './commands/command.ts';
import { packageVersion } from './project.ts';

const io: Io = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  isTTY: process.stderr.isTTY === true,
};

/** As a shell has it: 128 and the number of SIGINT. */
export const INTERRUPTED = 130;

function overview(): string {
  const width = Math.max(...catalogue.map((command) => command.name.length));
  const rows = catalogue.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`);
  return [
    'axiom47 <command> [options]',
    '',
    ...rows,
    '',
    'axiom47 --version prints the version.',
    'Every command: --help (with an example), --json (one JSON document on stdout and nothing else there).',
    '',
  ].join('\n');
}

export async function main(argv: string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    io.stdout(overview());
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-v' || name === 'version') {
    io.stdout(`${packageVersion}\n`);
    return 0;
  }
  const command = catalogue.find((candidate) => candidate.name === name);
  if (!command) {
    io.stderr(`axiom47: there is no command '${name}'; \`axiom47 --help\` lists them\n`);
    return 2;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    io.stdout(`${command.help.trim()}\n`);
    return 0;
  }
  try {
    return await command.run(rest, io);
  } catch (error) {
    if (isParseArgsError(error)) {
      io.stderr(`axiom47: ${inOurWords(error)}; \`axiom47 ${name} --help\` shows what there is\n`);
      return 2;
    }
    if (error instanceof UsageError || isBadInput(error)) {
      io.stderr(`axiom47: ${(error as Error).message}\n`);
      return 2;
    }
    const e = error instanceof Error ? error : new Error(String(error));
    io.stderr(`axiom47: ${e.message}\n`);
    if (e instanceof Interrupted) return INTERRUPTED;
    if (process.env.AXIOM47_DEBUG) io.stderr(`${e.stack ?? ''}\n`);
    return 1;
  }
}

const isParseArgsError = (error: unknown): error is Error =>
  error instanceof Error && String((error as { code?: string }).code).startsWith('ERR_PARSE_ARGS');

/** Node's parser talks of "positional arguments" and suggests how to quote; a user needs the option and what is wrong with it. */
function inOurWords({ message }: Error): string {
  const option = /'(?:-\w, )?(-{1,2}[^\s']*)/.exec(message)?.[1] ?? '';
  if (message.startsWith('Unknown option')) return `there is no option ${option}`;
  if (message.includes('does not take an argument')) return `${option} takes no value`;
  if (message.includes('argument is ambiguous') || message.includes('argument missing'))
    return `${option} needs a value (one that begins with - is written ${option}=VALUE)`;
  const argument = /^Unexpected argument '(.*?)'\. /s.exec(message)?.[1];
  return argument === undefined ? message.split(/[.\n]/)[0]! : `'${argument}' is one argument too many`;
}

/** The server's word that what it was asked is wrong, or is not there; a missing right or a full house is a failure. */
const isBadInput = (error: unknown): boolean =>
  error instanceof ApiError && [400, 404, 409, 413, 415, 422].includes(error.status);
