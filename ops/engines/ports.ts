// Loopback ports for the engines: the same one again after a restart, so that clients find their way back, else any free one.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFile } from './durable-file.ts';
import { errorCode } from './engine-error.ts';

const Ports = z.object({ nats: z.int().optional(), postgres: z.int().optional() });

/** The port this engine had last time, when it is free, else a free one. Somebody may still take it before the engine does: try again then. */
export async function choosePort(dataDir: string, engine: keyof z.infer<typeof Ports>): Promise<number> {
  const last = readPorts(dataDir)[engine];
  return (last === undefined ? undefined : await freePort(last)) ?? (await freePort(0))!;
}

export function rememberPort(dataDir: string, engine: keyof z.infer<typeof Ports>, port: number): void {
  const ports = readPorts(dataDir);
  if (ports[engine] !== port)
    replaceFile(join(dataDir, 'ports.json'), `${JSON.stringify({ ...ports, [engine]: port })}\n`, 0o600);
}

/** The port asked for (0: any), or undefined when it is taken. */
function freePort(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => (errorCode(error) === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : undefined));
    });
  });
}

function readPorts(dataDir: string): z.infer<typeof Ports> {
  try {
    return Ports.parse(JSON.parse(readFileSync(join(dataDir, 'ports.json'), 'utf8')));
  } catch (error) {
    // Only a hint: without it other ports are chosen.
    if (errorCode(error) === 'ENOENT' || error instanceof SyntaxError || error instanceof z.ZodError) return {};
    throw error;
  }
}
