/** Every code of a join that failed. */
export const joinErrorCodes = {
  ERR_JOIN_UNREACHABLE: 'no server answers there',
  ERR_JOIN_PIN: 'the server belongs to another cluster than the token',
  ERR_JOIN_CERTIFICATE: "the server's certificate does not fit its address or the time",
  ERR_JOIN_REFUSED: 'the server refuses the token or what is asked for',
  ERR_JOIN_BUSY: 'the server cannot do it at the moment',
  ERR_JOIN_ANSWER: 'the server answered something else than it should',
} as const;

/** A code of {@link joinErrorCodes}. */
export type JoinErrorCode = keyof typeof joinErrorCodes;

/** A join (or a renewal) that failed; the message says what to do. Recognise it by `code`. */
export class JoinError extends Error {
  override readonly name: string = 'JoinError';
  readonly code: JoinErrorCode;
  /** HTTP status of the refusal, where there is one. */
  readonly status: number | undefined;

  constructor(code: JoinErrorCode, message: string, options: { status?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status;
  }
}
