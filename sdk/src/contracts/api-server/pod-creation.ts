import type { AdmissionContext } from './index.ts';

/** Whether a new pod is under admission. */
export function isPodCreation({ group, resource, operation, subresource }: AdmissionContext): boolean {
  return group === '' && resource === 'pods' && operation === 'CREATE' && subresource === '';
}
