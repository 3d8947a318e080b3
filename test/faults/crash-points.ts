// kill -9 of one's own process at a named point, the n-th time it is passed. The points are put around what the parts call (files, SQL, NATS),
// from outside: the program itself has none.
import fs, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import type { NatsConnection } from '@nats-io/nats-core';
import pg from 'pg';

/** Where each part can be made to die. */
export const POINTS = {
  gateway: [
    'before the keyring commits',
    'as the keyring commits',
    'after the keyring has committed',
    'before a pack is sent',
    'as a pack is sent',
    'before IN is acknowledged',
    'as IN is acknowledged',
  ],
  fold: [
    'before a batch is folded',
    'after a batch is folded',
    'before a snapshot is written',
    'as a snapshot is written',
    'before a snapshot gets its name',
    'after a snapshot has its name',
    'before the manifest is replaced',
    'after the manifest is replaced',
    'before a link of the chain is sent',
    'as a link of the chain is sent',
  ],
  tables: [
    'before a checkpoint moves',
    'after a checkpoint has moved',
    'before rows and checkpoint commit',
    'as rows and checkpoint commit',
    'after rows and checkpoint have committed',
  ],
} as const;
export type Role = keyof typeof POINTS;
export type FilePoint = Extract<
  (typeof POINTS)['fold'][number],
  `${string}snapshot${string}` | `${string}manifest${string}`
>;
export type Point = (typeof POINTS)[Role][number];

let armed: { point: Point; left: number } | null = null;

export const arm = (point: Point, nth: number): void => {
  armed = { point, left: nth };
};

const die = (): void => {
  process.kill(process.pid, 'SIGKILL');
};
const reached = (point: Point): boolean => armed?.point === point && --armed.left === 0;
export const pass = (point: Point): void => {
  if (reached(point)) die();
};
/** A moment later: what was handed over may be on its way, may have arrived, and may have been answered. */
const passSoon = (point: Point): void => {
  if (reached(point)) setTimeout(die, Math.random() * 4);
};

/**
 * Snapshots: where their files are opened and renamed. Answers how to stop watching.
 * @param at ends the process at the point, or holds its caller up for ever. @param soon … or a moment later.
 */
export function watchFiles(
  at: (point: FilePoint) => void | Promise<void> = pass,
  soon: (point: FilePoint) => void = passSoon,
): () => Promise<void> {
  const { open, rename } = fs;
  // A caller that is held up for ever never closes its own.
  const handles: FileHandle[] = [];
  const isManifest = (path: unknown) => String(path).includes('MANIFEST');
  fs.open = async (...args: Parameters<typeof open>): Promise<FileHandle> => {
    const isState = String(args[0]).endsWith('.writing') && !isManifest(args[0]);
    if (isState) await at('before a snapshot is written');
    const handle = await open(...args);
    handles.push(handle);
    if (isState) soon('as a snapshot is written');
    return handle;
  };
  fs.rename = async (from, to) => {
    await at(isManifest(to) ? 'before the manifest is replaced' : 'before a snapshot gets its name');
    await rename(from, to);
    await at(isManifest(to) ? 'after the manifest is replaced' : 'after a snapshot has its name');
  };
  syncBuiltinESMExports();
  return async () => {
    fs.open = open;
    fs.rename = rename;
    syncBuiltinESMExports();
    for (const handle of handles) await handle.close();
  };
}

type Query = (...args: unknown[]) => unknown;
const textOf = (query: unknown): string =>
  typeof query === 'string' ? query : ((query as { text?: string } | null)?.text ?? '');

/** @param points around a commit, and around the statement that moves a checkpoint. */
export function watchSql(points: { before: Point; as: Point; after: Point; moves?: readonly [Point, Point] }): void {
  const prototype = pg.Client.prototype as unknown as { query: Query };
  const { query } = prototype;
  prototype.query = function (this: unknown, ...args: unknown[]) {
    const text = textOf(args[0]);
    const commits = text === 'commit';
    const moves = points.moves !== undefined && text.startsWith('update rm.checkpoints set seq');
    if (commits) pass(points.before);
    if (moves) pass(points.moves![0]);
    const answer = query.apply(this, args);
    if (commits) passSoon(points.as);
    if ((commits || moves) && answer instanceof Promise)
      return answer.then((value: unknown) => {
        pass(commits ? points.after : points.moves![1]);
        return value;
      });
    return answer;
  };
}

/** @param points by the beginning of the subject. */
export function watchNats(
  nc: NatsConnection,
  points: readonly (readonly [subject: string, before: Point, as: Point])[],
): void {
  const { protocol } = nc as unknown as { protocol: object };
  const prototype = Object.getPrototypeOf(protocol) as { publish(subject: string, ...rest: unknown[]): unknown };
  const { publish } = prototype;
  prototype.publish = function (this: unknown, subject: string, ...rest: unknown[]) {
    const watched = points.find(([beginning]) => subject.startsWith(beginning));
    if (watched) pass(watched[1]);
    const answer = publish.call(this, subject, ...rest);
    if (watched) passSoon(watched[2]);
    return answer;
  };
}
