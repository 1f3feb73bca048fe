/** What may go wrong with a registry, before it is told to callers as an ImageError. */
import { errorCode, errorMessage } from '@timonel/sdk';

/**
 * `unreachable`: no connection, a broken one, no answer in time. `busy`: it asks to come again (429, 5xx). `denied`: 401, 403.
 * `refused`: any other answer that is not what was asked for. `untrusted`: what it sent must not be used, now or later.
 */
export type FailureKind = 'unreachable' | 'busy' | 'denied' | 'refused' | 'untrusted';

export interface FailureDetails {
  readonly status?: number;
  /** What to do about it. */
  readonly advice?: string;
  /** How long the registry asks to wait. */
  readonly retryAfterMs?: number;
  /** A try at once may do better: the connection was an old one, or the token. */
  readonly stale?: boolean;
  /** Nothing is better a moment later. */
  readonly final?: boolean;
  readonly cause?: unknown;
}

/** Recognise it by `name`. */
export class RegistryFailure extends Error {
  override readonly name: string = 'RegistryFailure';
  readonly kind: FailureKind;
  readonly status: number | undefined;
  readonly advice: string;
  readonly retryAfterMs: number | undefined;
  readonly stale: boolean;
  readonly final: boolean;

  constructor(kind: FailureKind, message: string, details: FailureDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.status = details.status;
    this.advice = details.advice ?? '';
    this.retryAfterMs = details.retryAfterMs;
    this.stale = details.stale ?? false;
    this.final = details.final ?? false;
  }
}

export function isFailure(error: unknown): error is RegistryFailure {
  return (error as { name?: unknown } | null)?.name === 'RegistryFailure';
}

export function untrusted(message: string, advice = ''): RegistryFailure {
  return new RegistryFailure('untrusted', message, { advice });
}

/** What went wrong with a connection, in words; errors of several addresses have no message of their own. */
export function connectionProblem(error: unknown): string {
  const message = errorMessage(error);
  if (message !== '') return message;
  const [first] = (error as { errors?: readonly unknown[] }).errors ?? [];
  return first === undefined ? (errorCode(error) ?? 'unknown error') : errorMessage(first);
}

const shownLength = 300;

/** Text of a stranger, fit for a message: one line, printable, short. */
export function shown(text: string): string {
  const line = text.slice(0, 4 * shownLength).replaceAll(/[\p{C}\p{Z}]+/gu, ' ');
  return line.length > shownLength ? `${line.slice(0, shownLength)}…` : line;
}
