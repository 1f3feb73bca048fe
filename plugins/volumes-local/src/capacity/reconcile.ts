/** How much room this node has, told to the scheduler: one object for each storage class. Pure. */
import { act, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import {
  csiStorageCapacities,
  nodes,
  apiVersionOf,
  wholeQuantity,
  type CsiStorageCapacity,
  type Node,
  type StorageClass,
} from '@timonel/sdk/kube';
import { capacityName, hostnameLabel, provisioner } from '../names.ts';

export interface ObservedClass extends Observation<StorageClass> {
  readonly className: string;
  readonly nodeName: string;
  /** Undefined while the node has not registered itself. */
  readonly node: Node | undefined;
  /** Where the objects are. */
  readonly namespace: string;
  readonly told: CsiStorageCapacity | undefined;
  readonly freeBytes: number;
}

const mebibyte = 2 ** 20;
/** The disk is measured anew after so long. */
const measureMs = 60_000;

/** In whole mebibytes. */
function quantity(bytes: number): string {
  return `${Math.max(0, Math.floor(bytes / mebibyte))}Mi`;
}

function wanted(seen: ObservedClass): CsiStorageCapacity {
  const { className, nodeName, node, namespace, freeBytes } = seen;
  const { uid = '' } = node?.metadata ?? {};
  // When the node is gone, so is what it told.
  const owner = { apiVersion: apiVersionOf(nodes), kind: nodes.kind, name: nodeName, uid };
  return {
    metadata: { name: capacityName(nodeName, className), namespace, ownerReferences: [owner] },
    storageClassName: className,
    nodeTopology: { matchLabels: { [hostnameLabel]: nodeName } },
    capacity: quantity(freeBytes),
  };
}

export function reconcile(seen: ObservedClass): Reconciliation {
  const { subject: storageClass, told, node } = seen;
  if (storageClass?.provisioner !== provisioner) {
    const cause = { code: 'ClassGone', text: 'there is no such storage class of this provisioner any more' };
    return { actions: told === undefined ? [] : [act.delete(csiStorageCapacities, told, { cause })] };
  }
  if (node === undefined) return { actions: [] };
  const cause = { code: 'Measured', text: `node ${seen.nodeName} has ${quantity(seen.freeBytes)} left` };
  const next = wanted(seen);
  if (told === undefined)
    return { actions: [act.create(csiStorageCapacities, next, { cause })], requeueAfterMs: measureMs };
  const isSame = wholeQuantity(told.capacity ?? '') === wholeQuantity(next.capacity ?? '');
  const changed = { ...told, capacity: quantity(seen.freeBytes) };
  return {
    actions: isSame ? [] : [act.update(csiStorageCapacities, told, changed, { cause })],
    requeueAfterMs: measureMs,
  };
}
