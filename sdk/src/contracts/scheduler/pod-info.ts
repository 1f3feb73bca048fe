/** Pods as the scheduler sees them: everything that a rule may look at, parsed once for all pods that are alike. */
import type { Pod, PodSpec, Toleration, NodeSelectorTerm } from '../../kube/index.ts';

/** What a pod asks for, summed over its containers as the Kubernetes scheduler does (init containers, sidecars, overhead). */
export interface PodRequest {
  readonly milliCpu: number;
  readonly memoryBytes: number;
  readonly ephemeralStorageBytes: number;
  /** Extended resources by name, in whole units. */
  readonly extended: Readonly<Record<string, number>>;
}

/** A port of the node that a container wants for itself. */
export interface HostPort {
  /** `0.0.0.0` for all addresses. */
  readonly ip: string;
  /** `TCP`, `UDP` or `SCTP`. */
  readonly protocol: string;
  readonly port: number;
}

/** Which pods are meant: namespaces and labels. Two with the same `key` mean the same pods. */
export interface PodMatcher {
  readonly key: string;
  /** A label that all of them have, for indices. */
  readonly label?: { readonly key: string; readonly value: string };
  /** Whether labels of namespaces decide. */
  readonly byNamespaceLabels: boolean;
  /** `namespaceLabels`: of the pod's namespace. */
  matches(pod: Pick<PodClass, 'namespace' | 'labels'>, namespaceLabels: Readonly<Record<string, string>>): boolean;
}

/** A term of pod affinity or anti-affinity. Source: core/v1 PodAffinityTerm. */
export interface PodTerm {
  /** Two with the same key mean the same. */
  readonly key: string;
  readonly topologyKey: string;
  readonly matcher: PodMatcher;
}

/** A preferred term; `weight` is 1 … 100. */
export interface WeightedPodTerm extends PodTerm {
  readonly weight: number;
}

/** Source: core/v1 TopologySpreadConstraint, with its defaults filled in. */
export interface SpreadConstraint {
  readonly key: string;
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly whenUnsatisfiable: 'DoNotSchedule' | 'ScheduleAnyway';
  readonly minDomains: number;
  readonly nodeAffinityPolicy: 'Honor' | 'Ignore';
  readonly nodeTaintsPolicy: 'Honor' | 'Ignore';
  /** Pods that are counted; `matchLabelKeys` are in it. An empty selector counts none. */
  readonly matcher: PodMatcher;
  /** Whether the pod itself is one of those that its selector means. */
  readonly selfMatch: boolean;
  /** Not of the pod: one that every pod of a workload has. Nodes without its label are not left out. */
  readonly isDefault: boolean;
}

/** Pods that must be placed all together or not at all. */
export interface PodGroupRef {
  /** `namespace/name`. */
  readonly key: string;
  readonly minMember: number;
  /** How long members wait for each other. */
  readonly timeoutMs: number;
}

/**
 * What pods of one template have in common: all that decides about their placement. Pods with equal `key` get the same verdicts,
 * so that the work is done once. Frozen.
 */
export interface PodClass {
  readonly key: string;
  /**
   * Pods that differ only in labels, namespace and what they want of other pods have the same: all that plugins of scope `row` may look at.
   */
  readonly rowKey: string;
  /** Counts up from 0: an index for tables. */
  readonly id: number;
  readonly schedulerName: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly priority: number;
  /** `spec.preemptionPolicy` is `Never`. */
  readonly neverPreempts: boolean;
  readonly request: PodRequest;
  /** For scores, where a container without a request counts as 100 mCPU and 200 MB. */
  readonly scoringRequest: { readonly milliCpu: number; readonly memoryBytes: number };
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** Terms of which one must hold; undefined: no condition. An empty list holds nowhere. */
  readonly requiredNodeTerms: readonly NodeSelectorTerm[] | undefined;
  readonly preferredNodeTerms: readonly { readonly weight: number; readonly preference: NodeSelectorTerm }[];
  readonly tolerations: readonly Toleration[];
  readonly hostPorts: readonly HostPort[];
  readonly requiredAffinity: readonly PodTerm[];
  readonly requiredAntiAffinity: readonly PodTerm[];
  readonly preferredAffinity: readonly WeightedPodTerm[];
  readonly preferredAntiAffinity: readonly WeightedPodTerm[];
  readonly spread: readonly SpreadConstraint[];
  /** Images of all containers. */
  readonly images: readonly string[];
  /** Names of PersistentVolumeClaims of the namespace, those of ephemeral volumes included. */
  readonly claims: readonly string[];
  readonly group: PodGroupRef | undefined;
  /** Of the first pod seen of this class. What is not a field of this interface may differ in others. */
  readonly spec: Readonly<PodSpec>;
}

/** A pod that waits, or one that has a node. */
export interface PodInfo {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly pod: Pod;
  readonly class: PodClass;
}
