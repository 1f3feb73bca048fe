/** A request as webhooks get it and as expressions read it: `request` of an AdmissionReview. */
import type { AdmissionContext, AdmissionObject } from '../contracts/api-server/index.ts';

const optionKinds: Readonly<Record<string, string>> = {
  CREATE: 'CreateOptions',
  UPDATE: 'UpdateOptions',
  DELETE: 'DeleteOptions',
};

function kindOf(object: AdmissionObject, { group, version, kind, subresource }: AdmissionContext): unknown {
  if (subresource === '' || object.kind === undefined || object.apiVersion === undefined)
    return { group, version, kind };
  const [first = '', second] = object.apiVersion.split('/');
  return second === undefined
    ? { group: '', version: first, kind: object.kind }
    : { group: first, version: second, kind: object.kind };
}

/** A Namespace is in itself. */
export function namespaceOf({ group, resource, name, namespace }: AdmissionContext): string | undefined {
  return (group === '' && resource === 'namespaces' ? name : namespace) || undefined;
}

/** Everything but the objects. */
export function requestAttributes(
  object: AdmissionObject,
  context: AdmissionContext,
  uid: string,
): Readonly<Record<string, unknown>> {
  const { group, version, resource, subresource, name, operation, user, dryRun, asked = context } = context;
  const kind = kindOf(object, context);
  const part = subresource === '' ? {} : { subResource: subresource, requestSubResource: subresource };
  const options = optionKinds[operation];
  const namespace = namespaceOf(context);
  return {
    uid,
    kind,
    resource: { group, version, resource },
    requestKind:
      asked === context || subresource !== '' ? kind : { group: asked.group, version: asked.version, kind: asked.kind },
    requestResource: { group: asked.group, version: asked.version, resource: asked.resource },
    ...part,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    operation,
    userInfo: { username: user.username, uid: user.uid, groups: user.groups, extra: user.extra },
    dryRun,
    options:
      options === undefined
        ? null
        : { kind: options, apiVersion: 'meta.k8s.io/v1', ...(dryRun ? { dryRun: ['All'] } : {}) },
  };
}

/** The objects of a request, as they stand in a review. */
export function requestObjects(
  object: AdmissionObject,
  { operation, oldObject }: AdmissionContext,
): { readonly object: unknown; readonly oldObject: unknown } {
  return { object: operation === 'DELETE' ? null : object, oldObject: oldObject ?? null };
}
