/** Whether this node runs a pod that it has nothing of yet. */
import type { Node, Pod } from '@timonel/sdk/kube';
import { kindRejection, placementRejection, type Place } from '../admission/placement.ts';
import { victimsFor } from '../admission/preemption.ts';
import { rejectionOf, type Rejection } from '../admission/rejection.ts';
import type { AgentServices } from './services.ts';

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
