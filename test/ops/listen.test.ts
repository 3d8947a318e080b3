import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { closeable } from '#ops/listen.ts';

/** A server whose answers wait for us, and how to stop it. */
async function open(contentType: string) {
  const asked = Promise.withResolvers<ServerResponse>();
  const server = createServer((_, answer) => {
    answer.setHeader('content-type', contentType);
    answer.flushHeaders();
    asked.resolve(answer);
  });
  const close = closeable(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return { response, close, answer: await asked.promise };
}

describe('a server that is told to stop', () => {
  test('lets an answer under way leave, then ends', async () => {
    const { response, close, answer } = await open('application/json');
    const closed = close();
    answer.end('{"seq":7}');
    expect(await response.json()).toEqual({ seq: 7 });
    await closed;
  });

  test('does not wait for a live stream', async () => {
    const { response, close, answer } = await open('text/event-stream');
    answer.write('data: 1\n\n');
    const closed = close();
    await expect(response.text()).rejects.toThrow();
    await closed;
  });

  test('does not wait for ever for an answer that does not come', async () => {
    const { response, close } = await open('application/json');
    const closed = close();
    await expect(response.text()).rejects.toThrow();
    await closed;
  });
});
