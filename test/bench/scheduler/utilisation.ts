/** How full nodes are, and how evenly. */
import { milliCpu, parseQuantity, type Node, type Pod } from '@timonel/sdk/kube';

export interface Utilisation {
  /** Shares of all nodes' together that are requested, 0 … 1. */
  readonly cpu: number;
  readonly memory: number;
  /** Standard deviation of the nodes' shares of cpu. */
  readonly cpuSpread: number;
  /** Nodes that have pods, of all. */
  readonly used: number;
  readonly nodes: number;
}

interface Load {
  readonly cpu: number;
  readonly memory: number;
  readonly maxPods: number;
  usedCpu: number;
  usedMemory: number;
  pods: number;
}

type Quantities = Readonly<Record<string, string | number>> | undefined;

const cpuOf = (list: Quantities): number => milliCpu(list?.['cpu'] ?? 0) ?? 0;
const memoryOf = (list: Quantities): number => parseQuantity(list?.['memory'] ?? 0) ?? 0;

export class Loads {
  readonly #nodes = new Map<string, Load>();

  addNode({ metadata, status }: Node): void {
    const list = status?.allocatable;
    const maxPods = parseQuantity(list?.['pods'] ?? 0) ?? 0;
    const load = { cpu: cpuOf(list), memory: memoryOf(list), maxPods, usedCpu: 0, usedMemory: 0, pods: 0 };
    this.#nodes.set(metadata.name ?? '', load);
  }

  removeNode(name: string): void {
    this.#nodes.delete(name);
  }

  /** `sign`: 1 when the pod comes, -1 when it goes. @throws Error when it is more than the node has */
  change(pod: Pod, nodeName: string, sign: 1 | -1): void {
    const load = this.#nodes.get(nodeName);
    if (load === undefined) return;
    for (const { resources } of pod.spec.containers) {
      load.usedCpu += sign * cpuOf(resources?.requests);
      load.usedMemory += sign * memoryOf(resources?.requests);
    }
    load.pods += sign;
    if (sign === 1 && (load.usedCpu > load.cpu || load.usedMemory > load.memory || load.pods > load.maxPods))
      throw new Error(`the node ${nodeName} has more pods than it has room for: ${JSON.stringify(load)}`);
  }

  summary(): Utilisation {
    const nodes = [...this.#nodes.values()].filter(({ cpu }) => cpu > 0);
    const total = (of: (load: Load) => number): number => nodes.reduce((sum, load) => sum + of(load), 0);
    const shares = nodes.map(({ cpu, usedCpu }) => usedCpu / cpu);
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    const variance = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length;
    return {
      cpu: total(({ usedCpu }) => usedCpu) / total(({ cpu }) => cpu),
      memory: total(({ usedMemory }) => usedMemory) / total(({ memory }) => memory),
      cpuSpread: Math.sqrt(variance),
      used: nodes.filter(({ pods }) => pods > 0).length,
      nodes: nodes.length,
    };
  }
}
