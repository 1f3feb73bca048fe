import type { Explained, NodeBatch } from '../../contracts/scheduler/index.ts';
import { classNameOf } from '../../volumes/index.ts';
import { nearestRow } from './nearest.ts';
import type { NodeCondition } from './node-condition.ts';
import { nodesOf } from './volume-matching.ts';
import type { Volumes } from './volume-needs.ts';
import { listed } from './words.ts';

function whereIs(name: string, condition: NodeCondition, nodes: NodeBatch): Explained {
  const { view } = nodes;
  const missing = (row: number): readonly string[] | undefined => {
    const node = view.nodes[row];
    return node === undefined ? undefined : condition.remedies(node);
  };
  const row = nearestRow(nodes, (at) => missing(at)?.length ?? Number.POSITIVE_INFINITY);
  const lacking = missing(row) ?? [];
  return {
    detail: { volume: name, missing: lacking, node: view.names[row] },
    unblock: `make room on a node where volume ${name} is${lacking.length > 0 ? ` (these would have to ${listed(lacking)})` : ''}`,
  };
}

/** Why volumes keep a pod from nodes. `code`: of the reason. */
export function explainVolumes({ bound, open, selected }: Volumes, nodes: NodeBatch, code: string): Explained {
  if (code === 'volume-missing') {
    return { detail: {}, unblock: 'bring back the persistent volume that a claim of the pod is bound to' };
  }
  if (code === 'volume-node-affinity') {
    const first = bound.find((volume) => {
      const holds = nodesOf(volume).over(nodes);
      return nodes.rows.subarray(0, nodes.count).some((row) => holds[row] === 0);
    });
    return first === undefined
      ? { detail: {}, unblock: 'make room on a node where the volumes of the pod are' }
      : whereIs(first.metadata.name ?? '', nodesOf(first), nodes);
  }
  const node = selected[0]?.nodeName;
  if (node !== undefined)
    return { detail: { node }, unblock: `make room on node ${node}, where a claim is being provided for` };
  const claim = open.find(({ provision }) => provision === undefined)?.claim ?? open[0]?.claim;
  const name = claim?.metadata.name ?? '';
  const storageClass = claim === undefined ? '' : classNameOf(claim);
  if (code === 'no-storage-capacity') {
    const asked = claim?.spec?.resources?.requests?.['storage'] ?? '';
    return {
      detail: { claim: name, storageClass, asked },
      unblock: `free storage of class ${storageClass} on one of these nodes, or ask for less than ${asked} in claim ${name}`,
    };
  }
  return {
    detail: { claim: name, storageClass },
    unblock: `add a persistent volume of class ${storageClass} for claim ${name} that these nodes can use`,
  };
}
