import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importDigests, openTable, rawRows } from '#ops/import/read-file.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'axiom47-read-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let files = 0;
async function written(content: string | Uint8Array, name = `${files++}.csv`): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}
async function read(content: string | Uint8Array) {
  const table = await openTable(await written(content));
  const all = {
    rows: [] as string[][],
    numbers: [] as number[],
    values: [] as unknown[],
    refused: [] as [number, string, string][],
  };
  for await (const batch of table.batches()) {
    all.rows.push(...batch.rows);
    all.numbers.push(...batch.numbers);
    all.values.push(...(batch.values ?? []));
    all.refused.push(
      ...batch.refused.map((row) => [row.rowNumber, row.reason, row.detail] as [number, string, string]),
    );
  }
  const { header, format, delimiter, sample, warning } = table;
  return { ...all, header, format, delimiter, sample, warning };
}

test('a header alone is empty; a broken row below it is one', async () => {
  const isEmpty = async (text: string) => (await openTable(await written(text))).empty;
  expect(await isEmpty('id,amount\n')).toBe(true);
  expect(await isEmpty('id,amount\n\n')).toBe(true);
  expect(await isEmpty('id,amount\na,1\n')).toBe(false);
  expect(await isEmpty('id,amount\na,1,2,3\n')).toBe(false);
});

