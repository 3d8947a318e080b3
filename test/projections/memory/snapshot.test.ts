import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import { openSnapshots } from '#projections/memory/snapshot.ts';
import { StateDigest } from '#projections/memory/state-digest.ts';
import { decodeMessage } from '#streams/pack.ts';
import { activity, apply, createWriter, order, refund, sidOf } from './scenario.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'axiom47-snapshot-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const options = { maxCustomers: 1 << 12, idWindow: { maxIds: 60, maxHours: 48 } };
const recorder = () => {
  const lines: { level: string; message: string; reason?: string; seq?: number }[] = [];
  const at = (level: string) => (fields: object, message: string) => lines.push({ level, message, ...fields });
  return { lines, info: at('info'), warn: at('warn') };
};

/** Two hundred messages of everything: orders, twins, refunds, activities, links, an erasure, rates, runs. */
function messages(): Uint8Array[] {
  const writer = createWriter();
  const list: Uint8Array[] = [
    writer.fact({
      type: 'import.started',
      run: 'r',
      source: 'shop',
      digest: '',
      backfill: true,
      amend: false,
      startedAt: 5,
      coverage: 40,
    }),
  ];
  for (let i = 0; i < 200; i++) {
    const who = `c${i % 37}`;
    list.push(
      writer.pack([
        order(who, `${i % 150}`, i, 100 + (i % 3), {
          run: i % 2 ? 'r' : null,
          // None at first, more than fit into a byte in the end.
          channel: i < 60 ? null : i % 3 ? 'web' : 'app',
        }),
        ...Array.from({ length: i < 100 ? 0 : 3 }, (_, k) =>
          order(who, `named ${i} ${k}`, i, 1, { channel: `till ${(3 * i + k) % 280}` }),
        ),
        refund(who, `${i % 90}`, i + 1, 100, i % 4 ? null : `${i}`),
        activity(who, `${i % 120}`, i % 50, i % 2 ? 'view' : 'login'),
        order(`anon${i % 11}`, `x${i}`, i, null),
      ]),
    );
    if (i % 40 === 20) list.push(writer.fact({ type: 'fx.rates.set', day: i, rates: { USD: '0.9' } }));
    if (i % 50 === 30)
      list.push(writer.fact({ type: 'customer.linked', anonymous: sidOf(`anon${i % 11}`), known: sidOf(who) }));
    if (i === 90) list.push(writer.fact({ type: 'customer.erased', sids: [sidOf('c5')], at: 1 }));
    if (i % 9 === 0) list.push(list.at(-1)!);
  }
  return list;
}
const log = messages();
/** Everything that can be asked of a ledger. */
const everything = (ledger: Ledger) => ({
  digest: new StateDigest(ledger).value(),
  channels: [...ledger.canonicalRows()].map((row) =>
    ledger.entries(ledger.rows.sid(row))!.orders.map(({ key, channel }) => [key, channel]),
  ),
  runs: ledger.runs.list(),
  conflicts: ledger.conflicts.after(0),
  erased: ledger.erasedTotals.save(),
  facts: ledger.workspace.save(),
  window: ledger.window.size,
  forgotten: ledger.window.forgottenBefore,
  counters: ledger.counters.save(),
  columns: Buffer.from(ledger.rows.handle.rows.slice(0, ledger.rows.count * 128)).toString('hex'),
  scalars: [ledger.position, ledger.clockAt, ledger.clockDay, ledger.customers, ledger.events, ledger.repeated],
});
const uninterrupted = everything(apply(createLedger(options), log, 1));
const fold = (ledger: Ledger, upTo = log.length) => apply(ledger, log.slice(ledger.position, upTo), 1);

describe('snapshot and restore', () => {
  test('at any position, the fold goes on as if it had never stopped', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: log.length }), async (cut) => {
        const here = mkdtempSync(join(dir, 'cut-'));
        await openSnapshots(here, recorder()).save(fold(createLedger(options), cut), log[cut - 1]!);
        const restored = await openSnapshots(here, recorder()).restore(options);
        expect(restored.position).toBe(cut);
        expect(everything(fold(restored))).toEqual(uninterrupted);
      }),
      { numRuns: 25 },
    );
  });

  test('a snapshot holds exactly its position although the fold goes on while it is written', async () => {
    const ledger = fold(createLedger(options), 100);
    const saving = openSnapshots(dir, recorder()).save(ledger, log[99]!);
    for (let i = 100; i < log.length; i++) {
      ledger.applyMessage(i + 1, decodeMessage(log[i]!));
      ledger.flushColumns();
      if (i % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await saving).toMatchObject({ seq: 100 });
    expect(everything(ledger)).toEqual(uninterrupted);
    const restored = await openSnapshots(dir, recorder()).restore(options);
    expect(everything(restored)).toEqual(everything(fold(createLedger(options), 100)));
  });

  test('nothing is written when nothing has changed, nor twice at once', async () => {
    const snapshots = openSnapshots(dir, recorder());
    const ledger = fold(createLedger(options), 10);
    const [first, second] = await Promise.all([snapshots.save(ledger, log[9]!), snapshots.save(ledger, log[9]!)]);
    expect([first?.seq, second]).toEqual([10, null]);
    expect(await snapshots.save(ledger, log[9]!)).toBeNull();
    expect(readdirSync(dir).sort()).toEqual(['MANIFEST.json', first!.ids.file, first!.ledger.file].sort());
  });

  test('the files name nobody', async () => {
    await openSnapshots(dir, recorder()).save(fold(createLedger(options)), log.at(-1)!);
    for (const file of readdirSync(dir)) expect(readFileSync(join(dir, file), 'latin1')).not.toMatch(/anon\d/);
  });
});

