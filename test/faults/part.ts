// A part of the program in a process of its own, seen from the process that kills it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Point } from './crash-points.ts';
import type { PartConfig, Question, Told } from './part-process.ts';

const program = fileURLToPath(new URL('./part-process.ts', import.meta.url));

export class Part implements AsyncDisposable {
  readonly config: PartConfig;
  #child: ChildProcess;
  #gone: Promise<unknown>;

  private constructor(config: PartConfig, child: ChildProcess) {
    this.config = config;
    this.#child = child;
    this.#gone = once(child, 'exit');
  }

  static async start(config: PartConfig): Promise<Part> {
    const part = new Part(config, Part.#spawn(config));
    await part.#told('ready');
    return part;
  }

  static #spawn(config: PartConfig): ChildProcess {
    return spawn(process.execPath, [program, JSON.stringify(config)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
  }

  /** Resolves when it has died, of the armed point or of anything else. */
  get gone(): Promise<unknown> {
    return this.#gone;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Another process in its place; resolves when it answers. */
  async restart(): Promise<void> {
    this.#child = Part.#spawn(this.config);
    this.#gone = once(this.#child, 'exit');
    await this.#told('ready');
  }

  arm(point: Point, nth: number): void {
    this.#child.send({ ask: 'arm', point, nth } satisfies Question);
  }

  async position(): Promise<number> {
    const { seq, failure } = await this.#ask('position');
    if (failure !== null) throw new Error(`${this.config.role} has ended: ${failure}`);
    return seq;
  }

  digest = async (): Promise<string> => (await this.#ask('digest')).state;

  async #ask<Name extends 'position' | 'digest'>(ask: Name): Promise<Extract<Told, { tell: Name }>> {
    const answer = this.#told(ask);
    this.#child.send({ ask } satisfies Question);
    return answer;
  }

  /** One question at a time. */
  #told<Name extends Told['tell']>(tell: Name): Promise<Extract<Told, { tell: Name }>> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const hear = (told: Told) => {
        if (told.tell !== tell) return;
        child.off('message', hear).off('exit', end);
        resolve(told as Extract<Told, { tell: Name }>);
      };
      const end = (code: number | null, signal: NodeJS.Signals | null) => {
        child.off('message', hear);
        reject(new Error(`${this.config.role} ended (${signal ?? code}) before it answered`));
      };
      child.on('message', hear).once('exit', end);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.#gone;
  }
}
