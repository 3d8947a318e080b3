// One command of the command line: its name, its help with an example, and what it does.

export interface Io {
  stdout: (text: string) => void;
  stderr: (text: string) => void;
  /** Whether stderr is a terminal: a progress bar there, one line every few seconds elsewhere. */
  isTTY: boolean;
}

export interface Command {
  name: string;
  /** One line for the list of commands. */
  summary: string;
  /** The text of `--help`, with an example. */
  help: string;
  /** Answers the exit code: 0 done, 1 failed, 2 wrong usage or bad input. */
  run(argv: string[], io: Io): Promise<number>;
}

/** Wrong usage or bad input: exit code 2, the message on stderr behind `axiom47: `. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}
