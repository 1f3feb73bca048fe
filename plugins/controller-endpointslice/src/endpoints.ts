/** Pods as endpoints: one for each address family, grouped by the ports they really have. */
import { isPodReady } from '@timonel/sdk/controller';
import {
  addressOf,
  hasAddress,
  hostnameOf,
  podReference,
  portsKey,
  portsOf,
  type SlicePort,
} from '@timonel/sdk/controller/endpoints';
import type { Endpoint, Pod, Service } from '@timonel/sdk/kube';
import type { NodeFacts } from './nodes.ts';

/** A pod as an endpoint in one family. */
export interface PodEndpoint {
  readonly pod: Pod;
  readonly family: string;
  readonly endpoint: Endpoint;
  readonly ports: readonly SlicePort[];
}

/** A pod of a node that is gone is about to go, too; with publishNotReadyAddresses it counts until then. */
export function isEligible(service: Service, pod: Pod, node: (name: string) => NodeFacts | undefined): boolean {
  if (!hasAddress(pod)) return false;
  const { nodeName } = pod.spec;
  return !nodeName || service.spec.publishNotReadyAddresses === true || node(nodeName) !== undefined;
}

function endpointOf(service: Service, pod: Pod, address: string, node: NodeFacts | undefined): Endpoint {
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const hostname = hostnameOf(service, pod);
  const { nodeName } = pod.spec;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: podReference(pod),
    ...(nodeName ? { nodeName } : {}),
    ...(node?.zone === undefined ? {} : { zone: node.zone }),
  };
}

/** The endpoints of the pods in these families, in the order of the pods. */
export function podEndpoints(
  service: Service,
  pods: readonly Pod[],
  families: readonly string[],
  node: (name: string) => NodeFacts | undefined,
): PodEndpoint[] {
  const eligible = pods.filter((pod) => isEligible(service, pod, node));
  // Ports without names are the same in every pod.
  const isNamed = service.spec.ports?.some(({ targetPort }) => typeof targetPort === 'string') === true;
  const [first] = eligible;
  const common = first === undefined || isNamed ? undefined : portsOf(service, first);
  return families.flatMap((family) =>
    eligible.flatMap((pod) => {
      const address = addressOf(pod, family);
      if (address === undefined) return [];
      const endpoint = endpointOf(service, pod, address, node(pod.spec.nodeName ?? ''));
      return [{ pod, family, endpoint, ports: common ?? portsOf(service, pod) }];
    }),
  );
}

/** A named port may have another number in another pod. */
export function byFamilyAndPorts<E extends PodEndpoint>(endpoints: readonly E[]): E[][] {
  const groups = new Map<string, E[]>();
  const keys = new Map<readonly SlicePort[], string>();
  for (const one of endpoints) {
    const known = keys.get(one.ports) ?? portsKey(one.ports);
    keys.set(one.ports, known);
    const key = `${one.family} ${known}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return [...groups.values()];
}
