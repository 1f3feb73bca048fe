/** Requests whose bodies hold secrets: whatever a policy says, their bodies are never kept. */
import type { AccessAttributes } from '@timonel/sdk/contracts/api-server';

const resources: ReadonlySet<string> = new Set([
  '/secrets',
  '/serviceaccounts/token',
  'authentication.k8s.io/tokenreviews',
]);

/** Tokens by which machines join, and what they get for them. */
const joining = '/join/';

export function hasSecretBody({ group, resource, subresource, path }: AccessAttributes): boolean {
  if (path !== undefined) return path.startsWith(joining);
  return resources.has(`${group}/${resource}`) || resources.has(`${group}/${resource}/${subresource}`);
}
