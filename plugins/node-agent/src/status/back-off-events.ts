/** What `kubectl describe` shows of a container that waits for its next try. */
import type { Pod, PodContainerStatus, PodStatus } from '@timonel/sdk/kube';
import { podText } from '../plan/pod-text.ts';

const backOffReasons = new Set(['CrashLoopBackOff', 'ImagePullBackOff']);

function containersOf(status: PodStatus | undefined): readonly PodContainerStatus[] {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
}

export interface BackOffEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** Events of containers that began to back off between two states. */
export function newBackOffs(pod: Pod, before: PodStatus | undefined, after: PodStatus): readonly BackOffEvent[] {
  const known = new Map(containersOf(before).map((status) => [status.name, status.state.waiting?.reason]));
  return containersOf(after).flatMap(({ name, image, state }): BackOffEvent[] => {
    const reason = state.waiting?.reason ?? '';
    if (!backOffReasons.has(reason) || known.get(name) === reason) return [];
    if (reason === 'ImagePullBackOff')
      return [
        { type: 'Normal', reason: 'BackOff', message: `Back-off pulling image "${image}"` },
        { type: 'Warning', reason: 'Failed', message: 'Error: ImagePullBackOff' },
      ];
    return [
      {
        type: 'Warning',
        reason: 'BackOff',
        message: `Back-off restarting failed container ${name} in pod ${podText(pod)}`,
      },
    ];
  });
}
