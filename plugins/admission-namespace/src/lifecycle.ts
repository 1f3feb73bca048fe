/** What may happen in a namespace, and to one. */
import type { AdmissionContext } from '@timonel/sdk/contracts/api-server';
import { ApiError, type Namespace } from '@timonel/sdk/kube';

/** There at the first start. */
export const initialNamespaces: readonly string[] = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

const undeletable: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

function forbidden(
  context: AdmissionContext,
  why: string,
  causes: { reason: string; message: string; field: string }[],
): ApiError {
  const { group, resource, name } = context;
  const qualified = group === '' ? resource : `${resource}.${group}`;
  return new ApiError('Forbidden', `${qualified} "${name}" is forbidden: ${why}`, {
    name,
    ...(group === '' ? {} : { group }),
    kind: resource,
    causes,
  });
}

/** Whether the request must be looked at with its namespace. */
export function needsNamespace(context: AdmissionContext): boolean {
  return context.operation === 'CREATE' && context.subresource === '' && context.namespace !== undefined;
}

/** The refusal of a creation in that namespace; undefined when it may go on. */
export function creationRefusal(context: AdmissionContext, namespace: Namespace | undefined): ApiError | undefined {
  const name = context.namespace ?? '';
  if (namespace === undefined) {
    return new ApiError('NotFound', `namespaces "${name}" not found`, { name, kind: 'namespaces' });
  }
  if (namespace.metadata.deletionTimestamp === undefined && namespace.status?.phase !== 'Terminating') return undefined;
  const why = `unable to create new content in namespace ${name} because it is being terminated`;
  return forbidden(context, why, [
    { reason: 'NamespaceTerminating', message: `namespace ${name} is being terminated`, field: 'metadata.namespace' },
  ]);
}

/** The refusal to delete a namespace that the cluster cannot do without. */
export function deletionRefusal(context: AdmissionContext): ApiError | undefined {
  const isNamespace = context.group === '' && context.resource === 'namespaces' && context.subresource === '';
  if (context.operation !== 'DELETE' || !isNamespace || !undeletable.has(context.name)) return undefined;
  return forbidden(context, 'this namespace may not be deleted', []);
}
