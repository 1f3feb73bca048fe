/** metav1.Status and the error that carries it. */

/** Reasons of a failed request, as meta/v1 `StatusReason` names them. */
export type StatusReason =
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Expired'
  | 'Invalid'
  | 'ServerTimeout'
  | 'Timeout'
  | 'TooManyRequests'
  | 'BadRequest'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'InternalError'
  | 'ServiceUnavailable';

const codes: Record<StatusReason, number> = {
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  Invalid: 422,
  ServerTimeout: 500,
  Timeout: 504,
  TooManyRequests: 429,
  BadRequest: 400,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  InternalError: 500,
  ServiceUnavailable: 503,
};

export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  /** Path of the field: `spec.containers[0].name`. */
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** The body of every failed answer of the API. */
export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code?: number;
}

/** A refused or failed API request. Recognise it by `name === 'ApiError'` and branch on `reason`. */
export class ApiError extends Error {
  override readonly name: string = 'ApiError';
  readonly status: Status;

  constructor(reason: StatusReason, message: string, details?: StatusDetails, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      ...(details === undefined ? {} : { details }),
      code: codes[reason],
    };
  }

  get reason(): string {
    return this.status.reason ?? '';
  }

  /** The HTTP status code. */
  get code(): number {
    return this.status.code ?? 500;
  }
}

/** The reason that goes with an HTTP status code, for answers that do not say it. */
export function reasonOfCode(code: number): StatusReason {
  if (code === 409) return 'Conflict';
  if (code === 410) return 'Expired';
  if (code === 502) return 'ServiceUnavailable';
  const found = Object.entries(codes).find(([, known]) => known === code && known !== 500);
  if (found !== undefined) return found[0] as StatusReason;
  return code >= 400 && code < 500 ? 'BadRequest' : 'InternalError';
}

/** The error that a Status from the wire stands for: an answer of an API server, or the object of an `ERROR` event. */
export function apiErrorOf(status: Status): ApiError {
  const reason = (status.reason === undefined || status.reason === '' ? undefined : status.reason) as
    | StatusReason
    | undefined;
  const error = new ApiError(
    reason ?? reasonOfCode(status.code ?? 500),
    status.message ?? 'the server gave no message',
    status.details,
  );
  // A reason that only newer servers know has its code with it.
  if (status.code !== undefined) Object.assign(error.status, { code: status.code });
  return error;
}

/** The reason of an API error of any origin; undefined when it is none. */
export function apiErrorReason(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('name' in error) || error.name !== 'ApiError') return undefined;
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : undefined;
}

/** True for the error of a missing object. */
export function isNotFound(error: unknown): boolean {
  return apiErrorReason(error) === 'NotFound';
}

/** True for a lost race on resourceVersion. */
export function isConflict(error: unknown): boolean {
  return apiErrorReason(error) === 'Conflict';
}

/** True when an object of that name is there already. */
export function isAlreadyExists(error: unknown): boolean {
  return apiErrorReason(error) === 'AlreadyExists';
}

/** True when a creation was refused because its namespace is being deleted. */
export function isNamespaceTerminating(error: unknown): boolean {
  if (apiErrorReason(error) !== 'Forbidden') return false;
  const { status } = error as Partial<ApiError>;
  return status?.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') === true;
}

/** One finding of a validator: the causes of a 422 are made of these. */
export interface FieldError {
  /** Path of the field: `spec.containers[0].name`. */
  readonly field: string;
  /** As apimachinery names them: `FieldValueRequired`, `FieldValueInvalid`, `FieldValueDuplicate`, `FieldValueNotSupported`, `FieldValueForbidden`, `FieldValueTooLong`, `FieldValueTypeInvalid`, `FieldValueNotFound`. */
  readonly reason: string;
  /** Without the field path: `Required value`, `Invalid value: "x": must be …`. */
  readonly message: string;
}
