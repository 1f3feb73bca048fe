/** What may be used only where a quota covers it, however much that lets through. Pure. */
import { z } from 'zod';
import type { ResourceQuota, ScopeRequirement } from '@timonel/sdk/kube';
import { inScope, namesOf, requirementsOf } from '@timonel/sdk/quota';
import type { QuotaRequest } from './request.ts';

export interface LimitedResource {
  readonly apiGroup: string;
  readonly resource: string;
  /** Parts of names of quotas: `requests.nvidia.com/gpu`, `.storageclass.storage.k8s.io/`. */
  readonly matchContains: readonly string[];
  readonly matchScopes: readonly ScopeRequirement[];
}

export interface QuotaConfig {
  readonly limitedResources: readonly LimitedResource[];
}

const scope = z.strictObject({
  scopeName: z.enum([
    'Terminating',
    'NotTerminating',
    'BestEffort',
    'NotBestEffort',
    'PriorityClass',
    'CrossNamespacePodAffinity',
    'VolumeAttributesClass',
  ]),
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).default('Exists'),
  values: z.array(z.string().min(1)).max(100).default([]),
});

const limitedResource = z.strictObject({
  apiGroup: z.string().default(''),
  resource: z.string().min(1),
  matchContains: z.array(z.string().min(1)).max(100).default([]),
  matchScopes: z.array(scope).max(100).default([]),
});

export const configSchema: z.ZodType<QuotaConfig> = z.strictObject({
  limitedResources: z.array(limitedResource).max(100).default([]),
});

const textOf = ({ scopeName, operator, values = [] }: ScopeRequirement): string =>
  `{${scopeName} ${operator} [${values.join(' ')}]}`;

/** A quota covers what is limited by scope where it is in the same scope, however the two put it. */
const scopeNamesOf = (quota: ResourceQuota): ReadonlySet<string> =>
  new Set(requirementsOf(quota).map(({ scopeName }) => scopeName));

/** Why the request needs a quota that is not there; undefined: it has all it needs. */
export function uncovered(
  limited: readonly LimitedResource[],
  { context, object, evaluator, growth }: QuotaRequest,
  quotas: readonly ResourceQuota[],
): string | undefined {
  const concerned = limited.filter(
    ({ apiGroup, resource }) => apiGroup === context.group && resource === context.resource,
  );
  if (concerned.length === 0) return undefined;
  const parts = concerned.flatMap(({ matchContains }) => matchContains);
  const names = [...growth.keys()].filter((name) => parts.some((part) => name.includes(part)));
  const scopes = concerned
    .flatMap(({ matchScopes }) => matchScopes)
    .filter((one) => evaluator.hasScope?.(object, one) === true);
  const covering = quotas
    .filter((quota) => inScope(quota, evaluator, object))
    .map((quota) => ({ names: namesOf(quota.status?.hard, evaluator), scopes: scopeNamesOf(quota) }))
    .filter((quota) => quota.names.length > 0);
  const missingNames = names.filter((name) => !covering.some((quota) => quota.names.includes(name)));
  if (missingNames.length > 0) return `insufficient quota to consume: ${missingNames.toSorted().join(',')}`;
  const missingScopes = scopes.filter(({ scopeName }) => !covering.some((quota) => quota.scopes.has(scopeName)));
  if (missingScopes.length > 0)
    return `insufficient quota to match these scopes: [${missingScopes.map(textOf).join(' ')}]`;
  return undefined;
}
