import { parseQuantity, type Container, type PodSpec } from '@timonel/sdk/kube';
import { fieldOf, objectItems, objectOf } from '../validation/loose.ts';

const counted = ['cpu', 'memory'] as const;

function amount(container: Container, part: 'limits' | 'requests', resource: string): number {
  const value = fieldOf(fieldOf(container.resources, part), resource);
  return typeof value === 'string' || typeof value === 'number' ? (parseQuantity(value) ?? 0) : 0;
}

/** Quality of service class of a pod: what may be taken from it first when a node runs out. */
export function qosClass(podSpec: PodSpec | undefined): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const spec = objectOf(podSpec);
  const containers = [...objectItems(spec.initContainers), ...objectItems(spec.containers)];
  let any = false;
  let guaranteed = containers.length > 0;
  for (const container of containers) {
    for (const resource of counted) {
      const limit = amount(container, 'limits', resource);
      const request = amount(container, 'requests', resource);
      if (limit > 0 || request > 0) any = true;
      if (limit === 0 || (request !== 0 && request !== limit)) guaranteed = false;
    }
  }
  if (!any) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
