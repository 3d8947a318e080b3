// Real nats-servers whose files are damaged while they are dead. What the server makes of it differs (it drops the message, or everything behind
// it, or hands it on); whatever it is, it is found, at the message that was hit, and no reader is given it.
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sealedStore } from '#streams/chain/sealed.ts';
import { verifyChain } from '#streams/chain/verify.ts';
import type { EventStore } from '#streams/event-store.ts';
import { connectNats } from '#streams/jetstream/connection.ts';
import { silent } from '#streams/jetstream/link.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { startNatsServer, type TestServer } from '../../support/nats-server.ts';
import { sealedLog } from './support.ts';

const MESSAGES = 400;
/** More by hand: AXIOM47_TEST_FLIPS=100. */
const FLIPS = Number(process.env.AXIOM47_TEST_FLIPS ?? 8);

/** A small deterministic stream of numbers in [0, 1): Lehmer's generator, MINSTD. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

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

describe.each([
  ['plain', 'sync_interval: always'],
  ['encrypted at rest', 'sync_interval: always, cipher: aes, key: "a key of this test alone"'],
])('a store that is %s', (label, jetstream) => {
  let server: TestServer;
  let original: string;
  let messages: string;
  beforeAll(async () => {
    server = await startNatsServer({ jetstream });
    const nc = await server.connect();
    await ensureTopology(nc);
    const store = createJetStreamStore(nc);
    await sealedLog(store, MESSAGES, 64);
    await nc.close();
    await server.kill();
    original = join(server.directory, 'original');
    cpSync(join(server.directory, 'js'), original, { recursive: true });
    messages = join(server.directory, 'js', 'jetstream', '$G', 'streams', 'EVT', 'msgs');
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  const restoreOriginal = () => {
    rmSync(join(server.directory, 'js'), { recursive: true });
    cpSync(original, join(server.directory, 'js'), { recursive: true });
  };
  /** What is found once the server has started on the damaged files, and the sequences a reader was given. */
  async function whatIsFound(): Promise<{ faults: { from: number; to: number; kind: string }[]; given: number[] }> {
    await server.start();
    const nc = await connectNats({ servers: [server.url] });
    const store: EventStore = createJetStreamStore(nc);
    const given: number[] = [];
    try {
      const { faults } = await verifyChain(store);
      try {
        for await (const { seq } of sealedStore(store, silent).read('EVT')) given.push(seq);
      } catch (error) {
        if (!['log-damaged', 'sequence-gap'].includes((error as { code: string }).code)) throw error;
      }
      return { faults, given };
    } finally {
      await nc.close();
      await server.kill();
    }
  }

  const [block] = ['1.blk'];
  test(`${FLIPS} bits flipped, with and without the server's index: each is found at the message it hit`, async () => {
    const next = random(label.length * 7_919);
    for (let round = 0; round < FLIPS; round++) {
      restoreOriginal();
      const path = join(messages, block!);
      const bytes = readFileSync(path);
      const offset = Math.floor(next() * bytes.length);
      bytes[offset]! ^= 1 << Math.floor(next() * 8);
      writeFileSync(path, bytes);
      const withoutIndex = round % 2 === 1;
      if (withoutIndex)
        for (const name of readdirSync(messages)) if (name.endsWith('.db')) rmSync(join(messages, name));
      const { faults, given } = await whatIsFound();
      const where = `round ${round}, byte ${offset}, ${withoutIndex ? 'no index' : 'index kept'}: ${JSON.stringify(faults)}`;
      expect(faults, where).not.toEqual([]);
      // Readers get what is before the first fault, and only that.
      expect(given, where).toEqual(Array.from({ length: given.length }, (_, i) => i + 1));
      expect(given.length, where).toBeLessThan(faults[0]!.from);
      if (label !== 'plain') continue; // where a message stands in an encrypted block cannot be seen from outside
      const pristine = readFileSync(join(original, 'jetstream', '$G', 'streams', 'EVT', 'msgs', block!));
      const hit = recordsOf(pristine).find(({ from, to }) => offset >= from && offset < to)!.seq;
      expect(
        faults.some(({ from, to }) => from <= hit && hit <= to),
        `${where}, message ${hit}`,
      ).toBe(true);
    }
  }, 300_000);

  test('a block cut in its middle: the log is refused from there on', async () => {
    restoreOriginal();
    const path = join(messages, block!);
    const { length } = readFileSync(path);
    truncateSync(path, Math.floor(length / 2));
    const { faults, given } = await whatIsFound();
    const [{ from, to }] = [{ from: faults[0]!.from, to: faults.at(-1)!.to }];
    expect([from, to]).toEqual([from, MESSAGES]);
    expect(from).toBeGreaterThan(MESSAGES / 4);
    expect(given.length).toBeLessThan(from);
  }, 60_000);

  test('a message deleted through the API is missing at its sequence', async () => {
    restoreOriginal();
    await server.start();
    const nc = await connectNats({ servers: [server.url] });
    await (await jetstreamManager(nc)).streams.deleteMessage('EVT', 123, true);
    await nc.close();
    await server.kill();
    const { faults, given } = await whatIsFound();
    expect(faults).toMatchObject([{ kind: 'missing', from: 123, to: 123 }]);
    expect(given.at(-1)).toBe(122);
    expect(existsSync(original)).toBe(true);
  }, 60_000);
});
