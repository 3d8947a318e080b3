// Which workspace a command means: refused when that is anybody's guess, said before anything is changed.
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dataDirOf, runningBelow, withServer } from '#ops/client.ts';
import { UsageError } from '#ops/commands/command.ts';
import { processIdentity } from '#ops/engines/processes.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'axiom47-client-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** As if a server of this very process served it. */
function serving(name: string, url: string, pid = process.pid): string {
  const dir = join(folder, name);
  mkdirSync(dir);
  const run = { pid, identity: processIdentity(pid), startedAt: new Date().toISOString(), url };
  const rest = { metricsUrl: url, natsUrl: 'nats://127.0.0.1:4222', token: 'x'.repeat(43) };
  writeFileSync(join(dir, 'run.json'), JSON.stringify({ ...run, ...rest }));
  return dir;
}

test('one server or none: the usual directory; several: refused with their names, unless one is said', () => {
  const usual = join(folder, 'main');
  expect(dataDirOf(undefined, usual, folder)).toBe(usual);
  const demo = serving('demo', 'http://127.0.0.1:1');
  serving('gone', 'http://127.0.0.1:3', 2 ** 22 + 1);
  expect(runningBelow(folder)).toEqual([demo]);
  expect(dataDirOf(undefined, usual, folder)).toBe(usual);
  const main = serving('main', 'http://127.0.0.1:2');
  expect(() => dataDirOf(undefined, usual, folder)).toThrow(UsageError);
  expect(() => dataDirOf(undefined, usual, folder)).toThrow(`${demo}, ${main}`);
  expect(dataDirOf(demo, usual, folder)).toBe(demo);
  expect(runningBelow(join(folder, 'nowhere'))).toEqual([]);
});

test('a command that changes what nobody named says where, once and before; one that only asks says nothing, nor one that was told', async () => {
  const server = createServer((_, response) => response.setHeader('content-type', 'application/json').end('{}'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dir = serving('main', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const said: string[] = [];
  const io = { stdout: () => undefined, stderr: (text: string) => void said.push(text), isTTY: false };
  try {
    await withServer(dataDirOf(dir), { io }, (client) => client.call('POST', '/api/jobs/train', { kind: 'clv' }));
    await withServer(dataDirOf(undefined, dir, folder), { io }, async (client) => {
      await client.call('GET', '/api/me');
      await client.call('POST', '/api/predict/churn', { customer_id: 'c' });
      await client.call('POST', '/api/customers/lookup', { customer_id: 'c' });
      await client.call('POST', '/api/jobs/train', { kind: 'clv', dry_run: true });
      expect(said).toEqual([]);
      await client.call('PUT', '/api/churn-definitions/contractual', { horizon_days: 30 });
      await client.call('POST', '/api/jobs/train', { kind: 'clv' });
      await client.send('/api/imports/r/events', new Uint8Array(1), 'application/msgpack');
    });
  } finally {
    server.close();
  }
  expect(said).toEqual([`workspace ${dir} (another one: --data-dir DIR)\n`]);
});
