// Work that is done again every so often until it is stopped: one round at a time, and a failure is said once until a round succeeds.

export interface Rounds extends AsyncDisposable {
  /** Does what is due now; joins a round that is under way. */
  settle(): Promise<void>;
}

export function startRounds(round: () => Promise<void>, everyMs: number, failed: (error: unknown) => void): Rounds {
  let running: Promise<void> | null = null;
  let failing = false;
  const settle = (): Promise<void> => {
    running ??= round()
      .then(() => {
        failing = false;
      })
      .finally(() => {
        running = null;
      });
    return running;
  };
  const timer = setInterval(() => {
    settle().catch((error: unknown) => {
      if (!failing) failed(error);
      failing = true;
    });
  }, everyMs);
  return {
    settle,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await running?.catch(() => undefined); // Said, or its caller has it.
    },
  };
}
