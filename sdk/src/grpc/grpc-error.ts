/** The status of a call that failed, as gRPC names them. */
export type GrpcCode =
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'UNAUTHENTICATED';

/** A call failed, or is to fail when a served method throws it. Recognise it by `name`. */
export class GrpcError extends Error {
  override readonly name: string = 'GrpcError';
  readonly code: GrpcCode;

  constructor(code: GrpcCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** Undefined: it is no failure of a call. */
export function grpcCode(error: unknown): GrpcCode | undefined {
  const { name, code } = error as { name?: string; code?: GrpcCode };
  return name === 'GrpcError' ? code : undefined;
}
