// The environment, read once: parsed, checked and frozen. The only reader of process.env (the install and bin scripts aside).
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { S3Settings } from './objects.ts';

const url = (protocols: string[]) =>
  z.string().superRefine((text, context) => {
    for (const part of text.split(',')) {
      const scheme = URL.canParse(part.trim()) ? new URL(part.trim()).protocol.slice(0, -1) : undefined;
      // The value may hold a password, so the message does not repeat it.
      if (scheme === undefined || !protocols.includes(scheme)) {
        context.addIssue({
          code: 'custom',
          message: `must be a url starting with ${protocols.map((p) => `${p}://`).join(' or ')}`,
        });
      }
    }
  });
const oneUrl = (protocols: string[]) => url(protocols).refine((text) => !text.includes(','), 'must be one url');
const port = z
  .string()
  .regex(/^\d{1,5}$/, 'must be a port number, 0–65535 (0: any free one)')
  .transform(Number)
  .refine((number) => number <= 65_535, 'must be a port number, 0–65535 (0: any free one)');
const count = z
  .string()
  .regex(/^[1-9]\d{0,4}$/, 'must be a whole number, 1–99999')
  .transform(Number);

const Environment = z.object({
  DATABASE_URL: oneUrl(['postgres', 'postgresql']).optional(),
  /** A file that holds DATABASE_URL: container secrets come as files. */
  DATABASE_URL_FILE: z.string().optional(),
  AXIOM47_KEYRING_URL: oneUrl(['postgres', 'postgresql']).optional(),
  AXIOM47_POSTGRES_BIN: z.string().optional(),
  AXIOM47_NATS_URL: url(['nats', 'tls']).optional(),
  AXIOM47_NATS_CREDS: z.string().optional(),
  AXIOM47_NATS_SERVER: z.string().optional(),
  AXIOM47_DATA_DIR: z.string().optional(),
  AXIOM47_HOST: z.string().default('127.0.0.1'),
  AXIOM47_PORT: port.default(8047),
  AXIOM47_METRICS_PORT: port.default(0),
  AXIOM47_PUBLIC_URL: oneUrl(['http', 'https']).optional(),
  AXIOM47_S3_ENDPOINT: oneUrl(['http', 'https']).optional(),
  AXIOM47_S3_BUCKET: z.string().optional(),
  AXIOM47_S3_REGION: z.string().default('us-east-1'),
  AXIOM47_S3_ACCESS_KEY_ID: z.string().optional(),
  AXIOM47_S3_SECRET_ACCESS_KEY: z.string().optional(),
  /** A file that holds the secret key. */
  AXIOM47_S3_SECRET_ACCESS_KEY_FILE: z.string().optional(),
  AXIOM47_SCORE_FILES: count.default(14),
  AXIOM47_SCORE_FILE_DAYS: count.default(30),
  AXIOM47_LOG_LEVEL: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'must be trace, debug, info, warn, error, fatal or silent',
    )
    .default('info'),
  /** Set by npm for what it runs. */
  npm_lifecycle_event: z.string().optional(),
  PATH: z.string().default(''),
});

const S3_VARIABLES = [
  'AXIOM47_S3_ENDPOINT',
  'AXIOM47_S3_BUCKET',
  'AXIOM47_S3_ACCESS_KEY_ID',
  'AXIOM47_S3_SECRET_ACCESS_KEY',
] as const;

type LogLevel = z.infer<typeof Environment>['AXIOM47_LOG_LEVEL'];

export type Config = Readonly<{
  nats: Readonly<{ url?: string; credentialsFile?: string; server?: string; searchPath: string }>;
  postgres: Readonly<{ url?: string; keyringUrl?: string; bin?: string }>;
  /** Undefined: `defaultDataDir` decides. */
  dataDir?: string;
  host: string;
  port: number;
  publicUrl?: string;
  /** Always on loopback. */
  metricsPort: number;
  /** Where artefacts are kept besides the data directory. */
  s3?: Readonly<S3Settings>;
  /** How many files of scorings are kept of one asker, and for how many days (ops/jobs/score-retention.ts). */
  scoreFiles: Readonly<{ files: number; days: number }>;
  logLevel: LogLevel;
  /** npm is the parent process. */
  startedByNpm: boolean;
}>;

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** @throws ConfigError naming every variable that is wrong, in one message. An empty variable counts as unset. */
export function readConfig(environment: Record<string, string | undefined> = process.env): Config {
  const set = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const unread: string[] = [];
  for (const name of ['DATABASE_URL', 'AXIOM47_S3_SECRET_ACCESS_KEY']) {
    const file = set[`${name}_FILE`];
    if (file === undefined || set[name] !== undefined) continue;
    try {
      set[name] = readFileSync(file, 'utf8').trim();
    } catch (error) {
      unread.push(`${name}_FILE cannot be read (${(error as NodeJS.ErrnoException).code})`);
    }
  }
  const parsed = Environment.safeParse(set);
  const problems = [
    ...unread,
    ...(parsed.error?.issues ?? []).map((issue) => `${issue.path.join('.')} ${issue.message}`),
  ];
  if (set.AXIOM47_NATS_CREDS !== undefined && set.AXIOM47_NATS_URL === undefined) {
    problems.push(
      'AXIOM47_NATS_CREDS is for a server named in AXIOM47_NATS_URL; the embedded one makes its own identities',
    );
  }
  const s3 = S3_VARIABLES.filter((name) => set[name] !== undefined);
  if (s3.length > 0 && s3.length < S3_VARIABLES.length)
    problems.push(
      `${s3.join(', ')} without ${S3_VARIABLES.filter((name) => !s3.includes(name)).join(', ')}: an object store needs all four`,
    );
  if (!parsed.success || problems.length > 0) {
    throw new ConfigError(`the environment is not usable: ${[...new Set(problems)].join('; ')}`);
  }
  const env = parsed.data;
  return Object.freeze({
    nats: Object.freeze({
      searchPath: env.PATH,
      ...defined({
        url: env.AXIOM47_NATS_URL,
        credentialsFile: env.AXIOM47_NATS_CREDS,
        server: env.AXIOM47_NATS_SERVER,
      }),
    }),
    postgres: Object.freeze(
      defined({ url: env.DATABASE_URL, keyringUrl: env.AXIOM47_KEYRING_URL, bin: env.AXIOM47_POSTGRES_BIN }),
    ),
    host: env.AXIOM47_HOST,
    port: env.AXIOM47_PORT,
    metricsPort: env.AXIOM47_METRICS_PORT,
    scoreFiles: Object.freeze({ files: env.AXIOM47_SCORE_FILES, days: env.AXIOM47_SCORE_FILE_DAYS }),
    logLevel: env.AXIOM47_LOG_LEVEL,
    startedByNpm: env.npm_lifecycle_event !== undefined,
    ...defined({ dataDir: env.AXIOM47_DATA_DIR, publicUrl: env.AXIOM47_PUBLIC_URL }),
    ...(s3.length > 0 && {
      s3: Object.freeze({
        endpoint: env.AXIOM47_S3_ENDPOINT!,
        bucket: env.AXIOM47_S3_BUCKET!,
        region: env.AXIOM47_S3_REGION,
        accessKeyId: env.AXIOM47_S3_ACCESS_KEY_ID!,
        secretAccessKey: env.AXIOM47_S3_SECRET_ACCESS_KEY!,
      }),
    }),
  });
}

/** Without the absent ones, as exactOptionalPropertyTypes wants. */
function defined<T extends Record<string, string | undefined>>(fields: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: string;
  };
}
