/** A request that got no answer. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  /** The server may have seen the request. False: it certainly did not. */
  readonly sent: boolean;
  /** The connection was one that had been used before: the server may have closed it in between, and be well. */
  readonly stale: boolean;
  readonly timedOut: boolean;

  constructor(
    message: string,
    facts: { sent: boolean; stale?: boolean; timedOut?: boolean },
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.sent = facts.sent;
    this.stale = facts.stale ?? false;
    this.timedOut = facts.timedOut ?? false;
  }
}

export function isTransportError(error: unknown): error is TransportError {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'TransportError';
}
