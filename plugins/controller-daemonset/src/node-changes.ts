/** Which changes of nodes can matter to daemon sets: heartbeats do not. */
import { jsonEqual, type Informer, type KeySource } from '@timonel/sdk/controller';
import type { Node } from '@timonel/sdk/kube';

function isLikeBefore(node: Node, old: Node): boolean {
  return jsonEqual(node.metadata.labels, old.metadata.labels) && jsonEqual(node.spec.taints, old.spec.taints);
}

/** The keys of all sets whenever a node comes, goes, or gets other labels or taints. */
export function keysOnNodeChange(nodes: Informer<Node>, keys: () => Iterable<string>): KeySource {
  return {
    connect(add) {
      const addAll = (): void => {
        for (const key of keys()) add(key);
      };
      return nodes.addHandler({
        added: addAll,
        updated: (node, old) => {
          if (!isLikeBefore(node, old)) addAll();
        },
        deleted: addAll,
      });
    },
    all: keys,
  };
}
