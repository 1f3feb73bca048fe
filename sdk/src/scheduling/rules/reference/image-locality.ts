import type { Node } from '../../../kube/index.ts';
import type { ReferenceScore } from './one-node.ts';

function sizeOn(node: Node, image: string): number | undefined {
  return node.status?.images?.findLast(({ names }) => names.includes(image))?.sizeBytes;
}

export const imageLocalityReference: ReferenceScore = (pod, { node }, { nodes }) => {
  const mebibyte = 1024 * 1024;
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  let sum = 0;
  for (const { image = '' } of containers) {
    const name = /:[^/]*$/.test(image) ? image : `${image}:latest`;
    const size = sizeOn(node, name);
    if (size === undefined) continue;
    const holders = nodes.filter((other) => sizeOn(other.node, name) !== undefined).length;
    sum += Math.trunc(size * (holders / nodes.length));
  }
  const [low, high] = [23 * mebibyte, 1000 * mebibyte * containers.length];
  if (sum <= low) return 0;
  return sum >= high ? 100 : Math.trunc((100 * (sum - low)) / (high - low));
};
