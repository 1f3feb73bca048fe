/** What people are told when a node's conditions change, in the kubelet's words. Pure. */
import type { Node } from '@timonel/sdk/kube';

type Status = NonNullable<Node['status']>;

const reasons: Readonly<Record<string, readonly [holds: string, holdsNot: string]>> = {
  MemoryPressure: ['NodeHasInsufficientMemory', 'NodeHasSufficientMemory'],
  DiskPressure: ['NodeHasDiskPressure', 'NodeHasNoDiskPressure'],
  PIDPressure: ['NodeHasInsufficientPID', 'NodeHasSufficientPID'],
  Ready: ['NodeReady', 'NodeNotReady'],
};

/** Reasons of events. `before`: undefined when the node is new. */
export function transitionEvents(before: Status | undefined, after: Status): string[] {
  return (after.conditions ?? []).flatMap(({ type, status }): string[] => {
    const known = before?.conditions?.find((condition) => condition.type === type)?.status;
    const [holds, holdsNot] = reasons[type] ?? [];
    const reason = status === 'True' ? holds : holdsNot;
    return reason === undefined || known === status ? [] : [reason];
  });
}
