// What keeps an engine from running, in one message an operator can act on: what is wrong, where, what to do next.

export type EngineErrorCode =
  | 'missing'
  | 'too-old'
  | 'tampered'
  | 'unreachable'
  | 'not-ready'
  | 'unsuitable'
  | 'unsupported';

export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly engine: 'nats-server' | 'PostgreSQL';
  readonly code: EngineErrorCode;

  constructor(engine: EngineError['engine'], code: EngineErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.engine = engine;
    this.code = code;
  }
}

/** The text of whatever was thrown. */
export const reasonOf = (error: unknown): string =>
  error instanceof AggregateError && error.message === ''
    ? error.errors.map(reasonOf).join('; ')
    : error instanceof Error
      ? error.message
      : String(error);

export const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
