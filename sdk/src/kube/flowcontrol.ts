/** flowcontrol.apiserver.k8s.io/v1: which requests wait when there are too many. */
import { defineResource, type Condition, type KubeObject, type ResourceType } from './meta.ts';

export interface FlowSubject {
  kind: 'User' | 'Group' | 'ServiceAccount';
  user?: { name: string };
  group?: { name: string };
  serviceAccount?: { namespace: string; name: string };
}

export interface FlowResourceRule {
  verbs: string[];
  apiGroups: string[];
  /** `pods`, `pods/log`, `*`. */
  resources: string[];
  clusterScope?: boolean;
  namespaces?: string[];
}

export interface FlowPathRule {
  verbs: string[];
  /** Paths that are no resources; `*` at the end stands for any rest. */
  nonResourceURLs: string[];
}

export interface FlowRule {
  subjects: FlowSubject[];
  resourceRules?: FlowResourceRule[];
  nonResourceRules?: FlowPathRule[];
}

export interface FlowSchema extends KubeObject {
  spec: {
    priorityLevelConfiguration: { name: string };
    /** Lower ones are asked first. Default 1000. */
    matchingPrecedence?: number;
    /** What makes a flow, beside the schema. Absent: all its requests are one. */
    distinguisherMethod?: { type: 'ByUser' | 'ByNamespace' };
    rules?: FlowRule[];
  };
  status?: { conditions?: Condition[] };
}

export interface FlowQueuing {
  queues: number;
  /** Queues that one flow may use. */
  handSize: number;
  queueLengthLimit: number;
}

export interface PriorityLevelConfiguration extends KubeObject {
  spec: {
    type: 'Exempt' | 'Limited';
    exempt?: { nominalConcurrencyShares?: number; lendablePercent?: number };
    limited?: {
      nominalConcurrencyShares?: number;
      lendablePercent?: number;
      /** Absent: no limit. */
      borrowingLimitPercent?: number;
      limitResponse?: { type: 'Queue' | 'Reject'; queuing?: FlowQueuing };
    };
  };
  status?: { conditions?: Condition[] };
}

const v1 = { group: 'flowcontrol.apiserver.k8s.io', version: 'v1', namespaced: false } as const;

export const flowSchemas: ResourceType<FlowSchema> = defineResource({
  ...v1,
  kind: 'FlowSchema',
  resource: 'flowschemas',
});
export const priorityLevelConfigurations: ResourceType<PriorityLevelConfiguration> = defineResource({
  ...v1,
  kind: 'PriorityLevelConfiguration',
  resource: 'prioritylevelconfigurations',
});
