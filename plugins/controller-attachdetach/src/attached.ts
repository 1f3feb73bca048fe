/** `volumesAttached` of a node: what was attached to it. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { act, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import { nodes, type Node } from '@timonel/sdk/kube';

export interface ObservedNode extends Observation<Node> {
  /** Names of the volumes that are, and are to be, attached. */
  readonly attached: readonly string[];
}

export function reconcileNode({ subject: node, attached }: ObservedNode): Reconciliation {
  if (node === undefined) return { actions: [] };
  const volumesAttached = attached.toSorted().map((name) => ({ name, devicePath: '' }));
  if (isDeepStrictEqual(node.status?.volumesAttached ?? [], volumesAttached)) return { actions: [] };
  const body = { status: { volumesAttached: volumesAttached.length === 0 ? null : volumesAttached } };
  const cause = { code: 'Attached', text: `${attached.length} volumes are attached to the node` };
  const more = { cause, subresource: 'status', fenced: false };
  return { actions: [act.patch(nodes, node, { type: 'merge', body }, more)] };
}
