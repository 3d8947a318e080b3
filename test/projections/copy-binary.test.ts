import { afterAll, beforeAll, expect, test } from 'vitest';
import { CopyBuffer, copyInto } from '#projections/copy-binary.ts';
import { startTestEngines, type TestEngines } from '../support/engines.ts';
import { createDatabase, withClient } from './support.ts';

let engines: TestEngines;
beforeAll(async () => {
  engines = await startTestEngines();
});
afterAll(() => engines.stop());

test('every type arrives as written, at its limits, and a buffer is used again', async () => {
  const url = await createDatabase(engines, 'copy');
  await withClient(url, async (client) => {
    await client.query(
      'create table t (n int, a int8, b int8, c float8, d text, e bytea, f uuid, g jsonb, h boolean, i int2, j timestamptz, k int8)',
    );
    const out = new CopyBuffer(64);
    const safe = [
      0,
      1,
      -1,
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
      -(2 ** 32),
      2 ** 32,
      2 ** 32 - 1,
      -(2 ** 31),
    ];
    const texts = ['', 'plain', 'ünï – 漢字 – 🧾', 'a\0b', 'half \ud800 surrogate', 'x'.repeat(5000)];
    const uuid = Uint8Array.from({ length: 16 }, (_, i) => i * 16 + 7);
    const words = new DataView(uuid.buffer);
    const times = [0, 946_684_800_000, 1_700_000_000_123, -1, -62_135_596_800_000];
    for (let round = 0; round < 2; round++) {
      out.clear();
      safe.forEach((value, n) => {
        out.row(12);
        out.int4(n);
        out.int8(value);
        out.bigint(BigInt(value));
        out.float8(n === 3 ? Number.NaN : n === 4 ? Number.POSITIVE_INFINITY : value / 3);
        out.text(texts[n % texts.length]!);
        out.bytes(uuid);
        out.words4(
          words.getUint32(0, true),
          words.getUint32(4, true),
          words.getUint32(8, true),
          words.getUint32(12, true),
        );
        if (n === 0) out.null();
        else out.json({ text: texts[n % texts.length], n });
        out.boolean(n % 2 === 0);
        out.int2(n - 100);
        out.timestamp(times[n % times.length]!);
        out.words2(words.getUint32(0, true), words.getUint32(4, true));
      });
      await client.query('truncate t');
      await copyInto(client, 't', out);
      const { rows } = await client.query('select * from t order by n');
      expect(rows).toHaveLength(safe.length);
      rows.forEach((row, n) => {
        const text = texts[n % texts.length]!.toWellFormed().replace('\0', '�');
        expect(row.a).toBe(String(safe[n]));
        expect(row.b).toBe(String(safe[n]));
        expect(row.c).toBe(n === 3 || n === 4 ? null : safe[n]! / 3);
        expect(row.d).toBe(text);
        expect(row.e).toEqual(Buffer.from(uuid));
        expect(row.f.replaceAll('-', '')).toBe(Buffer.from(uuid).toString('hex'));
        expect(row.g).toEqual(n === 0 ? null : { text, n });
        expect([row.h, row.i]).toEqual([n % 2 === 0, n - 100]);
        expect(row.j.getTime()).toBe(times[n % times.length]);
        expect(row.k).toBe(words.getBigInt64(0).toString());
      });
    }
  });
});

test('a row with too few values is refused by PostgreSQL, and the connection goes on', async () => {
  const url = await createDatabase(engines, 'copy');
  await withClient(url, async (client) => {
    await client.query('create table t (a int, b int)');
    const out = new CopyBuffer();
    out.row(2);
    out.int4(1);
    await expect(copyInto(client, 't', out)).rejects.toThrow(/COPY|unexpected EOF|protocol|invalid/i);
    expect((await client.query('select count(*)::int as n from t')).rows).toEqual([{ n: 0 }]);
  });
});
