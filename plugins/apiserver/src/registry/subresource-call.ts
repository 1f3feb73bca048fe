/** Runs the code of a subresource on the object it hangs on. */
import type { SubresourceHandler, SubresourceResponse } from '@timonel/sdk/contracts/api-server';
import type { KubeObject } from '@timonel/sdk/kube';
import { isJsonObject, type JsonObject } from '../json/plain-json.ts';
import { badRequest, methodNotAllowed, unknownResource } from './api-errors.ts';
import type { Registry } from './registry.ts';
import type { Target } from './request.ts';

export interface SubresourceCall {
  readonly subresource: string;
  readonly method: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly signal: AbortSignal;
}

/** The body, once admission has seen it. Whoever sends none asks for what an empty object stands for. */
async function admitted(
  registry: Registry,
  { manager: _manager, ...of }: Target,
  { method, subresource, body = {} }: SubresourceCall,
): Promise<JsonObject> {
  if (!isJsonObject(body)) throw badRequest('the body of the request must be an object');
  const metadata = isJsonObject(body['metadata']) ? body['metadata'] : {};
  const subject = { ...body, metadata } as KubeObject;
  const changes = method === 'PUT';
  const oldObject = changes ? (await registry.reader.get(of.kind, of.namespace, of.name)).object : undefined;
  const operation = changes ? 'UPDATE' : 'CREATE';
  const circumstances = { ...of, operation, oldObject, subresource } as const;
  const mutation = registry.admission.mutateCall(subject, circumstances);
  const mutated = mutation === undefined ? subject : await mutation;
  await registry.admission.validate(mutated, circumstances);
  return mutated === subject ? body : (mutated as unknown as JsonObject);
}

export async function callSubresource(
  registry: Registry,
  target: Target,
  call: SubresourceCall,
): Promise<SubresourceResponse> {
  const { kind, namespace, name, user } = target;
  const handlers: Readonly<Record<string, SubresourceHandler>> = kind.definition.subresources;
  const handler = Object.hasOwn(handlers, call.subresource) ? handlers[call.subresource] : undefined;
  if (handler === undefined) throw unknownResource();
  if (!handler.methods.some((method) => method === call.method)) throw methodNotAllowed();
  const { method, query, signal } = call;
  const body = method === 'POST' || method === 'PUT' ? await admitted(registry, target, call) : call.body;
  return handler.handle(
    { method, name, namespace, query, body, user, signal },
    {
      get: async () => (await registry.reader.get(kind, namespace, name)).object,
      update: async (change) => {
        // A POST acts on the object; only who writes a part of it owns that.
        const owner = method === 'PUT' || method === 'PATCH' ? call.subresource : undefined;
        return (await registry.writer.changeDirectly(target, change, owner)).object;
      },
      find: (type, other, freshness) => registry.find(type, other, freshness),
      list: (type, inNamespace) => registry.all(type, inNamespace),
      updateOther: (type, other, change) => registry.change(target, type, other, change),
      delete: async (options) => (await registry.delete(target, options ?? {})).object,
    },
  );
}
