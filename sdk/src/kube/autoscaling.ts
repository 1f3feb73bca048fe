/** autoscaling/v2 and autoscaling/v1 Scale; metrics.k8s.io/v1beta1, as autoscalers read it. */
import { defineResource, type Condition, type KubeObject, type LabelSelector, type ResourceType } from './meta.ts';

export interface CrossVersionObjectReference {
  apiVersion?: string;
  kind: string;
  name: string;
}

/** Which metric, and which of its series. */
export interface MetricIdentifier {
  name: string;
  selector?: LabelSelector;
}

export interface MetricTarget {
  /** `Utilization`, `Value`, `AverageValue`. */
  type: string;
  value?: string;
  averageValue?: string;
  averageUtilization?: number;
}

export interface MetricSpec {
  /** `Resource`, `ContainerResource`, `Pods`, `Object`, `External`. */
  type: string;
  resource?: { name: string; target: MetricTarget };
  containerResource?: { name: string; container: string; target: MetricTarget };
  pods?: { metric: MetricIdentifier; target: MetricTarget };
  object?: { describedObject: CrossVersionObjectReference; metric: MetricIdentifier; target: MetricTarget };
  external?: { metric: MetricIdentifier; target: MetricTarget };
}

export interface MetricValueStatus {
  value?: string;
  averageValue?: string;
  averageUtilization?: number;
}

export interface MetricStatus {
  type: string;
  resource?: { name: string; current: MetricValueStatus };
  containerResource?: { name: string; container: string; current: MetricValueStatus };
  pods?: { metric: MetricIdentifier; current: MetricValueStatus };
  object?: { describedObject: CrossVersionObjectReference; metric: MetricIdentifier; current: MetricValueStatus };
  external?: { metric: MetricIdentifier; current: MetricValueStatus };
}

export interface ScalingPolicy {
  /** `Pods`, `Percent`. */
  type: string;
  value: number;
  periodSeconds: number;
}

export interface ScalingRules {
  stabilizationWindowSeconds?: number;
  /** `Max`, `Min`, `Disabled`. */
  selectPolicy?: string;
  policies?: ScalingPolicy[];
  tolerance?: string;
}

export interface HorizontalPodAutoscalerSpec {
  scaleTargetRef: CrossVersionObjectReference;
  minReplicas?: number;
  maxReplicas: number;
  metrics?: MetricSpec[];
  behavior?: { scaleUp?: ScalingRules; scaleDown?: ScalingRules };
}

export interface HorizontalPodAutoscalerStatus {
  observedGeneration?: number;
  lastScaleTime?: string;
  currentReplicas?: number;
  desiredReplicas: number;
  currentMetrics?: MetricStatus[] | null;
  conditions?: Condition[];
}

export interface HorizontalPodAutoscaler extends KubeObject {
  spec: HorizontalPodAutoscalerSpec;
  status?: HorizontalPodAutoscalerStatus;
}

/** The subresource `scale` of whatever has replicas. */
export interface Scale extends KubeObject {
  spec?: { replicas?: number };
  status?: {
    replicas: number;
    /** Query form. */
    selector?: string;
  };
}

/** What the containers of a pod use. */
export interface PodMetrics extends KubeObject {
  /** The end of the window. */
  timestamp: string;
  /** A duration as Go writes it: `15.2s`. */
  window: string;
  containers: { name: string; usage: Record<string, string> }[];
}

export const horizontalPodAutoscalers: ResourceType<HorizontalPodAutoscaler> = defineResource({
  group: 'autoscaling',
  version: 'v2',
  resource: 'horizontalpodautoscalers',
  kind: 'HorizontalPodAutoscaler',
  namespaced: true,
});
/** Not stored: made when somebody reads them. */
export const podMetrics: ResourceType<PodMetrics> = defineResource({
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  resource: 'pods',
  kind: 'PodMetrics',
  namespaced: true,
});
