import type { EndpointSlice, Ingress, IngressClass, Secret, Service } from '@timonel/sdk/kube';

/** What the routes are made from, as the caches show it. Keys are `namespace/name`. */
export interface ClusterObjects {
  ingresses(): readonly Ingress[];
  ingressClasses(): readonly IngressClass[];
  service(key: string): Service | undefined;
  /** Of a service. */
  slices(key: string): readonly EndpointSlice[];
  secret(key: string): Secret | undefined;
}
