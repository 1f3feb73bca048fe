/** What endpoints depend on of a node. */
import { findCondition } from '@timonel/sdk/controller';
import { milliCpu, type Node } from '@timonel/sdk/kube';

const zoneLabel = 'topology.kubernetes.io/zone';
const controlPlaneLabels = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

export interface NodeFacts {
  readonly zone: string | undefined;
  /** Allocatable, in thousandths of a CPU; 0: not known. */
  readonly cpuMillis: number;
  /** Ready, and no control plane: its zone has clients. */
  readonly counts: boolean;
}

export function nodeFacts({ metadata, status }: Node): NodeFacts {
  const labels = metadata.labels ?? {};
  const ready = findCondition(status?.conditions, 'Ready')?.status === 'True';
  return {
    zone: labels[zoneLabel] || undefined,
    cpuMillis: milliCpu(status?.allocatable?.['cpu'] ?? '0') ?? 0,
    counts: ready && !controlPlaneLabels.some((label) => label in labels),
  };
}

export function nodeChanged(before: Node, after: Node): boolean {
  const [old, now] = [nodeFacts(before), nodeFacts(after)];
  return old.zone !== now.zone || old.cpuMillis !== now.cpuMillis || old.counts !== now.counts;
}
