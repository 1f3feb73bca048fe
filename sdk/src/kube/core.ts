/** core/v1 kinds beside pods, the parts that Timonel's own plugins use. Fields that no plugin reads pass through untouched. */
import { defineResource, type Condition, type KubeObject, type ResourceType } from './meta.ts';
import type { Quantities } from './quantity.ts';

export interface Taint {
  key: string;
  value?: string;
  effect: string;
  timeAdded?: string;
}

export interface Node extends KubeObject {
  spec: { podCIDR?: string; podCIDRs?: string[]; providerID?: string; unschedulable?: boolean; taints?: Taint[] };
  status?: {
    capacity?: Quantities;
    allocatable?: Quantities;
    conditions?: Condition[];
    addresses?: { type: string; address: string }[];
    nodeInfo?: Record<string, unknown>;
    images?: { names: string[]; sizeBytes: number }[];
    daemonEndpoints?: { kubeletEndpoint?: { Port: number } };
    runtimeHandlers?: {
      name?: string;
      features?: { recursiveReadOnlyMounts?: boolean; userNamespaces?: boolean };
    }[];
    features?: { supplementalGroupsPolicy?: boolean };
    /** Volumes that are not to be detached from the node, and those that are attached to it. */
    volumesInUse?: string[];
    volumesAttached?: { name: string; devicePath: string }[];
  };
}

export interface ServicePort {
  name?: string;
  protocol?: string;
  appProtocol?: string;
  port: number;
  targetPort?: number | string;
  nodePort?: number;
}

export interface LoadBalancerIngress {
  ip?: string;
  hostname?: string;
  /** `VIP`: packets arrive with it as their destination. */
  ipMode?: string;
}

export interface Service extends KubeObject {
  spec: {
    type?: string;
    selector?: Record<string, string>;
    ports?: ServicePort[];
    clusterIP?: string;
    clusterIPs?: string[];
    ipFamilies?: string[];
    ipFamilyPolicy?: string;
    externalIPs?: string[];
    externalName?: string;
    sessionAffinity?: string;
    sessionAffinityConfig?: { clientIP?: { timeoutSeconds?: number } };
    externalTrafficPolicy?: string;
    healthCheckNodePort?: number;
    internalTrafficPolicy?: string;
    publishNotReadyAddresses?: boolean;
    /** `PreferSameZone` (alias `PreferClose`), `PreferSameNode`. */
    trafficDistribution?: string;
    /** A wished address. */
    loadBalancerIP?: string;
    loadBalancerClass?: string;
    loadBalancerSourceRanges?: string[];
    [field: string]: unknown;
  };
  status?: { loadBalancer?: { ingress?: LoadBalancerIngress[] }; conditions?: Condition[] };
}

export interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
  immutable?: boolean;
}

export interface Secret extends KubeObject {
  type?: string;
  /** Base64. */
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  immutable?: boolean;
}

export interface Namespace extends KubeObject {
  spec?: { finalizers?: string[] };
  status?: { phase?: string; conditions?: Condition[] };
}

export interface ServiceAccount extends KubeObject {
  secrets?: { name?: string }[];
  imagePullSecrets?: { name?: string }[];
  automountServiceAccountToken?: boolean;
}

export interface ObjectReference {
  apiVersion?: string;
  kind?: string;
  name?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  fieldPath?: string;
}

/** core/v1 Event. */
export interface CoreEvent extends KubeObject {
  involvedObject: ObjectReference;
  reason?: string;
  message?: string;
  source?: { component?: string; host?: string };
  firstTimestamp?: string;
  lastTimestamp?: string;
  eventTime?: string | null;
  count?: number;
  type?: string;
  reportingComponent?: string;
  reportingInstance?: string;
}

const v1 = { group: '', version: 'v1' } as const;
export const nodes: ResourceType<Node> = defineResource({ ...v1, resource: 'nodes', kind: 'Node', namespaced: false });
export const services: ResourceType<Service> = defineResource({
  ...v1,
  resource: 'services',
  kind: 'Service',
  namespaced: true,
});
export const configMaps: ResourceType<ConfigMap> = defineResource({
  ...v1,
  resource: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
});
export const secrets: ResourceType<Secret> = defineResource({
  ...v1,
  resource: 'secrets',
  kind: 'Secret',
  namespaced: true,
});
export const namespaces: ResourceType<Namespace> = defineResource({
  ...v1,
  resource: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
});
export const serviceAccounts: ResourceType<ServiceAccount> = defineResource({
  ...v1,
  resource: 'serviceaccounts',
  kind: 'ServiceAccount',
  namespaced: true,
});
export const coreEvents: ResourceType<CoreEvent> = defineResource({
  ...v1,
  resource: 'events',
  kind: 'Event',
  namespaced: true,
});
