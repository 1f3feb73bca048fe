/**
 * Services of type LoadBalancer without a cloud: an allocator gives each an address of its own, and one node answers for it.
 * What the two agree on stands in the Service: the address in `status.loadBalancer.ingress`, and the annotation that says who gave it.
 */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { Service } from '../../kube/index.ts';

export * from './announcing-node.ts';

/** `spec.loadBalancerClass` of services that want an address of a pool. */
export const poolClass = 'timonel.dev/pool';

/** Annotation: the pool that the service's address is of; two of two pools, with a comma between. The allocator writes it, and touches no address without it. */
export const poolAnnotation = 'loadbalancer.timonel.dev/pool';

/** Annotation: the address that the service wishes, or one of each family, with a comma between. It goes before `spec.loadBalancerIP`. */
export const addressAnnotation = 'loadbalancer.timonel.dev/address';

/** Finalizer of services that have a load balancer: it goes when the load balancer has gone. */
export const cleanupFinalizer = 'service.kubernetes.io/load-balancer-cleanup';

/** Condition of services that want an address and have none, or not that which they wish or one of each family that they require. */
export const addressCondition = 'LoadBalancerAddress';

/** The addresses that the service has from a pool. */
export function pooledAddresses({ metadata, spec, status }: Service): readonly string[] {
  if (spec.type !== 'LoadBalancer' || metadata.annotations?.[poolAnnotation] === undefined) return [];
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []));
}

export interface AnnouncerStatus {
  readonly implementation: string;
  /** Those that this node answers for. */
  readonly addresses: readonly string[];
  readonly lastError: string | undefined;
}

/** Answers for addresses of load balancers in the name of this node. */
export interface AddressAnnouncer {
  status(): Promise<AnnouncerStatus>;
}

/** Token of the node's announcer. Old and new may overlap for a moment during a swap: both answer for the same addresses. */
export const addressAnnouncer: ServiceToken<AddressAnnouncer, 'one'> = defineService<AddressAnnouncer>(
  'loadbalancer.announcer',
  { major: 1, cardinality: 'one' },
);
