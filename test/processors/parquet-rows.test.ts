// Row groups made apart and put together: one file that another library reads.
import fc from 'fast-check';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { expect, test } from 'vitest';
import { packRows, parquetOf } from '#processors/parquet-rows.ts';
import { COLUMNS, scoreLayout } from '#processors/scoring/score-file.ts';

const NUMBERS = new Set(
  COLUMNS.slice(0, COLUMNS.indexOf('basis')).filter((name) => name !== 'band') as readonly string[],
);
const double = fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0));
const row = fc
  .record({
    who: fc.string({ minLength: 1, unit: 'grapheme' }),
    numbers: fc.array(double, { minLength: COLUMNS.length, maxLength: COLUMNS.length }),
    text: fc.option(fc.constantFrom('low', 'high', 'clv@1')),
    seq: fc.nat(),
    at: fc.integer({ min: 0, max: 4e12 }),
  })
  .map(({ who, numbers, text, seq, at }) => {
    const cell = (name: string, i: number) => {
      if (name === 'as_of_seq') return seq;
      if (name === 'as_of_at') return new Date(at).toISOString();
      return NUMBERS.has(name) ? numbers[i]! : text;
    };
    return { customer_id: who, ...Object.fromEntries(COLUMNS.map((name, i) => [name, cell(name, i)])) };
  });

test('whatever the rows and however they fall into groups, they are read back as they were', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 4000 }),
      async (rows, least) => {
        async function* lines() {
          for (const each of rows) yield `${JSON.stringify(each)}\n`;
        }
        const pieces: Uint8Array[] = [];
        for await (const piece of parquetOf(
          lines(),
          scoreLayout(true),
          async (...asked) => structuredClone(packRows(...asked)),
          least,
        ))
          pieces.push(piece);
        const { buffer } = Uint8Array.from(Buffer.concat(pieces));
        const { num_rows, row_groups } = parquetMetadata(buffer);
        expect(Number(num_rows)).toBe(rows.length);
        if (least === 1) expect(row_groups).toHaveLength(rows.length);
        const read = await parquetReadObjects({ file: buffer });
        expect(
          read.map((each) => ({ ...each, as_of_seq: Number(each.as_of_seq), as_of_at: each.as_of_at.toISOString() })),
        ).toEqual(rows);
      },
    ),
    { numRuns: 60 },
  );
});
