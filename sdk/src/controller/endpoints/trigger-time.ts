/** When the change was to be seen that a write of endpoints answers to: clients measure by it how fast changes reach them. */
import { timestampOf, type Endpoint, type EndpointSlice, type KubeObject, type Pod } from '../../kube/index.ts';
import { jsonEqual } from '../json-equal.ts';
import { findCondition } from '../status.ts';
import { timestampMs } from '../timestamps.ts';
import { endpointKey } from './pack-slices.ts';

/** The pods whose endpoints are new or other than `before`. */
export function changedPods(
  pods: readonly { readonly pod: Pod; readonly endpoint: Endpoint }[],
  before: readonly EndpointSlice[],
): readonly Pod[] {
  const known = new Map(
    before.flatMap(({ endpoints }) => endpoints ?? []).map((endpoint) => [endpointKey(endpoint), endpoint]),
  );
  return pods.filter(({ endpoint }) => !jsonEqual(known.get(endpointKey(endpoint)), endpoint)).map(({ pod }) => pod);
}

/**
 * The earliest time at which one of the pods became ready or not; for endpoints that are made for the first time not before their
 * owner. Undefined: nothing says so, as when pods have gone.
 */
export function triggerTime(pods: readonly Pod[], newOwner?: KubeObject): string | undefined {
  const times = pods.flatMap(
    (pod) => timestampMs(findCondition(pod.status?.conditions, 'Ready')?.lastTransitionTime) ?? [],
  );
  const created = timestampMs(newOwner?.metadata.creationTimestamp);
  const earliest = times.length === 0 ? created : Math.max(Math.min(...times), created ?? 0);
  return earliest === undefined ? undefined : timestampOf(earliest);
}
