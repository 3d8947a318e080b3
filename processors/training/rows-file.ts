// Rows between two steps of a training, in a file of their own: too large for the log's artefacts, and made again from the log when they are missing.
// Columns, so that the same rows are the same bytes however the objects that held them were made.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Packr } from 'msgpackr';
import type { FeatureRow, FeatureValue } from '#domain/churn-features.ts';
import type { TrainingRows } from './training-rows.ts';

const packr = new Packr({ useRecords: false, moreTypes: true });

interface Columns {
  names: string[];
  values: FeatureValue[][];
  rows: number;
}

/** @returns SHA-256 of what was written, hex. */
export function writeRows(path: string, rows: TrainingRows): string {
  const packed =
    rows.kind === 'clv' ? rows : { ...rows, rows: { ...rows.rows, features: columnsOf(rows.rows.features) } };
  const bytes = packr.pack(packed);
  // Of a job whose server was killed the process may still write.
  const draft = `${path}.${process.pid}.draft`;
  writeFileSync(draft, bytes, { mode: 0o600 });
  renameSync(draft, path);
  return sha256(bytes);
}

/** Null when the file is missing or holds something else. */
export function readRows(path: string, digest: string): TrainingRows | null {
  if (!existsSync(path)) return null;
  const bytes = readFileSync(path);
  if (sha256(bytes) !== digest) return null;
  const packed = packr.unpack(bytes) as TrainingRows;
  if (packed.kind === 'clv') return packed;
  const features = featuresOf(packed.rows.features as unknown as Columns);
  return { ...packed, rows: { ...packed.rows, features } } as TrainingRows;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function columnsOf(features: readonly FeatureRow[]): Columns {
  const names = new Set<string>();
  for (const row of features) for (const name in row) names.add(name);
  const values = [...names].map((name) => features.map((row) => row[name] ?? null));
  return { names: [...names], values, rows: features.length };
}

const featuresOf = ({ names, values, rows }: Columns): FeatureRow[] =>
  Array.from({ length: rows }, (_, i) => Object.fromEntries(names.map((name, j) => [name, values[j]![i]!])));
