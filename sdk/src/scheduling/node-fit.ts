/** Which nodes a pod may run on by what it asks of nodes, for those who make pods for given nodes. */
import type { Node, PodSpec, Taint } from '../kube/index.ts';
import { equals } from './rules/label-test.ts';
import { NodeCondition, nodeTerms } from './rules/node-condition.ts';
import { untolerated } from './rules/tolerations.ts';

export { taintText } from './rules/tolerations.ts';

export interface NodeFit {
  /** Name, node selector and required node affinity. */
  matches(node: Node): boolean;
  /** Taints that keep the pod away. */
  untolerated(node: Node): readonly Taint[];
}

export function nodeFit(spec: PodSpec): NodeFit {
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const selected = Object.entries(spec.nodeSelector ?? {}).map(([key, value]) => equals(key, value));
  const condition = new NodeCondition(selected, terms === undefined ? undefined : nodeTerms(terms));
  const { nodeName = '', tolerations = [] } = spec;
  return {
    matches: (node) => (nodeName === '' || nodeName === node.metadata.name) && condition.matches(node),
    untolerated: (node) => untolerated(tolerations, node),
  };
}
