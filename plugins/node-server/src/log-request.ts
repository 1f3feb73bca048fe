/** Requests for logs: `/containerLogs/<namespace>/<pod>/<container>?uid=…&follow=true&…`. */
import type { LogOptions } from '@timonel/sdk/contracts/node';
import { ApiError } from '@timonel/sdk/kube';

export interface LogRequest {
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly options: LogOptions;
}

function refuse(message: string): ApiError {
  return new ApiError('BadRequest', message);
}

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw refuse(`${name}: "${text.slice(0, 64)}" is not a whole number`);
  return Number(text);
}

function streamOf(query: URLSearchParams): Pick<LogOptions, 'stream'> {
  const stream = query.get('stream');
  if (stream === null || stream === 'All') return {};
  if (stream === 'Stdout' || stream === 'Stderr') return { stream };
  throw refuse(`stream: "${stream.slice(0, 64)}" is none of All, Stdout, Stderr`);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}

/** Undefined: another path. @throws ApiError BadRequest */
export function logRequest(url: URL, signal: AbortSignal): LogRequest | undefined {
  const [, root, ...rest] = url.pathname.split('/');
  if (root !== 'containerLogs') return undefined;
  const [namespace = '', name = '', container = '', ...more] = rest.map(decoded);
  if (namespace === '' || name === '' || container === '' || more.length > 0)
    throw refuse('the path must be /containerLogs/NAMESPACE/POD/CONTAINER');
  const query = url.searchParams;
  const uid = query.get('uid') ?? '';
  if (uid === '') throw refuse('uid: the UID of the pod is required');
  return {
    pod: { namespace, name, uid },
    options: {
      container,
      follow: query.get('follow') === 'true',
      previous: query.get('previous') === 'true',
      timestamps: query.get('timestamps') === 'true',
      ...streamOf(query),
      tailLines: numberOf(query, 'tailLines'),
      limitBytes: numberOf(query, 'limitBytes'),
      sinceSeconds: numberOf(query, 'sinceSeconds'),
      sinceTime: query.get('sinceTime') ?? undefined,
      signal,
    },
  };
}
