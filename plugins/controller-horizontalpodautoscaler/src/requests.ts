/** What pods request of a resource. */
import { milliQuantity, type Container, type Pod, type ResourceRequirements } from '@timonel/sdk/kube';
import { isRefusal, type Refusal } from './metric-problem.ts';

const requestOf = (resources: ResourceRequirements | undefined, resource: string): number | undefined => {
  const text = resources?.requests?.[resource];
  return text === undefined ? undefined : milliQuantity(text);
};

/** Containers that run as long as the pod does. */
function lasting({ spec }: Pod): Container[] {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...spec.containers, ...sidecars];
}

/** In thousandths; of one container when it is named. */
function podRequest(pod: Pod, resource: string, container: string | undefined): number | Refusal {
  const ofPod = requestOf(pod.spec['resources'] as ResourceRequirements | undefined, resource);
  if (ofPod !== undefined && container === undefined) return ofPod;
  let milli = 0;
  for (const { name, resources } of lasting(pod)) {
    if (container !== undefined && name !== container) continue;
    const own = requestOf(resources, resource);
    if (own === undefined)
      return { refusal: `missing request for ${resource} in container ${name} of Pod ${pod.metadata.name ?? ''}` };
    milli += own;
  }
  return milli;
}

/** By the name of the pod. Every pod must have a request. */
export function podRequests(
  pods: readonly Pod[],
  resource: string,
  container: string | undefined,
): ReadonlyMap<string, number> | Refusal {
  const requests = new Map<string, number>();
  for (const pod of pods) {
    const request = podRequest(pod, resource, container);
    if (typeof request === 'object' && isRefusal(request)) return request;
    requests.set(pod.metadata.name ?? '', request);
  }
  return requests;
}
