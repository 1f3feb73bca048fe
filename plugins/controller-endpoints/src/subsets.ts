/** The subsets of an Endpoints object: addresses that have the same ports, ready ones and others. */
import { isPodReady } from '@timonel/sdk/controller';
import {
  addressOf,
  familiesOf,
  hasAddress,
  hostnameOf,
  isHeadless,
  podReference,
  portsKey,
  portsOf,
  type SlicePort,
} from '@timonel/sdk/controller/endpoints';
import type { Endpoints, Pod, Service } from '@timonel/sdk/kube';

export type Subset = NonNullable<Endpoints['subsets']>[number];
type Address = NonNullable<Subset['addresses']>[number];

export interface PodAddress {
  readonly pod: Pod;
  readonly address: Address;
  readonly ports: readonly SlicePort[];
  readonly isReady: boolean;
}

/** The pods of the service as addresses of its first family. */
export function podAddresses(service: Service, pods: readonly Pod[]): PodAddress[] {
  const publishAll = service.spec.publishNotReadyAddresses === true;
  const [family = 'IPv4'] = familiesOf(service);
  const withoutPorts = isHeadless(service) && (service.spec.ports ?? []).length === 0;
  // Which of too many are shown must not depend on the order in which they became known.
  const inOrder = [...pods].sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  return inOrder.flatMap((pod) => {
    const ip = addressOf(pod, family);
    if (ip === undefined || !hasAddress(pod)) return [];
    if (pod.metadata.deletionTimestamp !== undefined && !publishAll) return [];
    const ports = portsOf(service, pod);
    if (ports.length === 0 && !withoutPorts) return [];
    const hostname = hostnameOf(service, pod);
    const { nodeName } = pod.spec;
    const address = {
      ip,
      ...(hostname === undefined ? {} : { hostname }),
      ...(nodeName ? { nodeName } : {}),
      targetRef: podReference(pod),
    };
    return [{ pod, address, ports, isReady: publishAll || isPodReady(pod) }];
  });
}

/** At most `limit` of them, ready ones first. */
export function within(addresses: readonly PodAddress[], limit: number): readonly PodAddress[] {
  if (addresses.length <= limit) return addresses;
  const ready = addresses.filter(({ isReady }) => isReady);
  return [...ready, ...addresses.filter(({ isReady }) => !isReady)].slice(0, limit);
}

function subsetPorts(ports: readonly SlicePort[]): NonNullable<Subset['ports']> {
  return ports.map(({ name = '', protocol = 'TCP', port = 0, appProtocol }) => ({
    ...(name === '' ? {} : { name }),
    port,
    protocol,
    ...(appProtocol === undefined ? {} : { appProtocol }),
  }));
}

function sorted(addresses: readonly PodAddress[], isReady: boolean): Address[] {
  const all = addresses.filter((one) => one.isReady === isReady).map(({ address }) => address);
  return all.sort((a, b) => (a.ip < b.ip ? -1 : 1));
}

/** The same input in another order gives the same output. */
export function subsetsOf(addresses: readonly PodAddress[]): Subset[] {
  const groups = new Map<string, PodAddress[]>();
  for (const one of addresses) {
    const key = portsKey(one.ports);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, group]) => {
      const ready = sorted(group, true);
      const others = sorted(group, false);
      const ports = subsetPorts(group[0]?.ports ?? []);
      return {
        ...(ready.length === 0 ? {} : { addresses: ready }),
        ...(others.length === 0 ? {} : { notReadyAddresses: others }),
        ...(ports.length === 0 ? {} : { ports }),
      };
    });
}
