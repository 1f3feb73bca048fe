/**
 * The `continue` token of a list: the revision of the first page, and the key where the next one begins. A token whose revision
 * was compacted away is answered with one without: it goes on at the newest state, written as -1 like in Kubernetes.
 */
import { isJsonObject } from '../json/plain-json.ts';
import { badRequest } from './api-errors.ts';

export interface PageToken {
  readonly revision: number | undefined;
  readonly startKey: string;
}

const newest = -1;

export function encodePageToken(token: PageToken): string {
  return Buffer.from(JSON.stringify({ v: 1, rv: token.revision ?? newest, start: token.startKey })).toString(
    'base64url',
  );
}

/** @throws ApiError BadRequest when it is not one of ours, or points outside of `prefix`. */
export function decodePageToken(text: string, prefix: string): PageToken {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    throw badRequest('continue key is not valid');
  }
  if (!isJsonObject(value) || value['v'] !== 1) throw badRequest('continue key is not valid');
  const { rv, start } = value;
  if (
    typeof rv !== 'number' ||
    !Number.isSafeInteger(rv) ||
    (rv < 1 && rv !== newest) ||
    typeof start !== 'string' ||
    !start.startsWith(prefix)
  ) {
    throw badRequest('continue key is not valid');
  }
  return { revision: rv === newest ? undefined : rv, startKey: start };
}
