/** A node's own Node object: not the labels and taints by which others decide what runs on it. */
import type { AdmissionObject } from '@timonel/sdk/contracts/api-server';
import { jsonEqual } from '@timonel/sdk/controller';
import type { Node } from '@timonel/sdk/kube';
import type { NodeWrite } from './restriction.ts';

/** Labels of Kubernetes' own that nodes set themselves. */
const ownLabels: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.kubernetes.io/region',
  'failure-domain.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
]);

function isProtected(key: string): boolean {
  const [prefix = ''] = key.includes('/') ? key.split('/') : [''];
  const within = (domain: string): boolean => prefix === domain || prefix.endsWith(`.${domain}`);
  if (within('node-restriction.kubernetes.io')) return true;
  if (ownLabels.has(key) || within('kubelet.kubernetes.io') || within('node.kubernetes.io')) return false;
  return within('kubernetes.io') || within('k8s.io');
}

function changedLabels(now: Readonly<Record<string, string>>, before: Readonly<Record<string, string>>): string[] {
  return [...new Set([...Object.keys(now), ...Object.keys(before)])].filter((key) => now[key] !== before[key]);
}

export function nodeProblem({ node, object, old, context }: NodeWrite): string | undefined {
  if (context.operation === 'DELETE') return 'is not allowed to delete nodes';
  if (object.metadata.name !== node)
    return `is not allowed to modify node ${JSON.stringify(object.metadata.name ?? '')}`;
  const labels = changedLabels(object.metadata.labels ?? {}, old?.metadata.labels ?? {})
    .filter(isProtected)
    .toSorted();
  if (labels.length > 0) return `is not allowed to modify labels: ${labels.join(', ')}`;
  const taints = (one: unknown): unknown => (one as Node | undefined)?.spec?.taints ?? [];
  if (old !== undefined && !jsonEqual(taints(object), taints(old))) return 'is not allowed to modify taints';
  // An owner that is gone takes the Node along.
  const owners = (one: AdmissionObject | undefined): unknown => one?.metadata.ownerReferences ?? [];
  if (!jsonEqual(owners(object), owners(old))) return 'is not allowed to modify owner references';
  return undefined;
}
