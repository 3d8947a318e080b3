// What a table's reader hands on: rows in batches, and the one error that ends a file.
import type { RefusedRow } from '#domain/import-mapping.ts';

/** The file as a whole cannot be read; the message says why and what to do. */
export class FileProblem extends Error {
  readonly code = 'bad-file';
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'FileProblem';
  }
}

export interface RowBatch {
  rows: string[][];
  /** Row numbers of `rows`, from 1 after the header; equal length. */
  numbers: number[];
  /** NDJSON: the parsed lines beside `rows`; null for CSV. */
  values: unknown[] | null;
  refused: RefusedRow[];
}

/** Turns text into rows: `push` takes decoded text, `end` what is left; both append to `into`. */
export interface RowParser {
  header: string[] | null;
  push(text: string, into: RowBatch): void;
  end(into: RowBatch): Promise<void>;
}
