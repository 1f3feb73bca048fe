/** The status of a pod all of whose containers run. Pure. */
import type { Condition, Pod, PodStatus } from '@timonel/sdk/kube';

const conditionTypes = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'];

/** An address of 10.128.0.0/9 by the pod's uid: stable, not promised to be unique. */
function fakeAddress(uid: string): string {
  let hash = 0;
  for (const char of uid) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return `10.${128 + ((hash >>> 16) & 127)}.${(hash >>> 8) & 255}.${hash & 255}`;
}

export function runningStatus(pod: Pod, now: string): PodStatus {
  const { uid = '', generation } = pod.metadata;
  const before = pod.status?.conditions ?? [];
  const own = conditionTypes.map((type): Condition => ({
    type,
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: now,
  }));
  const podIP = fakeAddress(uid);
  return {
    ...pod.status,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase: 'Running',
    conditions: [...own, ...before.filter(({ type }) => !conditionTypes.includes(type))],
    podIP,
    podIPs: [{ ip: podIP }],
    startTime: pod.status?.startTime ?? now,
    containerStatuses: pod.spec.containers.map(({ name, image }) => ({
      name,
      state: { running: { startedAt: now } },
      lastState: {},
      ready: true,
      started: true,
      restartCount: 0,
      image: image ?? '',
      imageID: '',
      containerID: `fake://${uid}/${name}`,
    })),
  };
}
