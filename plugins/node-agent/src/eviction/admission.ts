/** Which pods a node under pressure still takes, and which it never evicts: the kubelet's rules. Pure. */
import type { Pod, Toleration } from '@timonel/sdk/kube';
import type { Rejection } from '../admission/rejection.ts';
import { qosClassOf } from '../container/qos.ts';
import { isStaticPod } from '../static-pods/identity.ts';
import { evictedReason } from './messages.ts';
import { priorityOf } from './rank.ts';
import type { NodePressure } from './signals.ts';

const systemCritical = 2_000_000_000;

/** The node needs it: static, or of a priority of the system. Annotations of pods from the API are what any user writes. */
export function isCriticalPod(pod: Pod): boolean {
  return isStaticPod(pod) || priorityOf(pod) >= systemCritical;
}

const memoryTaint = 'node.kubernetes.io/memory-pressure';

function toleratesMemoryPressure({ spec }: Pod): boolean {
  return (spec.tolerations ?? []).some(({ key = '', operator = 'Equal', value = '', effect = '' }: Toleration) => {
    if (effect !== '' && effect !== 'NoSchedule') return false;
    if (operator === 'Exists') return key === '' || key === memoryTaint;
    return key === memoryTaint && value === '';
  });
}

/** Undefined: it may come. */
export function pressureRejection(pod: Pod, conditions: readonly NodePressure[]): Rejection | undefined {
  if (conditions.length === 0 || isCriticalPod(pod)) return undefined;
  const onlyMemory = conditions.length === 1 && conditions[0] === 'MemoryPressure';
  if (onlyMemory && (qosClassOf(pod) !== 'BestEffort' || toleratesMemoryPressure(pod))) return undefined;
  return { reason: evictedReason, message: `The node had condition: [${conditions.join(' ')}]. ` };
}
