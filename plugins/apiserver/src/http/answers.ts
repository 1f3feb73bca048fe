/** Sends answers: bytes that exist already, objects, and errors as metav1.Status. */
import { stringify } from 'yaml';
import type { Logger } from '@timonel/sdk';
import type { Status } from '@timonel/sdk/kube';
import { asApiError } from '../registry/api-errors.ts';
import type { Exchange } from './exchange.ts';

export function sendBytes(ctx: Exchange, status: number, bytes: Buffer | string): void {
  ctx.status = status;
  ctx.set('content-type', 'application/json');
  ctx.set('cache-control', 'no-cache, private');
  ctx.body = bytes;
}

/** Bytes that are made while they are sent: as fast as the client takes them. */
export interface Pieces {
  readonly bytes: number;
  /** To be gone through once. */
  readonly pieces: Iterable<Buffer>;
}

export function sendPieces(ctx: Exchange, status: number, pieces: Pieces): void {
  ctx.status = status;
  ctx.set('content-type', 'application/json');
  ctx.set('cache-control', 'no-cache, private');
  ctx.body = pieces;
}

export function sendObject(ctx: Exchange, status: number, object: unknown, yaml = false): void {
  if (yaml) {
    ctx.status = status;
    ctx.set('content-type', 'application/yaml');
    ctx.body = stringify(object);
  } else sendBytes(ctx, status, JSON.stringify(object));
}

/** Adds a Warning header (RFC 7234, code 299), as kubectl prints it. */
export function addWarning(ctx: Exchange, text: string): void {
  const clean = text.replaceAll(/[^\x20-\x7e]/g, '?').replaceAll(/["\\]/g, '\\$&');
  ctx.append('warning', `299 - "${clean.slice(0, 1000)}"`);
}

/** Whatever was thrown as Status. Faults of the server are logged; refusals are not. */
export function sendError(ctx: Exchange, error: unknown, log: Logger): void {
  const failure = asApiError(error);
  const status: Status = failure.status;
  if (status.reason === 'InternalError') {
    log.error({ method: ctx.method, path: ctx.path, error: failure.cause ?? failure }, failure.message);
  }
  if (status.details?.retryAfterSeconds !== undefined) ctx.set('retry-after', String(status.details.retryAfterSeconds));
  // What is left of a body that was refused would be taken for the next request.
  if (!ctx.req.complete) ctx.set('connection', 'close');
  sendBytes(ctx, status.code ?? 500, JSON.stringify(status));
}
