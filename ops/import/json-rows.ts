// NDJSON text into rows: one object a line; the columns are the keys of the objects in the sample.
import { jsonErrorPosition } from '#streams/gateway/json-position.ts';
import type { RowBatch, RowParser } from './rows.ts';

type Fields = { [field: string]: unknown };

/** @param header the columns to read; null = the first call collects them from what it sees. */
export function createJsonRows(header: string[] | null): RowParser {
  let rest = '';
  let number = 0;
  const collected = new Set<string>(header ?? []);
  const self: RowParser = {
    header,
    push(text, into) {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) take(line, into);
      finish(into);
    },
    async end(into) {
      if (rest !== '') take(rest, into);
      rest = '';
      finish(into);
    },
  };

  function take(line: string, into: RowBatch): void {
    if (line.trim() === '') return;
    number++;
    const refuse = (reason: 'not-json' | 'not-an-object', why: string): void => {
      into.refused.push({
        rowNumber: number,
        reason,
        detail: `row ${number}: ${why}`,
        raw: line.slice(0, 16_384),
        rows: 1,
      });
    };
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      const position = jsonErrorPosition(line);
      refuse('not-json', `is broken JSON at character ${position + 1} of ${line.length}`);
      return;
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      refuse('not-an-object', 'is not a JSON object');
      return;
    }
    if (header === null) for (const key in value) collected.add(key);
    into.values!.push(value);
    into.numbers.push(number);
  }

  /** Cells once the columns are known: texts and numbers as written, nested values as JSON, absent ones blank. */
  function finish(into: RowBatch): void {
    const columns = header ?? [...collected];
    if (collected.size > 0) self.header = columns;
    into.rows = into.values!.map((value) => columns.map((column) => textOf((value as Fields)[column])));
  }
  return self;
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'object') return JSON.stringify(value);
  // Beyond 2⁵³ JSON.parse has lost digits: two ids may have become one. U+FFFD is refused wherever it is read.
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return '\ufffd';
  return String(value);
}
