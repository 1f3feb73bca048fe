/** Requests whose bodies hold secrets: whatever a policy says, their bodies are never kept. */
import type { AccessAttributes } from '@timonel/sdk/contracts/api-server';

const resources: ReadonlySet<string> = new Set([
  '/secrets',
  '/serviceaccounts/token',
  'authentication.k8s.io/tokenreviews',
]);

export function hasSecretBody({ group, resource, subresource }: AccessAttributes): boolean {
  return resources.has(`${group}/${resource}`) || resources.has(`${group}/${resource}/${subresource}`);
}