describe('a snapshot that cannot be used', () => {
  /** Two snapshots, at 100 and 150; the newer one's files. */
  const two = async () => {
    const snapshots = openSnapshots(dir, recorder());
    const ledger = fold(createLedger(options), 100);
    await snapshots.save(ledger, log[99]!);
    return (await snapshots.save(fold(ledger, 150), log[149]!))!;
  };
  const restore = async () => {
    const lines = recorder();
    const ledger = await openSnapshots(dir, lines).restore(options);
    return { ledger, lines: lines.lines };
  };

  test('cut or changed at any byte falls back to the one before, and the fold ends the same', async () => {
    const entry = await two();
    const damage = fc.record({
      part: fc.constantFrom('ledger' as const, 'ids' as const),
      at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      how: fc.constantFrom('cut', 'flip'),
    });
    await fc.assert(
      fc.asyncProperty(damage, async ({ part, at, how }) => {
        const path = join(dir, entry[part].file);
        const good = readFileSync(path);
        const byte = Math.floor(at * good.length);
        if (how === 'cut') truncateSync(path, byte);
        else {
          const bad = Buffer.from(good);
          bad[byte]! ^= 0x10;
          writeFileSync(path, bad);
        }
        const { ledger, lines } = await restore();
        writeFileSync(path, good);
        expect(ledger.position).toBe(100);
        expect(lines.map(({ level, seq, message }) => [level, seq, message])).toEqual([
          ['warn', 150, 'snapshot cannot be used; using the one before, at 100'],
          ['info', 100, 'snapshot restored'],
        ]);
        expect(lines[0]!.reason).toMatch(/\.state: /);
      }),
      { numRuns: 60 },
    );
    expect(everything(fold((await restore()).ledger))).toEqual(uninterrupted);
  });

  test('with both gone the whole log is replayed', async () => {
    await two();
    for (const file of readdirSync(dir)) if (file.startsWith('ledger-')) rmSync(join(dir, file));
    const { ledger, lines } = await restore();
    expect(ledger.position).toBe(0);
    expect(lines.map(({ level, reason }) => [level, reason])).toEqual([
      ['warn', expect.stringMatching(/ledger-150-.*\.state: is missing/)],
      ['warn', expect.stringMatching(/ledger-100-.*\.state: is missing/)],
    ]);
    expect(lines[1]!.message).toBe('snapshot cannot be used; replaying the whole log');
    expect(everything(fold(ledger))).toEqual(uninterrupted);
  });

  test('a manifest that is not readable costs a replay and says so', async () => {
    await two();
    writeFileSync(join(dir, 'MANIFEST.json'), '{"format":1,');
    const { ledger, lines } = await restore();
    expect(ledger.position).toBe(0);
    expect(lines).toMatchObject([
      { level: 'warn', message: 'snapshot manifest is not readable; replaying the whole log' },
    ]);
  });

  test('of another log, or of another zone table, is passed over', async () => {
    await two();
    const lines = recorder();
    const other = await openSnapshots(dir, lines).restore(options, async (entry) => entry.seq < 150);
    expect(other.position).toBe(100);
    expect(lines.lines[0]).toMatchObject({ reason: 'the log holds another message at its position' });
    const zoned = await openSnapshots(dir, recorder()).restore({
      ...options,
      zone: { version: 9, offsets: [[0, 60]] },
    });
    expect(zoned.position).toBe(0);
  });

  test('a crash before the manifest leaves the old one in force; the next save clears what is left over', async () => {
    const entry = await two();
    writeFileSync(join(dir, 'ledger-999-0000.state'), 'half');
    writeFileSync(join(dir, '.ledger-999.writing'), 'half');
    const { ledger } = await restore();
    expect(ledger.position).toBe(entry.seq);
    const snapshots = openSnapshots(dir, recorder());
    const next = await snapshots.restore(options);
    await snapshots.save(fold(next, 160), log[159]!);
    expect(readdirSync(dir).filter((file) => /-999/.test(file))).toEqual([]);
  });
});
