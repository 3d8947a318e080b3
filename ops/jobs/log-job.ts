// What jobs over the log share: what they read it with, the position that makes them one question however often they are taken up, and the refusal
// of figures that know the future.
import { z } from 'zod';
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import type { Offsets } from '#domain/time.ts';
import type { JobRun } from '#processors/jobs/kind.ts';
import type { LedgerOptions } from '#projections/memory/ledger.ts';
import type { NatsOptions } from '#streams/jetstream/connection.ts';

export interface LogDeps {
  /** Travels to the process of jobs; may hold a secret. */
  nats: NatsOptions;
  present: () => { seq: number; day: number; offsets: Offsets };
  definitions: () => ChurnDefinition[];
  reportingCurrency: string;
  /** Events the fold did not come back from, by place: nor would another. */
  stuck: () => ReadonlyMap<string, number>;
  /** Of the fold. */
  snapshotDir: string | null;
}

/** The log as it stood when a job was first taken up. */
export interface LogPosition {
  seq: number;
  today: number;
  offsets: Offsets;
  definitions: ChurnDefinition[];
}

export const positionNow = ({ present, definitions }: Pick<LogDeps, 'present' | 'definitions'>): LogPosition => {
  const { seq, day, offsets } = present();
  return { seq, today: day, offsets, definitions: definitions() };
};

export const POSITION = 'position';

/** What the job's first step kept; when this is the first time, that of now. */
export async function firstPosition<Position>(job: JobRun, now: () => Position): Promise<Position> {
  const known = job.steps.get(POSITION);
  if (known !== undefined) return known as Position;
  const position = now();
  await job.finishStep(POSITION, position);
  return position;
}

/** How the log is folded. */
export const foldedBy = ({
  reportingCurrency,
  stuck,
  snapshotDir,
}: Pick<LogDeps, 'reportingCurrency' | 'stuck' | 'snapshotDir'>): {
  ledger: LedgerOptions;
  snapshotDir: string | null;
} => ({
  ledger: { reportingCurrency, stuck: stuck() },
  snapshotDir,
});

/** @throws Error where rows moved with the future. */
export function expectNoLeakage({ checked, differing }: { checked: number; differing: number }): void {
  if (differing > 0)
    throw new Error(
      `leakage: the rows of ${differing} of ${checked} customers move with what came after the cut-off, so the figures mean nothing; this is a fault of the program, please report it`,
    );
}

export const seedInput = (of: string) =>
  z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .default(47)
    .describe(of);
