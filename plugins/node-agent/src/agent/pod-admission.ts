/** Whether this node runs a pod that it has nothing of yet. */
import type { DeviceRefusal } from '@timonel/sdk/contracts/devices';
import type { Node, Pod } from '@timonel/sdk/kube';
import { kindRejection, placementRejection, type Place } from '../admission/placement.ts';
import { victimsFor } from '../admission/preemption.ts';
import { rejectionOf, type Rejection } from '../admission/rejection.ts';
import type { PodMemory } from '../plan/view.ts';
import type { AgentServices } from './services.ts';

/** Once, before anything is made for the pod. `newPod`: undefined when something was made for it, or it is over. */
export async function admit(services: AgentServices, memory: PodMemory, newPod: () => Pod | undefined): Promise<void> {
  if (memory.isAdmitted) return;
  const seen = newPod();
  const node = seen === undefined ? undefined : await services.ownNode.seenFor(seen);
  // From here on at once: who is admitted next counts with this pod.
  memory.isAdmitted = true;
  const pod = newPod();
  if (pod === undefined) return;
  memory.rejection = admission(services, pod, node) ?? (await deviceRefusal(services, memory, pod));
  if (memory.rejection === undefined) return;
  const { reason, message } = memory.rejection;
  services.event(pod, 'Warning', reason, message);
}

/** @throws Error when nobody could say: then it is asked again, and nothing is made before. */
async function deviceRefusal(services: AgentServices, memory: PodMemory, pod: Pod): Promise<DeviceRefusal | undefined> {
  try {
    return await services.devices.refusal(pod);
  } catch (error) {
    memory.isAdmitted = false;
    throw error;
  }
}

/** Answers at once, so that who is asked about next counts with this one. Undefined: it runs it. */
export function admission(services: AgentServices, pod: Pod, node: Node | undefined): Rejection | undefined {
  const { abilities, room } = services;
  const place = { node, others: room.admittedBeside(pod), allocatable: services.allocatable() };
  return services.refusal(pod) ?? rejectionOf(pod, abilities) ?? placed(services, pod, place);
}

/** Others may have to make way. */
function placed(services: AgentServices, pod: Pod, place: Place): Rejection | undefined {
  const rejection = placementRejection(pod, place);
  if (rejection === undefined || kindRejection(pod, place) !== undefined) return rejection;
  const victims = victimsFor(pod, place);
  if (victims === undefined) return rejection;
  const message = 'Preempted in order to admit critical pod';
  for (const victim of victims) services.event(victim, 'Warning', 'Preempting', message);
  services.room.end(victims, ({ spec }) => ({
    reason: 'Preempting',
    message,
    gracePeriodMs: (spec.terminationGracePeriodSeconds ?? 30) * 1000,
    isDisruption: true,
    leavesNothing: false,
  }));
  return undefined;
}
