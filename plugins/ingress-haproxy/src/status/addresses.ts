/** Which addresses lead to this ingress. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { isNotFound, nodes, type Service } from '@timonel/sdk/kube';

/** Of the node: those from outside, or else those inside. Names of hosts are none. */
export async function nodeAddresses(api: ApiClient, nodeName: string): Promise<readonly string[]> {
  if (nodeName === '') return [];
  try {
    const { status } = await api.get(nodes, { name: nodeName });
    const of = (type: string): string[] =>
      (status?.addresses ?? []).filter((entry) => entry.type === type).map(({ address }) => address);
    const outside = of('ExternalIP');
    return outside.length > 0 ? outside : of('InternalIP');
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

/** Of a load balancer in front. */
export function serviceAddresses(service: Service | undefined): readonly string[] {
  const given = (service?.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip ?? hostname ?? []);
  return given.length > 0 ? given : (service?.spec.externalIPs ?? []);
}
