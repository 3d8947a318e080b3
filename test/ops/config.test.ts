import { describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from '#ops/config.ts';

describe('the configuration', () => {
  test('of an empty environment: loopback, port 8047, nothing external; frozen', () => {
    const config = readConfig({});
    expect(config).toEqual({
      nats: { searchPath: '' },
      postgres: {},
      host: '127.0.0.1',
      port: 8047,
      metricsPort: 0,
      scoreFiles: { files: 14, days: 30 },
      logLevel: 'info',
      startedByNpm: false,
    });
    expect([config, config.nats, config.postgres].every(Object.isFrozen)).toBe(true);
  });

  test('takes every variable; an empty one counts as unset', () => {
    expect(
      readConfig({
        DATABASE_URL: 'postgres://u:p@db/axiom47',
        AXIOM47_KEYRING_URL: 'postgresql://u:p@keys/ring',
        AXIOM47_NATS_URL: 'nats://a:4222, tls://b:4222',
        AXIOM47_NATS_CREDS: '/etc/axiom47.creds',
        AXIOM47_NATS_SERVER: '',
        AXIOM47_POSTGRES_BIN: '/usr/lib/postgresql/18/bin',
        AXIOM47_DATA_DIR: '/var/lib/axiom47',
        AXIOM47_HOST: '::1',
        AXIOM47_PORT: '0',
        AXIOM47_METRICS_PORT: '9464',
        AXIOM47_PUBLIC_URL: 'https://clv.example.org',
        AXIOM47_SCORE_FILES: '3',
        AXIOM47_SCORE_FILE_DAYS: '400',
        AXIOM47_LOG_LEVEL: 'debug',
        AXIOM47_S3_ENDPOINT: 'http://minio:9000',
        AXIOM47_S3_BUCKET: 'axiom47',
        AXIOM47_S3_ACCESS_KEY_ID: 'id',
        AXIOM47_S3_SECRET_ACCESS_KEY: 'secret',
        PATH: '/usr/bin',
      }),
    ).toEqual({
      nats: { url: 'nats://a:4222, tls://b:4222', credentialsFile: '/etc/axiom47.creds', searchPath: '/usr/bin' },
      postgres: {
        url: 'postgres://u:p@db/axiom47',
        keyringUrl: 'postgresql://u:p@keys/ring',
        bin: '/usr/lib/postgresql/18/bin',
      },
      dataDir: '/var/lib/axiom47',
      host: '::1',
      port: 0,
      metricsPort: 9464,
      publicUrl: 'https://clv.example.org',
      scoreFiles: { files: 3, days: 400 },
      logLevel: 'debug',
      startedByNpm: false,
      s3: {
        endpoint: 'http://minio:9000',
        bucket: 'axiom47',
        region: 'us-east-1',
        accessKeyId: 'id',
        secretAccessKey: 'secret',
      },
    });
  });

  test('names every problem in one message, and repeats no password', () => {
    const read = () =>
      readConfig({
        DATABASE_URL: 'mysql://u:hunter2@db/x',
        AXIOM47_PORT: '70000',
        AXIOM47_SCORE_FILES: '0',
        AXIOM47_LOG_LEVEL: 'loud',
        AXIOM47_NATS_CREDS: 'x',
        AXIOM47_S3_ENDPOINT: 'minio:9000',
        AXIOM47_S3_SECRET_ACCESS_KEY: 'hunter2',
      });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(
      /DATABASE_URL must be a url starting with postgres.*AXIOM47_PORT must be a port.*AXIOM47_S3_ENDPOINT must be a url.*AXIOM47_SCORE_FILES must be a whole number.*AXIOM47_LOG_LEVEL must be.*AXIOM47_NATS_CREDS is for.*without AXIOM47_S3_BUCKET, AXIOM47_S3_ACCESS_KEY_ID/,
    );
    expect(read).not.toThrow(/hunter2/);
  });
});
