/** What a container was made with, as its status tells. Pure. */
import type { ContainerStatus } from '@timonel/sdk/contracts/runtime';
import type { Container, PodContainerStatus, VolumeMountStatus } from '@timonel/sdk/kube';
import { runtimeIdOf, stopSignalOf } from '../plan/containers.ts';
import { labelKeys } from '../plan/identity.ts';
import type { PodView } from '../plan/view.ts';

type Traits = Pick<PodContainerStatus, 'volumeMounts' | 'user' | 'stopSignal'>;

/** `reported`: what the API knows of the container's tries. */
export function traitsOf(
  { memory }: PodView,
  container: Container,
  shown: ContainerStatus | undefined,
  reported: PodContainerStatus | undefined,
): Traits {
  if (shown === undefined) return {};
  const mounts = mountsOf(container, shown);
  const same = reported?.containerID === runtimeIdOf(shown.id) ? reported : undefined;
  const own = memory.users.get(shown.id);
  // Another agent may have seen it start.
  const user = own === undefined ? same?.user : { linux: own };
  const stopSignal = stopSignalOf(container);
  return {
    ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
    ...(user === undefined ? {} : { user }),
    ...(stopSignal === undefined ? {} : { stopSignal }),
  };
}

function mountsOf({ volumeMounts = [] }: Container, { labels }: ContainerStatus): VolumeMountStatus[] {
  return volumeMounts.map(({ name, mountPath, readOnly, recursiveReadOnly }) => {
    if (readOnly !== true) return { name, mountPath };
    const asked = recursiveReadOnly === 'Enabled' || recursiveReadOnly === 'IfPossible';
    const isRecursive = asked && labels[labelKeys.recursiveReadOnly] === 'true';
    return { name, mountPath, readOnly, recursiveReadOnly: isRecursive ? 'Enabled' : 'Disabled' };
  });
}
