/** The refusal of a request, in the words of Kubernetes. */
import type { AccessAttributes } from '@timonel/sdk/contracts/api-server';
import { ApiError } from '@timonel/sdk/kube';

function wish(attributes: AccessAttributes): string {
  const { user, verb, group, resource, subresource, namespace, path } = attributes;
  const subject = `User ${JSON.stringify(user.username)} cannot ${verb}`;
  if (path !== undefined) return `${subject} path ${JSON.stringify(path)}`;
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  return `${subject} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)} ${where}`;
}

export function forbidden(attributes: AccessAttributes, reason: string): ApiError {
  const { group, resource, name, path } = attributes;
  const text = reason === '' ? wish(attributes) : `${wish(attributes)}: ${reason}`;
  if (path !== undefined) return new ApiError('Forbidden', `forbidden: ${text}`, {});
  const qualified = group === '' ? resource : `${resource}.${group}`;
  const what = name === '' ? qualified : `${qualified} ${JSON.stringify(name)}`;
  return new ApiError('Forbidden', `${what} is forbidden: ${text}`, {
    ...(name === '' ? {} : { name }),
    ...(group === '' ? {} : { group }),
    kind: resource,
  });
}
