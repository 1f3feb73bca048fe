/** Which addresses lead to this ingress. */
import type { Node, Service } from '@timonel/sdk/kube';

/** Of a node: those from outside, or else those inside. Names of hosts are none. */
export function addressesOf({ status }: Node): readonly string[] {
  const of = (type: string): string[] =>
    (status?.addresses ?? []).filter((entry) => entry.type === type).map(({ address }) => address);
  const outside = of('ExternalIP');
  return outside.length > 0 ? outside : of('InternalIP');
}

/** Of a load balancer in front. */
export function serviceAddresses(service: Service | undefined): readonly string[] {
  const given = (service?.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip ?? hostname ?? []);
  return given.length > 0 ? given : (service?.spec.externalIPs ?? []);
}
