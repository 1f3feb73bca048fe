/** core/v1 PodStatus from what the agent sees. Pure. */
import { timestampOf, type Pod, type PodStatus } from '@timonel/sdk/kube';
import { qosClassOf } from '../container/qos.ts';
import type { PodView } from '../plan/view.ts';
import { conditionsOf } from './conditions.ts';
import { containerStatuses, ephemeralContainerStatuses, initContainerStatuses } from './container-statuses.ts';
import { isPastDeadline, phaseOf, type Phase } from './phase.ts';

function podAddresses(view: PodView, ofNode: readonly string[]): readonly string[] {
  if (view.pod.spec.hostNetwork === true) return view.sandboxes.length > 0 ? ofNode : [];
  const attached = view.memory.attachment?.addresses;
  return attached ?? view.pod.status?.podIPs?.map(({ ip }) => ip) ?? [];
}

/** Why the pod as a whole waits or failed, when one cause is known. */
function cause(view: PodView, phase: Phase, now: number): Pick<PodStatus, 'reason' | 'message'> {
  const { rejection, ending } = view.memory;
  if (rejection !== undefined) return { reason: rejection.reason, message: `Pod was rejected: ${rejection.message}` };
  if (ending !== undefined && !isOver(view.pod)) return { reason: ending.reason, message: ending.message };
  if (isPastDeadline(view, now) && phase === 'Failed') {
    return { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' };
  }
  const { reason, message } = view.pod.status ?? {};
  const finished = view.pod.status?.phase === 'Failed';
  return finished ? { ...(reason && { reason }), ...(message && { message }) } : {};
}

/** As the API knows it: what came later does not change why. */
function isOver({ status }: Pod): boolean {
  return status?.phase === 'Failed' || status?.phase === 'Succeeded';
}

/** Nothing was ever made for it here: there are no containers to tell of. */
function wasRejected({ pod, memory, containers, sandboxes }: PodView): boolean {
  if (memory.rejection !== undefined) return true;
  const untouched = containers.length === 0 && sandboxes.length === 0 && memory.finished.size === 0;
  return untouched && pod.status?.phase === 'Failed' && (pod.status.containerStatuses ?? []).length === 0;
}

/** `nodeAddress6`: where pods have addresses of both families. */
export function podStatus(view: PodView, nodeAddress: string, now: number, nodeAddress6?: string): PodStatus {
  const ofNode = nodeAddress6 === undefined ? [nodeAddress] : [nodeAddress, nodeAddress6];
  const statuses = containerStatuses(view, now);
  const inits = initContainerStatuses(view, now);
  const ephemeral = ephemeralContainerStatuses(view, now);
  const phase = phaseOf(view, statuses, now);
  const addresses = podAddresses(view, ofNode);
  const { status, metadata } = view.pod;
  const isUntouched = wasRejected(view);
  return {
    ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
    phase,
    conditions: conditionsOf(view, statuses, inits, phase, now),
    ...cause(view, phase, now),
    hostIP: nodeAddress,
    hostIPs: ofNode.map((ip) => ({ ip })),
    ...(addresses.length === 0 ? {} : { podIP: addresses[0] ?? '', podIPs: addresses.map((ip) => ({ ip })) }),
    startTime: status?.startTime ?? timestampOf(now),
    ...(inits.length === 0 || isUntouched ? {} : { initContainerStatuses: inits }),
    ...(isUntouched ? {} : { containerStatuses: statuses }),
    ...(ephemeral.length === 0 || isUntouched ? {} : { ephemeralContainerStatuses: ephemeral }),
    qosClass: status?.qosClass ?? qosClassOf(view.pod),
  };
}