describe('CSV', () => {
  test('quotes, doubled quotes, line breaks inside, blank lines, a stray quote, CRLF', async () => {
    const { header, rows, numbers } = await read(
      'a, b ,c\r\n1,"x, y",3\r\n\r\n4,"say ""hi""\r\nthere",6\r\n7,5" pipe,9',
    );
    expect(header).toEqual(['a', 'b', 'c']);
    expect(rows).toEqual([
      ['1', 'x, y', '3'],
      ['4', 'say "hi"\r\nthere', '6'],
      ['7', '5" pipe', '9'],
    ]);
    expect(numbers).toEqual([1, 2, 3]);
  });

  test.each([
    [';', 'a;b\n1;2,5\n'],
    ['\t', 'a\tb\n1\t2\n'],
    ['|', 'a|b\n1|2\n'],
    [',', '"a;x;y",b\n1,2\n'],
  ])('the delimiter %j is found', async (delimiter, content) => {
    const table = await read(content);
    expect([table.delimiter, table.rows.length, table.header.length]).toEqual([delimiter, 1, 2]);
  });

  test('a byte order mark is no part of the first name; gzip is told by its bytes', async () => {
    expect((await read('\ufeffa,b\n1,2\n')).header).toEqual(['a', 'b']);
    expect((await read(gzipSync('a,b\n1,2\n'))).rows).toEqual([['1', '2']]);
  });

  test('a row with too few or too many fields is refused by its number, the rest is read on', async () => {
    const { rows, numbers, refused } = await read('a,b,c\n1,2,3\n4,5\n6,7,8,9\n10,11,12\n');
    expect([rows.length, numbers]).toEqual([2, [1, 4]]);
    expect(refused).toEqual([
      [2, 'unparsable-row', 'row 2: has 2 fields, the header has 3'],
      [3, 'unparsable-row', 'row 3: has 4 fields, the header has 3'],
    ]);
  });

  test('a quote that never closes ends the reading with the row where it opened', async () => {
    const table = await openTable(await written(`a,b\n1,2\n3,"open\n${'5,6\n'.repeat(300_000)}`), 1);
    await expect(async () => {
      for await (const _ of table.batches());
    }).rejects.toThrow(/row 2: a quote \("\) opened in this row never closes/);
    await expect(openTable(await written('a,b\n1,"x\n'))).rejects.toThrow(/row 1: a quote/);
  });

  test('a header that is not UTF-8 is refused, with the encoding and the way out', async () => {
    const latin = Buffer.from('Kunde;W\xe4hrung\n1;EUR\n', 'latin1');
    await expect(read(latin)).rejects.toThrow(
      /the header is not UTF-8, most likely Latin-1.*iconv -f latin1 -t utf8 FILE/,
    );
    expect((await read('Kunde;Währung\n1;EUR\n')).header).toEqual(['Kunde', 'Währung']);
  });

  test('bytes that are not UTF-8 in the rows do not end the file; it is warned about', async () => {
    const { rows, warning } = await read(Buffer.from('a,b\nK\xf6ln,2\nx,3\n', 'latin1'));
    expect(warning).toMatch(/^1 of 2 sampled rows: the text is not UTF-8.*iconv -f latin1 -t utf8/);
    expect((await read('a,b\nKöln,2\n')).warning).toBeNull();
    expect(rows).toEqual([
      ['K\ufffdln', '2'],
      ['x', '3'],
    ]);
  });

  test('rows stay whole across the pieces a file is read in, and can be fetched again by number', async () => {
    const lines = Array.from({ length: 60_000 }, (_, i) => `${i + 1},"käse ${i}",ü`);
    const path = await written(`n,text,mark\n${lines.join('\n')}\n`);
    const table = await openTable(path);
    expect(table.sample).toHaveLength(5000);
    let count = 0;
    let bytes = 0;
    for await (const batch of table.batches((read) => {
      bytes = read;
    }))
      batch.rows.forEach((row, i) => {
        count++;
        if (row[0] !== String(batch.numbers[i]) || row[1] !== `käse ${count - 1}`)
          throw new Error(`row ${count}: ${row.join()}`);
      });
    expect([count, bytes]).toEqual([60_000, table.bytes]);
    const raw = await rawRows(table, new Set([3, 59_999]));
    expect(raw.get(59_999)).toBe('{"n":"59999","text":"käse 59998","mark":"ü"}');
    expect([...raw.keys()]).toEqual([3, 59_999]);
  });
});

describe('NDJSON', () => {
  test('objects become rows of the columns seen in the sample; values stay beside', async () => {
    const { header, rows, values, format } = await read(
      '{"id":1,"amount":9.5}\n\n{"id":"x","note":{"a":[1]},"amount":null}\n',
    );
    expect([format, header]).toEqual(['ndjson', ['id', 'amount', 'note']]);
    expect(rows).toEqual([
      ['1', '9.5', ''],
      ['x', '', '{"a":[1]}'],
    ]);
    expect(values[0]).toEqual({ id: 1, amount: 9.5 });
  });

  test('broken lines are refused by number and position, without their text', async () => {
    const { rows, refused } = await read('{"id":1}\n{"id":secret}\n[1]\n{"id":3');
    expect(rows).toEqual([['1']]);
    expect(refused.map(([number, reason]) => [number, reason])).toEqual([
      [2, 'not-json'],
      [3, 'not-an-object'],
      [4, 'not-json'],
    ]);
    expect(refused[0]![2]).toBe('row 2: is broken JSON at character 7 of 13');
    expect(JSON.stringify(refused)).not.toContain('secret');
  });

  test('an integer that JSON cannot hold is no id', async () => {
    expect((await read('{"id":9007199254740993}\n')).rows).toEqual([['\ufffd']]);
  });
});

describe('files that cannot be read', () => {
  test.each([
    ['', /is empty/],
    [' \n\n', /is empty/],
    ['[{"a":1}]', /one object a line/],
    [Buffer.from('\ufeffa,b\n1,2\n', 'utf16le'), /UTF-16/],
    [Buffer.from('PK\u0003\u0004rest', 'latin1'), /spreadsheet/],
    [gzipSync('a,b\n1,2\n').subarray(0, 20), /gzip data is broken/],
    ['{broken\n{broken\n', /no line of it is a JSON object/],
  ])('%j', async (content, why) => {
    await expect(read(content)).rejects.toThrow(why);
    await expect(read(content)).rejects.toMatchObject({ name: 'FileProblem', code: 'bad-file' });
  });

  test('a missing file and a folder', async () => {
    await expect(openTable(join(folder, 'none.csv'))).rejects.toThrow(/no such file/);
    await expect(openTable(folder)).rejects.toThrow(/is not a file/);
  });
});

test('digests: of the bytes and the mapping, and of the bytes and the kind whatever the mapping', async () => {
  const [a, b, c] = [await written('a\n1\n'), await written('a\n1\n'), await written('a\n2\n')];
  const digests = await Promise.all([
    importDigests(a, 'm', 'order'),
    importDigests(b, 'm', 'order'),
    importDigests(c, 'm', 'order'),
    importDigests(a, 'n', 'order'),
    importDigests(a, 'm', 'activity'),
  ]);
  expect(digests[0]!.digest).toMatch(/^[0-9a-f]{64}$/);
  expect(digests[1]).toEqual(digests[0]);
  expect(new Set(digests.map(({ digest }) => digest)).size).toBe(3);
  expect(digests[3]!.file).toBe(digests[0]!.file);
  expect(new Set(digests.map(({ file }) => file)).size).toBe(3);
});
