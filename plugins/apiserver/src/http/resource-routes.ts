/** Chooses the verb for a request to a resource. */
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import { connectionHandlerOf, handleConnection } from '../connect/handle-connection.ts';
import type { Kind, KindTable } from '../kinds/kind-table.ts';
import { badRequest, methodNotAllowed, unknownResource } from '../registry/api-errors.ts';
import { callSubresource } from '../registry/subresource-call.ts';
import type { Exchange } from './exchange.ts';
import { targetOf, type ApiParts, type ApiRequest } from './api-request.ts';
import { sendPluginAnswer } from './plugin-answer.ts';
import type { Health } from './health.ts';
import { isDryRun } from './query.ts';
import { readBody } from './read-body.ts';
import { get, listOrWatch } from './read-verbs.ts';
import type { ResourcePath } from './resource-path.ts';
import { checkVerb, postToSubresource, readListed } from './unstored-kinds.ts';
import { create, getScale, patch, patchScale, remove, removeCollection, update, updateScale } from './write-verbs.ts';

async function onCollection(request: ApiRequest): Promise<void> {
  switch (request.ctx.method) {
    case 'GET':
    case 'HEAD':
      return listOrWatch(request);
    case 'POST':
      if (request.kind.definition.namespaced && request.namespace === undefined) throw methodNotAllowed();
      return create(request);
    case 'DELETE':
      if (request.kind.definition.namespaced && request.namespace === undefined) throw methodNotAllowed();
      checkVerb('deletecollection', request.kind);
      return removeCollection(request);
    default:
      throw methodNotAllowed();
  }
}

async function onObject(request: ApiRequest): Promise<void> {
  switch (request.ctx.method) {
    case 'GET':
    case 'HEAD':
      return request.query.get('watch') === 'true' ? listOrWatch(request) : get(request);
    case 'PUT':
      return update(request, '');
    case 'PATCH':
      return patch(request, '');
    case 'DELETE':
      return remove(request);
    default:
      throw methodNotAllowed();
  }
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
  const { ctx, parts, query, subresource } = request;
  const { value } = await readBody(ctx.req, parts.config.limits.bodyBytes);
  const response = await callSubresource(parts.registry, targetOf(request, isDryRun(query)), {
    subresource,
    method: ctx.method === 'HEAD' ? 'GET' : ctx.method,
    query,
    body: value,
    signal: clientSignal(ctx),
  });
  await sendPluginAnswer(ctx, response);
}

/** Whether a subresource reads and writes a part of the object. */
function hasPart({ definition }: Kind, subresource: string): boolean {
  if (subresource === 'status') return definition.status;
  return definition.parts !== undefined && Object.hasOwn(definition.parts, subresource);
}

/** False: no kind is served there. */
export async function handleResource(
  ctx: Exchange,
  path: ResourcePath,
  parts: ApiParts & { readonly kinds: KindTable; readonly health: Health },
  user: UserInfo,
): Promise<boolean> {
  const kind = parts.kinds.find(path.group, path.version, path.resource);
  if (kind === undefined) return false;
  const { namespaced, subresources, scale } = kind.definition;
  const { namespace, name, subresource } = path;
  if (!namespaced && namespace !== undefined) throw unknownResource();
  if (namespaced && namespace === undefined && name !== undefined) throw unknownResource();
  const query = new URLSearchParams(ctx.querystring);
  const request: ApiRequest = { ctx, parts, query, kind, namespace, name, subresource, user };
  const connection = connectionHandlerOf(request);
  const { postsTo } = kind.definition;
  const onlyCreated = kind.definition.answer !== undefined || postsTo !== undefined;
  if (onlyCreated && (name !== undefined || ctx.method !== 'POST')) throw methodNotAllowed();
  if (kind.definition.listed !== undefined) await readListed(request, parts.health);
  else if (postsTo !== undefined && namespaced && namespace === undefined) throw methodNotAllowed();
  else if (postsTo !== undefined) await postToSubresource(request, parts.kinds, clientSignal(ctx));
  else if (name === undefined) await onCollection(request);
  else if (name.length > 253) throw badRequest('the name in the URL is too long');
  else if (subresource === '') await onObject(request);
  else if (connection !== undefined) await handleConnection(request, connection, path.tail, clientSignal(ctx));
  else if (Object.hasOwn(subresources, subresource)) await onOwnSubresource(request);
  else if (hasPart(kind, subresource)) await onPart(request);
  else if (subresource === 'scale' && scale !== undefined) await onScale(request);
  else throw unknownResource();
  return true;
}
