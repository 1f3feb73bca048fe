import { ApiError } from '../../kube/index.ts';
import type { AdmissionContext } from './index.ts';

/** The refusal of a request by a policy, in the words of Kubernetes: `pods "web" is forbidden: …`. */
export function forbiddenBy(context: Pick<AdmissionContext, 'group' | 'resource' | 'name'>, why: string): ApiError {
  const { group, resource, name } = context;
  const qualified = group === '' ? resource : `${resource}.${group}`;
  const details = { name, ...(group === '' ? {} : { group }), kind: resource };
  return new ApiError('Forbidden', `${qualified} "${name}" is forbidden: ${why}`, details);
}

/** The refusal of a request that cannot be judged: nobody is at fault. `what`: `the limit ranges`. */
export function notReadable(what: string): ApiError {
  const message = `${what} cannot be read at the moment; please try again`;
  return new ApiError('ServiceUnavailable', message, { retryAfterSeconds: 1 });
}
