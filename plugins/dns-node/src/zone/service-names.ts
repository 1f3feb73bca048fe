/** What the names of one service lead to. Source: the Kubernetes DNS specification 1.1.0, sections 2.3 and 2.4. */
import type { EndpointSlice, Service } from '@timonel/sdk/kube';

export interface Addresses {
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

/** One target of an SRV name. */
export interface ServiceTarget {
  readonly port: number;
  /** The label of an endpoint below the service's name; undefined: the service itself. */
  readonly host: string | undefined;
}

export interface ServiceNames {
  readonly addresses: Addresses;
  /** Of an ExternalName service: what its name is another name of. */
  readonly externalName: string | undefined;
  /** Endpoints of a headless service, by label. */
  readonly hosts: ReadonlyMap<string, Addresses>;
  /** By `_port._protocol`. */
  readonly ports: ReadonlyMap<string, readonly ServiceTarget[]>;
  /** Addresses whose name is the service's, or that of one of its endpoints. */
  readonly pointers: ReadonlyMap<string, string | undefined>;
}

const nothing: Addresses = { ipv4: [], ipv6: [] };

export function serviceNames(service: Service, slices: readonly EndpointSlice[]): ServiceNames {
  const { spec } = service;
  if (spec.type === 'ExternalName') {
    const externalName = spec.externalName?.replace(/\.$/, '').toLowerCase();
    return { addresses: nothing, externalName, hosts: new Map(), ports: new Map(), pointers: new Map() };
  }
  if (spec.clusterIP === 'None') return headlessNames(slices);
  const addresses = sorted(spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]));
  const ports = new Map<string, ServiceTarget[]>();
  for (const { name, protocol, port } of spec.ports ?? []) addPort(ports, name, protocol, { port, host: undefined });
  const pointers = new Map([...addresses.ipv4, ...addresses.ipv6].map((address) => [address, undefined]));
  return { addresses, externalName: undefined, hosts: new Map(), ports, pointers };
}

/** Names of the ready endpoints, each once, whatever slices they stand in. */
function headlessNames(slices: readonly EndpointSlice[]): ServiceNames {
  const all = new Set<string>();
  const hosts = new Map<string, Set<string>>();
  const ports = new Map<string, ServiceTarget[]>();
  const pointers = new Map<string, string | undefined>();
  for (const slice of slices) {
    if (slice.addressType === 'FQDN') continue;
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.ready === false) continue;
      for (const address of endpoint.addresses) {
        const host = endpoint.hostname || labelOf(address);
        all.add(address);
        hosts.set(host, (hosts.get(host) ?? new Set()).add(address));
        if (endpoint.hostname) pointers.set(address, host);
        for (const { name, protocol, port } of slice.ports ?? []) {
          if (port) addPort(ports, name, protocol, { port, host });
        }
      }
    }
  }
  return {
    addresses: sorted(all),
    externalName: undefined,
    hosts: new Map([...hosts].map(([host, addresses]) => [host, sorted(addresses)])),
    ports,
    pointers,
  };
}

function addPort(
  ports: Map<string, ServiceTarget[]>,
  name: string | undefined,
  protocol: string | undefined,
  target: ServiceTarget,
): void {
  // A port without a name has no SRV record.
  if (!name) return;
  const key = `_${name}._${(protocol ?? 'TCP').toLowerCase()}`;
  const targets = ports.get(key) ?? [];
  if (targets.some(({ port, host }) => port === target.port && host === target.host)) return;
  ports.set(key, [...targets, target]);
}

/** The label of an endpoint that has no host name: its address, which must not hold dots or colons. */
function labelOf(address: string): string {
  return address.replaceAll(/[.:]/g, '-');
}

function sorted(addresses: Iterable<string>): Addresses {
  const all = [...addresses].filter((address) => address !== '' && address !== 'None');
  return { ipv4: all.filter((each) => !each.includes(':')), ipv6: all.filter((each) => each.includes(':')) };
}
