import { expect, test } from 'vitest';
import { natsMemory } from '#ops/engines/nats-memory.ts';

const GiB = 2 ** 30;

test('nats-server may keep a sixteenth of the machine, and at most 512 MiB, before it forgets what it has read', () => {
  expect(natsMemory(2 * GiB).GOMEMLIMIT).toBe('128MiB');
  expect(natsMemory(24 * GiB).GOMEMLIMIT).toBe('512MiB');
  expect(natsMemory(1 * GiB + 12_345).GOMEMLIMIT).toBe('64MiB');
});

test('until then it collects no garbage that a small heap of its own would ask for', () => {
  // A heap of 20 MB in use, as after a start: Go's own 100 would collect at 40 MB, which is twenty blocks.
  const next = 20 * (1 + Number(natsMemory().GOGC) / 100);
  expect(next).toBeGreaterThan(512);
});
