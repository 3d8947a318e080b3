// Tables as CSV (RFC 4180): the raw figures, so that what is read in a spreadsheet is what the chart was drawn from.
import { csvText } from '#domain/csv.ts';

export type Cell = string | number | null;

function field(value: Cell): string {
  if (value === null) return '';
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : '';
  return csvText(value);
}

export const csv = (head: readonly string[], rows: readonly (readonly Cell[])[]): string =>
  `${[head, ...rows].map((row) => row.map(field).join(',')).join('\r\n')}\r\n`;

export function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The click has taken the blob by the next turn.
  setTimeout(() => URL.revokeObjectURL(url), 0);
}
