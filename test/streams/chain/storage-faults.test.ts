// Real nats-servers whose files are damaged while they are dead. What the server makes of it differs (it drops the message, or everything behind
// it, or hands it on); whatever it is, it is found, at the message that was hit, and no reader is given it.
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectNats } from '#streams/jetstream/connection.ts';
import { random } from '../../faults/fault.ts';
import { AT_REST, BLOCK, type DamagedServer, openDamagedServer } from './damaged-server.ts';

const MESSAGES = 400;
/** `npm run test:faults -- bit-flips` has a hundred of each. */
const FLIPS = 8;

/** Where each message stands in a block: uint32 length (top bit: it has headers), uint64 sequence … (nats-server filestore.go, v2.14). */
function recordsOf(block: Buffer): { seq: number; from: number; to: number }[] {
  const records = [];
  for (let at = 0; at < block.length; ) {
    const length = block.readUInt32LE(at) & 0x7fff_ffff;
    records.push({ seq: Number(block.readBigUInt64LE(at + 4)), from: at, to: at + length });
    at += length;
  }
  return records;
}

describe.each(AT_REST)('a store that is %s', (label, jetstream) => {
  let damaged: DamagedServer;
  beforeAll(async () => {
    damaged = await openDamagedServer(jetstream, MESSAGES);
  }, 60_000);
  afterAll(() => damaged[Symbol.asyncDispose]());

  test(`${FLIPS} bits flipped, with and without the server's index: each is found at the message it hit`, async () => {
    const next = random(label.length * 7_919);
    for (let round = 0; round < FLIPS; round++) {
      damaged.restore();
      const path = join(damaged.messages, BLOCK);
      const bytes = readFileSync(path);
      const offset = Math.floor(next() * bytes.length);
      bytes[offset]! ^= 1 << Math.floor(next() * 8);
      writeFileSync(path, bytes);
      const withoutIndex = round % 2 === 1;
      if (withoutIndex) damaged.removeIndex();
      const { faults, given } = await damaged.whatIsFound();
      const where = `round ${round}, byte ${offset}, ${withoutIndex ? 'no index' : 'index kept'}: ${JSON.stringify(faults)}`;
      expect(faults, where).not.toEqual([]);
      // Readers get what is before the first fault, and only that.
      expect(given, where).toEqual(Array.from({ length: given.length }, (_, i) => i + 1));
      expect(given.length, where).toBeLessThan(faults[0]!.from);
      if (label !== 'plain') continue; // where a message stands in an encrypted block cannot be seen from outside
      const hit = recordsOf(damaged.pristine()).find(({ from, to }) => offset >= from && offset < to)!.seq;
      expect(
        faults.some(({ from, to }) => from <= hit && hit <= to),
        `${where}, message ${hit}`,
      ).toBe(true);
    }
  }, 300_000);

  test('a block cut in its middle: the log is refused from there on', async () => {
    damaged.restore();
    const path = join(damaged.messages, BLOCK);
    const { length } = readFileSync(path);
    truncateSync(path, Math.floor(length / 2));
    const { faults, given } = await damaged.whatIsFound();
    const [{ from, to }] = [{ from: faults[0]!.from, to: faults.at(-1)!.to }];
    expect([from, to]).toEqual([from, MESSAGES]);
    expect(from).toBeGreaterThan(MESSAGES / 4);
    expect(given.length).toBeLessThan(from);
  }, 60_000);

  test('a message deleted through the API is missing at its sequence', async () => {
    damaged.restore();
    await damaged.server.start();
    const nc = await connectNats({ servers: [damaged.server.url] });
    await (await jetstreamManager(nc)).streams.deleteMessage('EVT', 123, true);
    await nc.close();
    await damaged.server.kill();
    const { faults, given } = await damaged.whatIsFound();
    expect(faults).toMatchObject([{ kind: 'missing', from: 123, to: 123 }]);
    expect(given.at(-1)).toBe(122);
  }, 60_000);
});
