/** Runs the code of a subresource on the object it hangs on. */
import type { SubresourceHandler, SubresourceResponse } from '@timonel/sdk/contracts/api-server';
import type { KubeObject } from '@timonel/sdk/kube';
import { isJsonObject } from '../json/plain-json.ts';
import { methodNotAllowed, unknownResource } from './api-errors.ts';
import type { Registry } from './registry.ts';
import type { Target } from './request.ts';

export interface SubresourceCall {
  readonly subresource: string;
  readonly method: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly signal: AbortSignal;
}

export async function callSubresource(
  registry: Registry,
  target: Target,
  call: SubresourceCall,
): Promise<SubresourceResponse> {
  const { manager: _manager, ...of } = target;
  const { kind, namespace, name, user } = target;
  const handlers: Readonly<Record<string, SubresourceHandler>> = kind.definition.subresources;
  const handler = Object.hasOwn(handlers, call.subresource) ? handlers[call.subresource] : undefined;
  if (handler === undefined) throw unknownResource();
  if (!handler.methods.some((method) => method === call.method)) throw methodNotAllowed();
  if (call.method === 'POST' && isJsonObject(call.body)) {
    const circumstances = { ...of, operation: 'CREATE', oldObject: undefined } as const;
    const subject = call.body as unknown as KubeObject;
    await registry.admission.validate(subject, { ...circumstances, subresource: call.subresource });
  }
  const { method, query, body, signal } = call;
  return handler.handle(
    { method, name, namespace, query, body, user, signal },
    {
      get: async () => (await registry.reader.get(kind, namespace, name)).object,
      update: async (change) => {
        // A POST acts on the object; only who writes a part of it owns that.
        const owner = method === 'PUT' || method === 'PATCH' ? call.subresource : undefined;
        return (await registry.writer.changeDirectly(target, change, owner)).object;
      },
      find: (type, other) => registry.find(type, other),
      list: (type, inNamespace) => registry.all(type, inNamespace),
      updateOther: (type, other, change) => registry.change(target, type, other, change),
      delete: async (options) => (await registry.delete(target, options ?? {})).object,
    },
  );
}
