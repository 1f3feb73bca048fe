/** What the API tells of containers that the runtime no longer knows: after a reboot, or when somebody removed them. Pure. */
import type { ContainerStatus } from '@timonel/sdk/contracts/runtime';
import type { Pod, PodContainerStatus } from '@timonel/sdk/kube';
import { rfc3339Ms } from '../times.ts';
import { reportedStatuses, runtimeIdOf } from './containers.ts';

const lostExitCode = 137;

function recalled(reported: PodContainerStatus, now: number): ContainerStatus {
  const { state, lastState } = reported;
  const terminated = state.terminated ?? (state.running === undefined ? lastState?.terminated : undefined);
  const startedAt = terminated?.startedAt ?? state.running?.startedAt;
  const finishedAt = terminated?.finishedAt === undefined ? now : rfc3339Ms(terminated.finishedAt);
  return {
    id: (reported.containerID ?? '').slice(runtimeIdOf('').length),
    sandboxId: '',
    name: reported.name,
    attempt: reported.restartCount,
    state: 'exited',
    imageId: reported.imageID,
    imageReference: reported.image,
    pid: undefined,
    createdAt: 0,
    startedAt: startedAt === undefined ? 0 : rfc3339Ms(startedAt),
    finishedAt: Number.isNaN(finishedAt) ? now : finishedAt,
    exitCode: terminated?.exitCode ?? lostExitCode,
    signal: terminated?.signal,
    reason: terminated?.reason ?? 'ContainerStatusUnknown',
    message:
      terminated?.message ?? (terminated ? '' : 'The container could not be located when the node agent started'),
    logPath: '',
    labels: {},
  };
}

/** The last tries of containers that the pod's status names and the runtime does not. */
export function recallLost(pod: Pod, known: readonly ContainerStatus[], now: number): ContainerStatus[] {
  const lost = reportedStatuses(pod).filter(
    (entry) => entry.containerID !== undefined && !known.some(({ name }) => name === entry.name),
  );
  return lost.map((entry) => recalled(entry, now));
}
