/** What a check of the network found, for programs and for people. */
import type { Outcome, ProbeResult } from './probes.ts';

export interface CheckedNode {
  readonly name: string;
  readonly address?: string | undefined;
  readonly podCIDR?: string | undefined;
  /** Why nothing could be checked from there. */
  readonly problem?: string | undefined;
}

export const kinds = ['pod to pod', 'pod to service', 'node to pod', 'node to node', 'DNS'] as const;
export type CheckKind = (typeof kinds)[number];

/** One try. `from` and `to` are nodes; `to` of DNS is a name. */
export interface Check {
  readonly kind: CheckKind;
  readonly from: string;
  readonly to: string;
  readonly outcome: Outcome;
}

export interface Report {
  readonly ok: boolean;
  readonly nodes: readonly CheckedNode[];
  readonly checks: readonly Check[];
  /** What is wrong, a sentence each. */
  readonly problems: readonly string[];
}

/** What the pods of one node told. Undefined: nothing. */
export interface NodeResults {
  /** From a pod with an address of its own. */
  readonly pod: ProbeResult | undefined;
  /** From the network of the machine. */
  readonly node: ProbeResult | undefined;
}

/** `results`: by the names of nodes; `targets`: the nodes that were asked, in the order of the results. */
export function checksOf(
  results: ReadonlyMap<string, NodeResults>,
  targets: readonly string[],
  names: readonly string[],
): readonly Check[] {
  return [...results].flatMap(([from, { pod, node }]) => [
    ...targets.flatMap((to, at): Check[] => {
      const [fromPod, fromNode] = [pod?.targets[at], node?.targets[at]];
      return [
        { kind: 'pod to pod', from, to, outcome: fromPod?.pod ?? 'not tried' },
        { kind: 'pod to service', from, to, outcome: fromPod?.service ?? 'not tried' },
        { kind: 'node to pod', from, to, outcome: fromNode?.pod ?? 'not tried' },
        { kind: 'node to node', from, to, outcome: fromNode?.node ?? 'not tried' },
      ];
    }),
    ...names.map((to, at): Check => ({ kind: 'DNS', from, to, outcome: pod?.names[at] ?? 'not tried' })),
  ]);
}
