/** What `kubectl describe` shows of a container that waits for its next try. */
import type { PodContainerStatus, PodStatus } from '@timonel/sdk/kube';

const backOffReasons = new Set(['CrashLoopBackOff', 'ImagePullBackOff']);

function containersOf(status: PodStatus | undefined): readonly PodContainerStatus[] {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
}

/** Messages of containers that began to back off between two states. */
export function newBackOffs(before: PodStatus | undefined, after: PodStatus): readonly string[] {
  const known = new Map(containersOf(before).map((status) => [status.name, status.state.waiting?.reason]));
  return containersOf(after).flatMap(({ name, image, state }) => {
    const reason = state.waiting?.reason ?? '';
    if (!backOffReasons.has(reason) || known.get(name) === reason) return [];
    return reason === 'ImagePullBackOff'
      ? [`Back-off pulling image "${image}"`]
      : [`Back-off restarting failed container ${name}`];
  });
}
