/** Requests for sessions, and for connections into pods. */
import type { PodAttachOptions, PodExecOptions, PodReference } from '@timonel/sdk/contracts/node';
import { ApiError } from '@timonel/sdk/kube';

export type SessionRequest =
  | { readonly kind: 'exec'; readonly pod: PodReference; readonly options: PodExecOptions }
  | { readonly kind: 'attach'; readonly pod: PodReference; readonly options: PodAttachOptions }
  | { readonly kind: 'port'; readonly pod: PodReference; readonly port: number };

function refuse(message: string): ApiError {
  return new ApiError('BadRequest', message);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}

function uidOf(query: URLSearchParams): string {
  const uid = query.get('uid') ?? '';
  if (uid === '') throw refuse('uid: the UID of the pod is required');
  return uid;
}

function portOf(query: URLSearchParams): number {
  const text = query.get('port') ?? '';
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) throw refuse('port: a number from 1 to 65535 is required');
  return port;
}

/** Undefined: another path. @throws ApiError BadRequest */
export function sessionRequest(url: URL): SessionRequest | undefined {
  const [, root, ...rest] = url.pathname.split('/');
  if (root !== 'exec' && root !== 'attach' && root !== 'portForward') return undefined;
  const wanted = root === 'portForward' ? 2 : 3;
  const [namespace = '', name = '', container = '', ...more] = rest.map(decoded);
  const parts = [namespace, name, container].slice(0, wanted);
  if (parts.includes('') || more.length > 0 || rest.length !== wanted)
    throw refuse(`the path must be /${root}/NAMESPACE/POD${wanted === 3 ? '/CONTAINER' : ''}`);
  const query = url.searchParams;
  const pod = { namespace, name, uid: uidOf(query) };
  if (root === 'portForward') return { kind: 'port', pod, port: portOf(query) };
  const options = { container, stdin: query.get('stdin') === 'true', tty: query.get('tty') === 'true' };
  if (root === 'attach') return { kind: 'attach', pod, options };
  const command = query.getAll('command');
  if (command.length === 0) throw refuse('command: at least one is required');
  return { kind: 'exec', pod, options: { ...options, command } };
}
