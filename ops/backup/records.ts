// What a backup holds, record by record, in this order: files, streams, the keyring's tables, the manifest last.
import { z } from 'zod';

export const Manifest = z.object({
  kind: z.literal('manifest'),
  workspace: z.object({ id: z.string(), name: z.string() }),
  /** Position of the log: everything up to here is in the backup, nothing after. */
  seq: z.int(),
  /** Messages by stream. */
  messages: z.record(z.string(), z.int()),
  /** Rows by table. */
  rows: z.record(z.string(), z.int()),
  /** How far the keyring's parts were migrated. */
  migrations: z.record(z.string(), z.int()),
  files: z.int(),
  /** Of the log folded up to `seq`; `portable` with the names the backed-up keyring has. */
  digests: z.object({ state: z.string(), portable: z.string() }),
  customers: z.int(),
  orders: z.int(),
  events: z.int(),
});
export type Manifest = z.infer<typeof Manifest>;

const Bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'bytes');
/** Sequence, subject, when it was stored (ms), bytes. */
const Message = z.tuple([z.int(), z.string(), z.number(), Bytes]);
export type Message = z.infer<typeof Message>;

export const BackupRecord = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('file'), path: z.string(), bytes: Bytes }),
  z.object({ kind: z.literal('messages'), stream: z.string(), messages: z.array(Message) }),
  z.object({ kind: z.literal('migrations'), parts: z.record(z.string(), z.int()) }),
  z.object({ kind: z.literal('table'), table: z.string(), columns: z.array(z.string()) }),
  /** A piece of the table's COPY … BINARY. */
  z.object({ kind: z.literal('rows'), bytes: Bytes }),
  /** Said in the log after `seq`, decided in the keyring before it was copied: appended again at the first start. */
  z.object({ kind: z.literal('facts'), facts: z.array(Bytes) }),
  Manifest,
]);
export type BackupRecord = z.infer<typeof BackupRecord>;
