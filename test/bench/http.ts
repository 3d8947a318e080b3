// HTTP for load: keep-alive connections that write a request as bytes and read its answer by content-length, which costs this process a
// fraction of what `fetch` does, so the server is measured and not its client.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Request {
  method: 'GET' | 'POST';
  path: string;
  body?: string;
}

export interface Response {
  status: number;
  text: string;
}

/** One request after the other. */
export class Connection implements Disposable {
  readonly #socket: Socket;
  readonly #token: string;
  #waiting: { resolve: (response: Response) => void; reject: (error: Error) => void } | null = null;
  #chunks: Buffer[] = [];
  #got = 0;
  #head = 0;
  #wanted = -1;
  #status = 0;

  private constructor(socket: Socket, token: string) {
    this.#socket = socket;
    this.#token = token;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  static async open(url: string, token: string): Promise<Connection> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    return new Connection(socket, token);
  }

  send({ method, path, body = '' }: Request): Promise<Response> {
    if (this.#waiting) throw new Error('a connection carries one request at a time');
    // It said so when nobody was waiting.
    if (this.#socket.destroyed) throw new Error('the server closed the connection');
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(
        `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${this.#token}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    });
  }

  /** Answers the parsed JSON of a request that must succeed. */
  async call<T>(request: Request): Promise<T> {
    const { status, text } = await this.send(request);
    if (status >= 300) throw new Error(`${request.method} ${request.path}: ${status} ${text.slice(0, 300)}`);
    return JSON.parse(text) as T;
  }

  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#got += chunk.length;
    if (this.#wanted < 0) {
      const all = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
      this.#chunks = [all];
      const end = all.indexOf('\r\n\r\n');
      if (end < 0) return;
      const text = all.toString('latin1', 0, end);
      const length = /\r\ncontent-length: (\d+)/i.exec(text);
      if (!length) {
        this.#fail(new Error(`an answer without content-length: ${text.slice(0, 200)}`));
        return;
      }
      this.#status = Number(text.slice(9, 12));
      this.#head = end + 4;
      this.#wanted = this.#head + Number(length[1]);
    }
    if (this.#got < this.#wanted) return;
    const text = Buffer.concat(this.#chunks).toString('utf8', this.#head, this.#wanted);
    const { resolve } = this.#waiting!;
    this.#waiting = null;
    this.#chunks = [];
    this.#got = 0;
    this.#wanted = -1;
    resolve({ status: this.#status, text });
  }

  #fail(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(error);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

const DRAIN_MS = 20_000;

/**
 * An open loop: `perSecond` requests by the clock, whether or not earlier ones were answered; one that finds no free connection waits for it.
 * Answers the ms from the moment each was due, so that a server which stalls is not asked less (no coordinated omission).
 * @throws Error when an answer is not 2xx, or when the last ones do not come within 20 s.
 */
export async function openLoop(
  target: { url: string; token: string },
  load: { perSecond: number; seconds: number; connections: number; request: (n: number) => Request },
): Promise<number[]> {
  const total = Math.round(load.perSecond * load.seconds);
  const idle = await Promise.all(
    Array.from({ length: load.connections }, () => Connection.open(target.url, target.token)),
  );
  const all = [...idle];
  const latencies: number[] = [];
  let failure: unknown = null;
  const begun = performance.now();
  const dueOf = (n: number) => begun + (n * 1_000) / load.perSecond;
  const ask = async (connection: Connection, n: number): Promise<void> => {
    try {
      const { status, text } = await connection.send(load.request(n));
      if (status >= 300) throw new Error(`the server answered ${status}: ${text.slice(0, 300)}`);
      latencies.push(performance.now() - dueOf(n));
    } catch (error) {
      failure ??= error;
    }
    idle.push(connection);
  };
  try {
    let started = 0;
    while (latencies.length < total) {
      if (failure !== null) throw failure;
      if (performance.now() > dueOf(total) + DRAIN_MS)
        throw new Error(
          `${latencies.length} of ${total} requests answered ${DRAIN_MS / 1_000} s after the last was due`,
        );
      while (started < total && idle.length > 0 && dueOf(started) <= performance.now())
        void ask(idle.pop()!, started++);
      await sleep(1);
    }
    return latencies;
  } finally {
    for (const connection of all) connection[Symbol.dispose]();
  }
}

/** All of them as fast as they go, each connection one after the other. */
export async function drain(
  target: { url: string; token: string },
  connections: number,
  requests: Iterable<Request>,
): Promise<void> {
  const queue = requests[Symbol.iterator]();
  await Promise.all(
    Array.from({ length: connections }, async () => {
      using connection = await Connection.open(target.url, target.token);
      for (let next = queue.next(); !next.done; next = queue.next()) {
        const answer = await connection.call<{ rejected?: unknown[] }>(next.value);
        if (answer.rejected?.length) throw new Error(`refused: ${JSON.stringify(answer.rejected[0])}`);
      }
    }),
  );
}
