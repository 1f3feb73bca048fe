/** Parts of a node beside its agent that the cluster is told of in the Node's status. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { Quantities } from '../../kube/index.ts';

export interface NodePartStatus {
  /** Resources beside those of the machine: `example.com/gpu`. */
  readonly capacity?: Quantities;
  /** How much of them pods can be given. */
  readonly allocatable?: Quantities;
  /** `kubernetes.io/csi/<driver>^<handle>`: not to be detached from the node. */
  readonly volumesInUse?: readonly string[];
}

export interface NodePart {
  /** As it is by now: asked at each report of the node. */
  status(): NodePartStatus;
  /** The node is to be reported again soon. Returns what ends it. */
  onChange(listener: () => void): () => void;
}

/** Token of what the node agent adds to the status of its node. */
export const nodeParts: ServiceToken<NodePart, 'many'> = defineService<NodePart, 'many'>('node-parts', {
  major: 1,
  cardinality: 'many',
  sync: ['status', 'onChange'],
});
