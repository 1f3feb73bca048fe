/** Classes that pods name: node.k8s.io/v1 and scheduling.k8s.io/v1. */
import { defineResource, type KubeObject, type ResourceType } from './meta.ts';
import type { Toleration } from './pods.ts';
import type { Quantities } from './quantity.ts';

export interface RuntimeClass extends KubeObject {
  /** What nodes call the runtime. */
  handler: string;
  /** What a pod costs beside its containers. */
  overhead?: { podFixed?: Quantities };
  /** Where nodes have the runtime. */
  scheduling?: { nodeSelector?: Record<string, string>; tolerations?: Toleration[] };
}

export interface PriorityClass extends KubeObject {
  value: number;
  /** The class of pods that name none. */
  globalDefault?: boolean;
  description?: string;
  /** `PreemptLowerPriority` (default), `Never`. */
  preemptionPolicy?: string;
}

export const runtimeClasses: ResourceType<RuntimeClass> = defineResource({
  group: 'node.k8s.io',
  version: 'v1',
  resource: 'runtimeclasses',
  kind: 'RuntimeClass',
  namespaced: false,
});

export const priorityClasses: ResourceType<PriorityClass> = defineResource({
  group: 'scheduling.k8s.io',
  version: 'v1',
  resource: 'priorityclasses',
  kind: 'PriorityClass',
  namespaced: false,
});
