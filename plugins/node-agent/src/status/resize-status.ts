/** Resizes as the pod's status tells them. Pure. */
import type { ContainerStatus } from '@timonel/sdk/contracts/runtime';
import type { Container, PodContainerStatus } from '@timonel/sdk/kube';
import type { PodView } from '../plan/view.ts';
import type { Finding } from './conditions.ts';

/** Only what holds: a resize that is done has no condition. */
export function resizeFindings({ memory }: PodView): Finding[] {
  const { pending, progress } = memory.resize;
  const findings: Finding[] = [];
  if (pending !== undefined) {
    const { reason, message } = pending;
    findings.push({ type: 'PodResizePending', status: 'True', reason, message });
  }
  if (progress !== undefined) {
    const { error, generation } = progress;
    findings.push({
      type: 'PodResizeInProgress',
      status: 'True',
      ...(error === undefined ? {} : { reason: 'Error', message: error }),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    });
  }
  return findings;
}

type Shown = Pick<PodContainerStatus, 'allocatedResources' | 'resources'>;

/** What the node granted, and what is in force. `container`: as it was granted. */
export function resourcesShown(
  { memory }: PodView,
  { name, resources }: Container,
  shown: ContainerStatus | undefined,
): Shown {
  if (resources === undefined || shown === undefined) return {};
  const { limits, requests } = resources;
  // A limit without a request stands for both.
  const allocatedResources = { ...limits, ...requests };
  const inForce = memory.resize.actual.get(name) ?? resources;
  return Object.keys(allocatedResources).length === 0
    ? { resources: inForce }
    : { allocatedResources, resources: inForce };
}
