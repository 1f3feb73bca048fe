/** Chooses the verb for a request to a resource. */
import type { AccessAttributes, SubresourceResponse } from '@timonel/sdk/contracts/api-server';
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import { bytesOverWebSocket, bytesProtocol } from '../connect/bytes-over-web-socket.ts';
import { connectionHandlerOf, handleConnection } from '../connect/handle-connection.ts';
import { upgradeOf } from '../connect/upgrade.ts';
import type { Kind, KindTable } from '../kinds/kind-table.ts';
import { isStored, serves } from '../kinds/served-verbs.ts';
import { badRequest, methodNotAllowed, unknownResource } from '../registry/api-errors.ts';
import { callSubresource } from '../registry/subresource-call.ts';
import type { UnstoredReader } from '../registry/unstored-reader.ts';
import { resourceAttributes } from './access-attributes.ts';
import type { Exchange } from './exchange.ts';
import { targetOf, type ApiParts, type ApiRequest } from './api-request.ts';
import { sendPluginAnswer } from './plugin-answer.ts';
import { booleanOf, isDryRun } from './query.ts';
import { readBody } from './read-body.ts';
import { get, list, watch } from './read-verbs.ts';
import type { ResourcePath } from './resource-path.ts';
import { postToSubresource, readListed } from './unstored-kinds.ts';
import { create, getScale, patch, patchScale, remove, removeCollection, update, updateScale } from './write-verbs.ts';

const nameLimit = 253;

function tooLong(): Error {
  return badRequest('the name in the URL is too long');
}

/** What each verb does with stored objects. */
const verbs = {
  create,
  delete: remove,
  deletecollection: removeCollection,
  get,
  list,
  patch: (request: ApiRequest) => patch(request, ''),
  update: (request: ApiRequest) => update(request, ''),
  watch,
};
type Verb = keyof typeof verbs;

const verbOfObject: Readonly<Record<string, Verb>> = { PUT: 'update', PATCH: 'patch', DELETE: 'delete' };
const verbOfCollection: Readonly<Record<string, Verb>> = { POST: 'create', DELETE: 'deletecollection' };

/** Undefined: the method stands for none. */
function verbOf({ ctx: { method }, name, query }: ApiRequest): Verb | undefined {
  if (method !== 'GET' && method !== 'HEAD') return (name === undefined ? verbOfCollection : verbOfObject)[method];
  if (booleanOf(query, 'watch') === true) return 'watch';
  return name === undefined ? 'list' : 'get';
}

type Parts = ApiParts & { readonly kinds: KindTable; readonly unstored: UnstoredReader };

async function onObjects(request: ApiRequest, parts: Parts): Promise<void> {
  const { kind, namespace, name, ctx } = request;
  const { definition } = kind;
  const verb = verbOf(request);
  if (verb === undefined || !serves(kind, verb)) throw methodNotAllowed();
  const wantsNamespace = verb === 'create' || verb === 'deletecollection';
  if (wantsNamespace && definition.namespaced && namespace === undefined) throw methodNotAllowed();
  if (definition.listed !== undefined) await readListed(request, parts.unstored);
  else if (definition.postsTo !== undefined) await postToSubresource(request, parts.kinds, clientSignal(ctx));
  else if (name !== undefined && name.length > nameLimit) throw tooLong();
  else await verbs[verb](request);
}

async function onPart(request: ApiRequest): Promise<void> {
  switch (request.ctx.method) {
    case 'GET':
      return get(request);
    case 'PUT':
      return update(request, request.subresource);
    case 'PATCH':
      return patch(request, request.subresource);
    default:
      throw methodNotAllowed();
  }
}

async function onScale(request: ApiRequest): Promise<void> {
  switch (request.ctx.method) {
    case 'GET':
      return getScale(request);
    case 'PUT':
      return updateScale(request);
    case 'PATCH':
      return patchScale(request);
    default:
      throw methodNotAllowed();
  }
}

/** Aborted when the client goes away before the answer is complete. */
export function clientSignal(ctx: Exchange): AbortSignal {
  const controller = new AbortController();
  ctx.res.once('close', () => controller.abort());
  return controller.signal;
}

async function onOwnSubresource(request: ApiRequest): Promise<void> {
  const { ctx } = request;
  if (upgradeOf(ctx.req) === 'websocket') return onSocketOfSubresource(request);
  await sendPluginAnswer(ctx, await answerOfSubresource(request));
}

/** What is a stream comes by WebSocket to clients that ask for it. */
async function onSocketOfSubresource(request: ApiRequest): Promise<void> {
  const { ctx, parts } = request;
  const { connections } = parts;
  const protocol = bytesProtocol({ request: ctx.req });
  const leave = connections.enter();
  try {
    const answer = await answerOfSubresource(request);
    if (answer.kind === 'stream') {
      bytesOverWebSocket({ request: ctx.req, response: ctx.res, connections, leave }, protocol, answer.stream);
      ctx.respond = false;
      return;
    }
    await sendPluginAnswer(ctx, answer);
  } catch (error) {
    leave();
    throw error;
  }
  leave();
}

async function answerOfSubresource(request: ApiRequest): Promise<SubresourceResponse> {
  const { ctx, parts, query, subresource } = request;
  const { value } = await readBody(ctx, parts.config.limits.bodyBytes);
  return callSubresource(parts.registry, targetOf(request, isDryRun(query)), {
    subresource,
    method: ctx.method === 'HEAD' ? 'GET' : ctx.method,
    query,
    body: value,
    signal: clientSignal(ctx),
  });
}

/** Whether a subresource reads and writes a part of the object. */
function hasPart({ definition }: Kind, subresource: string): boolean {
  if (subresource === 'status') return definition.status;
  return definition.parts !== undefined && Object.hasOwn(definition.parts, subresource);
}

async function onSubresource(request: ApiRequest, tail: string): Promise<void> {
  const { ctx, kind, name = '', subresource } = request;
  const { subresources, scale } = kind.definition;
  if (!isStored(kind)) throw unknownResource();
  if (name.length > nameLimit) throw tooLong();
  const connection = connectionHandlerOf(request);
  if (connection !== undefined) await handleConnection(request, connection, tail, clientSignal(ctx));
  else if (Object.hasOwn(subresources, subresource)) await onOwnSubresource(request);
  else if (hasPart(kind, subresource)) await onPart(request);
  else if (subresource === 'scale' && scale !== undefined) await onScale(request);
  else throw unknownResource();
}

/** False: no kind is served there. */
export async function handleResource(
  ctx: Exchange,
  path: ResourcePath,
  parts: Parts,
  user: UserInfo,
): Promise<boolean> {
  const kind = parts.kinds.find(path.group, path.version, path.resource);
  if (kind === undefined) return false;
  const { namespaced } = kind.definition;
  const { namespace, name, subresource } = path;
  if (!namespaced && namespace !== undefined) throw unknownResource();
  if (namespaced && namespace === undefined && name !== undefined) throw unknownResource();
  const query = new URLSearchParams(ctx.querystring);
  const access = (verb: string): AccessAttributes => ({ ...resourceAttributes(path, ctx, user), verb });
  const request: ApiRequest = { ctx, parts, query, kind, namespace, name, subresource, user, access };
  if (subresource === '') await onObjects(request, parts);
  else await onSubresource(request, path.tail);
  return true;
}
