/** Statuses of gRPC (grpc.io, "Status codes") that the plugin tells apart. */
export const rpcStatus = {
  ok: 0,
  cancelled: 1,
  deadlineExceeded: 4,
  resourceExhausted: 8,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
} as const;

/** A call that failed. Recognise it by `name`. */
export class RpcError extends Error {
  override readonly name: string = 'RpcError';
  readonly status: number;
  /** False: the request cannot have reached a server, so it may be sent again whatever it does. */
  readonly sent: boolean;

  constructor(status: number, message: string, options: { sent?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = status;
    this.sent = options.sent ?? true;
  }
}

export function isRpcError(error: unknown): error is RpcError {
  return typeof error === 'object' && error !== null && (error as { name?: unknown }).name === 'RpcError';
}
