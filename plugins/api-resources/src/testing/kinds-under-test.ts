import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import type { KubeObject } from '@timonel/sdk/kube';
import { builtInKinds } from '../registry.ts';

/** The built-in kinds without any node, for tests. */
export const kinds: readonly ResourceDefinition[] = builtInKinds({
  nodes: () => [],
  resolvers: () => [],
  tokens: () => undefined,
  env: { clock: { timestamp: () => '2026-01-01T00:00:00Z' } } as never,
});

export function kindOf(resource: string): ResourceDefinition {
  const kind = kinds.find((one) => one.resource === resource);
  if (kind === undefined) throw new Error(`no kind serves ${resource}`);
  return kind;
}

export function defaulted(resource: string, object: object): KubeObject {
  const copy = { metadata: { name: 'x', namespace: 'default' }, ...structuredClone(object) } as KubeObject;
  kindOf(resource).strategy.default?.(copy);
  return copy;
}

/** What the API server does to a new object before it is stored. It must be valid. */
export function created(resource: string, object: object): KubeObject {
  const { strategy } = kindOf(resource);
  const copy = { metadata: { name: 'x' }, ...structuredClone(object) } as KubeObject;
  strategy.default?.(copy);
  strategy.prepareForCreate?.(copy, { user: { username: 'ada', uid: '', groups: ['dev'], extra: {} } });
  const found = (strategy.validate?.(copy) ?? []).map(({ field, message }) => `${field}: ${message}`);
  if (found.length > 0) throw new Error(`${resource}: ${found.join(', ')}`);
  return copy;
}

/** Findings as kubectl prints them. */
export function findings(resource: string, object: object): string[] {
  const found = kindOf(resource).strategy.validate?.(defaulted(resource, object)) ?? [];
  return found.map((finding) => `${finding.field}: ${finding.message}`);
}

export function updateFindings(resource: string, object: object, old: object): string[] {
  const { strategy } = kindOf(resource);
  const before = defaulted(resource, old);
  const after = defaulted(resource, object);
  strategy.prepareForUpdate?.(after, before);
  return (strategy.validateUpdate?.(after, before) ?? []).map((finding) => `${finding.field}: ${finding.message}`);
}
