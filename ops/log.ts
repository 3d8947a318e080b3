// The program's log: JSON lines on stderr (stdout belongs to answers). What would name a customer or open a door is taken out on the way.
import { type DestinationStream, destination, type Logger, pino, stdSerializers } from 'pino';
import type { Config } from './config.ts';

/** Fields that never show their value, at any depth; compared without case, "-" and "_". */
const HIDDEN = new Set([
  ...[
    'authorization',
    'proxyauthorization',
    'cookie',
    'setcookie',
    'password',
    'token',
    'secret',
    'seed',
    'creds',
    'writekey',
    'apikey',
  ],
  ...[
    'email',
    'phone',
    'fullname',
    'firstname',
    'lastname',
    'customer',
    'customerid',
    'userid',
    'anonymousid',
    'orderid',
  ],
]);
/** The same for a child's bindings, which pino keeps as text and does not format: by exact name, at the top. */
const HIDDEN_BINDINGS = [
  'customer',
  'customerId',
  'customer_id',
  'userId',
  'user_id',
  'orderId',
  'order_id',
  'email',
  'authorization',
  'token',
  'password',
];
const MAX_DEPTH = 6;

/**
 * A message is constant and lower-case, data goes into fields: `log.info({ customers, ms }, 'scored')`.
 *
 * Fields named like an id, an address or a credential show `[hidden]`; in every text, e-mail addresses, `Bearer …`/`Basic …` and passwords in
 * urls are masked. An id inside free text cannot be recognised: do not put it there.
 */
export function createLog(
  config: Pick<Config, 'logLevel'>,
  to: DestinationStream = destination({ fd: 2, sync: true }),
): Logger {
  return pino(
    {
      level: config.logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => hideFields(fields, 0),
      },
      serializers: { err: (error: unknown) => error }, // `log` above has already turned it into fields
      redact: { paths: HIDDEN_BINDINGS, censor: '[hidden]' },
      hooks: {
        logMethod(args, method) {
          const masked = args.map((arg: unknown) => (typeof arg === 'string' ? mask(arg) : arg));
          const [first, message] = masked;
          if (first instanceof Error && message === undefined) masked[1] = mask(first.message);
          method.apply(this, masked as typeof args);
        },
      },
    },
    to,
  );
}

function hideFields(fields: Record<string, unknown>, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      HIDDEN.has(name.toLowerCase().replaceAll(/[-_]/g, '')) ? '[hidden]' : hide(value, depth),
    ]),
  );
}

function hide(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return mask(value);
  if (value instanceof Error) return hideFields({ ...stdSerializers.err(value) }, depth + 1);
  if (Array.isArray(value)) return depth >= MAX_DEPTH ? '[deep]' : value.map((item) => hide(item, depth + 1));
  if (!isPlain(value)) return value;
  return depth >= MAX_DEPTH ? '[deep]' : hideFields(value, depth + 1);
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value));

export function mask(text: string): string {
  return text
    .replaceAll(/[^\s"'<>@:/]+@[^\s"'<>@/]+\.[a-z]{2,}/gi, '[email]')
    .replaceAll(/\b(bearer|basic)\s+[\w.~+/=-]+/gi, '$1 [hidden]')
    .replaceAll(/(\w+:\/\/[^\s:/@]*):[^\s@/]*@/g, '$1:[hidden]@');
}

/** pino's methods want their receiver; threads are handed bare functions. */
export const threadLog = (log: Logger) => ({
  info: (fields: object, message: string) => log.info(fields, message),
  warn: (fields: object, message: string) => log.warn(fields, message),
  error: (fields: object, message: string) => log.error(fields, message),
});
