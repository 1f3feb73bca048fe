/** Requests to subresources that are connections: admission, the plugin's code, then the protocol the client speaks. */
import type { Connection, ConnectionHandler } from '@timonel/sdk/contracts/api-server';
import type { KubeObject } from '@timonel/sdk/kube';
import { notesOf, type ApiRequest } from '../http/api-request.ts';
import { badRequest, methodNotAllowed } from '../registry/api-errors.ts';
import type { ConnectionCall } from './connection-call.ts';
import type { Connections } from './connections.ts';
import { proxyHttp } from './http-proxy.ts';
import { portsOverSpdy, portsOverWebSocket } from './serve-ports.ts';
import { sessionOverSpdy, sessionOverWebSocket } from './serve-session.ts';
import { noneOf } from './session-protocols.ts';
import { upgradeOf } from './upgrade.ts';

export function connectionHandlerOf({ kind, subresource }: ApiRequest): ConnectionHandler | undefined {
  const { connections } = kind.definition;
  return connections !== undefined && Object.hasOwn(connections, subresource) ? connections[subresource] : undefined;
}

/** `tail`: what follows the subresource in the path, as it was sent. */
export async function handleConnection(
  request: ApiRequest,
  handler: ConnectionHandler,
  tail: string,
  signal: AbortSignal,
): Promise<void> {
  const { ctx, parts } = request;
  const { connections } = parts;
  if (handler.proxy !== true) {
    if (tail !== '' && tail !== '/') throw badRequest('nothing is served below this path');
    if (ctx.method !== 'GET' && ctx.method !== 'POST') throw methodNotAllowed();
    if (upgradeOf(ctx.req) === undefined) throw badRequest('Upgrade request required');
    // Browsers can open WebSockets by GET only: who may read must not be able to run anything for that.
    if (ctx.method === 'GET') await parts.registry.access.enforce(request.access('create'));
  }
  const leave = connections.enter();
  try {
    const connection = await connectionOf(request, handler, connections, signal);
    const call: ConnectionCall = { request: ctx.req, response: ctx.res, connections, leave };
    await serve(call, connection, request, tail);
    ctx.respond = false;
  } catch (error) {
    leave();
    throw error;
  }
}

async function connectionOf(
  request: ApiRequest,
  handler: ConnectionHandler,
  { api }: Connections,
  signal: AbortSignal,
): Promise<Connection> {
  const { kind, namespace, name = '', query, user, subresource } = request;
  const { registry } = request.parts;
  const options = handler.options?.(query) ?? {};
  const subject = { apiVersion: 'v1', kind: handler.kind, metadata: {}, ...options } as KubeObject;
  const operation = 'CONNECT';
  const circumstances = {
    kind,
    namespace,
    name,
    user,
    dryRun: false,
    operation,
    subresource,
    oldObject: undefined,
    notes: notesOf(request),
  } as const;
  await registry.admission.validate(subject, circumstances);
  return handler.connect(
    { name, namespace, query, user, signal },
    { get: async () => (await registry.reader.get(kind, namespace, name)).object, api },
  );
}

async function serve(call: ConnectionCall, connection: Connection, request: ApiRequest, tail: string): Promise<void> {
  if (connection.kind === 'http') {
    const { path, querystring } = request.ctx;
    const root = tail === '' ? path : path.slice(0, -tail.length);
    return proxyHttp(call, connection, { root, tail, search: querystring === '' ? '' : `?${querystring}` });
  }
  const upgrade = upgradeOf(call.request);
  const webSocket = upgrade === 'websocket';
  if (!webSocket && upgrade !== 'spdy/3.1') throw noneOf([upgrade ?? ''], ['websocket', 'SPDY/3.1']);
  if (connection.kind === 'session') {
    return webSocket ? sessionOverWebSocket(call, connection) : sessionOverSpdy(call, connection);
  }
  return webSocket ? portsOverWebSocket(call, connection) : portsOverSpdy(call, connection);
}
