/** networking.k8s.io/v1. */
import { defineResource, type KubeObject, type LabelSelector, type ResourceType } from './meta.ts';

export interface NetworkPolicyPort {
  /** `TCP` (default), `UDP`, `SCTP`. */
  protocol?: string;
  /** A number, or the name of a port of the pods that are reached. Absent: all of the protocol. */
  port?: number | string;
  /** The last of a range that begins with `port`. */
  endPort?: number;
}

export interface NetworkPolicyPeer {
  /** Alone: pods of the policy's namespace. */
  podSelector?: LabelSelector;
  namespaceSelector?: LabelSelector;
  ipBlock?: { cidr: string; except?: string[] };
}

export interface NetworkPolicy extends KubeObject {
  spec: {
    /** Absent: all pods of the namespace. */
    podSelector?: LabelSelector;
    /** Absent or empty lists in a rule stand for everything; an absent or empty list of rules allows nothing. */
    ingress?: { from?: NetworkPolicyPeer[]; ports?: NetworkPolicyPort[] }[];
    egress?: { to?: NetworkPolicyPeer[]; ports?: NetworkPolicyPort[] }[];
    /** `Ingress`, `Egress`. Absent: Ingress, and Egress where there are egress rules. */
    policyTypes?: string[];
  };
}

export const networkPolicies: ResourceType<NetworkPolicy> = defineResource({
  group: 'networking.k8s.io',
  version: 'v1',
  resource: 'networkpolicies',
  kind: 'NetworkPolicy',
  namespaced: true,
});

export interface IngressServiceBackend {
  name: string;
  /** One of the two. */
  port?: { name?: string; number?: number };
}

export interface IngressBackend {
  service?: IngressServiceBackend;
  resource?: { apiGroup?: string; kind: string; name: string };
}

export interface IngressPath {
  /** Absent: `/`. */
  path?: string;
  /** `Exact`, `Prefix`, `ImplementationSpecific`. */
  pathType?: string;
  backend: IngressBackend;
}

export interface Ingress extends KubeObject {
  spec?: {
    ingressClassName?: string;
    defaultBackend?: IngressBackend;
    tls?: { hosts?: string[]; secretName?: string }[];
    rules?: { host?: string; http?: { paths: IngressPath[] } }[];
  };
  status?: { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } };
}

export interface IngressClass extends KubeObject {
  spec?: { controller?: string; parameters?: { apiGroup?: string; kind: string; name: string } };
}

/** Annotation of the IngressClass of Ingresses that name none: `true`. */
export const defaultIngressClassAnnotation = 'ingressclass.kubernetes.io/is-default-class';

export const ingresses: ResourceType<Ingress> = defineResource({
  group: 'networking.k8s.io',
  version: 'v1',
  resource: 'ingresses',
  kind: 'Ingress',
  namespaced: true,
});
export const ingressClasses: ResourceType<IngressClass> = defineResource({
  group: 'networking.k8s.io',
  version: 'v1',
  resource: 'ingressclasses',
  kind: 'IngressClass',
  namespaced: false,
});
