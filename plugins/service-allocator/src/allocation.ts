/** Gives services their cluster IP and node ports, and finds values that belong to others. */
import type { Env } from '@timonel/sdk';
import type { FieldError, Service, ServicePort } from '@timonel/sdk/kube';
import { Pool } from './pool.ts';
import { portKey, type AddressRange } from './ranges.ts';

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

function usesNodePorts(spec: Service['spec']): boolean {
  if (spec.type === 'LoadBalancer') return spec['allocateLoadBalancerNodePorts'] !== false;
  return spec.type === 'NodePort';
}

function portsOf(service: Service): readonly ServicePort[] {
  const ports: unknown = service.spec?.ports;
  return Array.isArray(ports)
    ? (ports as ServicePort[]).filter((port) => typeof port === 'object' && port !== null)
    : [];
}

/** The addresses a service holds. */
export function addressesOf(service: Service): string[] {
  const spec: Service['spec'] | undefined = service.spec;
  if (spec === undefined || spec.type === 'ExternalName') return [];
  const listed: unknown = spec.clusterIPs;
  const addresses = Array.isArray(listed) && listed.length > 0 ? (listed as unknown[]) : [spec.clusterIP];
  return addresses.filter(
    (address): address is string => typeof address === 'string' && address !== '' && address !== 'None',
  );
}

/** The node ports a service holds, as `30080/TCP`. */
export function nodePortsOf(service: Service): string[] {
  const ports = portsOf(service).filter(({ nodePort }) => typeof nodePort === 'number' && nodePort > 0);
  return ports.map(({ nodePort = 0, protocol }) => portKey(nodePort, protocol));
}

export class Allocation {
  readonly #range: AddressRange;
  readonly #addresses: Pool<string>;
  readonly #ports: Pool<string>;
  readonly #portNumbers: Pool<number>;

  constructor(env: Env, range: AddressRange, ports: PortRange) {
    this.#range = range;
    this.#addresses = new Pool(env, range);
    const numbers = { size: ports.last - ports.first + 1, at: (index: number) => ports.first + index };
    this.#portNumbers = new Pool(env, numbers);
    this.#ports = new Pool(env, { size: 0, at: String });
  }

  /** What a stored service holds. */
  track(service: Service, owner: string): void {
    for (const address of addressesOf(service)) this.#addresses.use(address, owner);
    for (const port of nodePortsOf(service)) {
      this.#ports.use(port, owner);
      this.#portNumbers.use(Number.parseInt(port, 10), owner);
    }
  }

  untrack(service: Service, owner: string): void {
    for (const address of addressesOf(service)) this.#addresses.release(address, owner);
    for (const port of nodePortsOf(service)) {
      this.#ports.release(port, owner);
      this.#portNumbers.release(Number.parseInt(port, 10), owner);
    }
  }

  /** Fills in what the user left out. What cannot be had stays empty and is found by {@link problems}. */
  fill(service: Service, old: Service | undefined, owner: string): void {
    const { spec } = service;
    if (spec === undefined || spec.type === 'ExternalName') return;
    if (!spec.clusterIP) this.#fillAddress(spec, old, owner);
    if (usesNodePorts(spec)) this.#fillPorts(service, old, owner);
  }

  #fillAddress(spec: Service['spec'], old: Service | undefined, owner: string): void {
    const listed: unknown = spec.clusterIPs;
    const chosen = Array.isArray(listed) ? (listed[0] as unknown) : undefined;
    const before = old?.spec?.type === 'ExternalName' ? undefined : old?.spec?.clusterIP;
    const address =
      typeof chosen === 'string' && chosen !== '' ? chosen : before || this.#addresses.pick(owner, new Set());
    if (address === undefined) return;
    this.#addresses.reserve(address, owner);
    spec.clusterIP = address;
    if (!Array.isArray(listed) || listed.length === 0) spec.clusterIPs = [address];
    if (spec.ipFamilies === undefined || spec.ipFamilies.length === 0) spec.ipFamilies = ['IPv4'];
    spec.ipFamilyPolicy ??= 'SingleStack';
  }

  #fillPorts(service: Service, old: Service | undefined, owner: string): void {
    const ports = portsOf(service);
    const taken = new Set(ports.map(({ nodePort }) => nodePort ?? 0));
    const before = old === undefined ? [] : portsOf(old);
    for (const port of ports) {
      if (port.nodePort) continue;
      const same = before.find((one) => one.port === port.port && (one.protocol ?? 'TCP') === (port.protocol ?? 'TCP'));
      const kept = same?.nodePort && !taken.has(same.nodePort) ? same.nodePort : undefined;
      const number = kept ?? this.#portNumbers.pick(owner, taken);
      if (number === undefined) return;
      this.#ports.reserve(portKey(number, port.protocol), owner);
      this.#portNumbers.reserve(number, owner);
      port.nodePort = number;
      taken.add(number);
    }
  }

  /** Findings; what is fine is reserved for the service unless it is a dry run. */
  problems(service: Service, owner: string, dryRun: boolean): FieldError[] {
    const { spec } = service;
    if (spec === undefined || spec.type === 'ExternalName') return [];
    const found: FieldError[] = [];
    const invalid = (field: string, value: unknown, why: string): void => {
      found.push({ field, reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(value)}: ${why}` });
    };
    if (!spec.clusterIP) {
      found.push({
        field: 'spec.clusterIPs',
        reason: 'FieldValueInvalid',
        message: `Invalid value: []: failed to allocate an IP address: the range ${this.#range.cidr} is full`,
      });
    }
    for (const address of addressesOf(service)) {
      if (!this.#range.includes(address)) {
        invalid(
          'spec.clusterIPs',
          [address],
          `failed to allocate IP ${address}: the provided IP is not in the valid range ${this.#range.cidr}`,
        );
      } else if (!this.#claim(this.#addresses, address, owner, dryRun)) {
        invalid('spec.clusterIPs', [address], `failed to allocate IP ${address}: provided IP is already allocated`);
      }
    }
    portsOf(service).forEach(({ nodePort, protocol }, index) => {
      const field = `spec.ports[${index}].nodePort`;
      if (!nodePort) {
        if (usesNodePorts(spec)) invalid(field, 0, 'failed to allocate a node port: the range is full');
      } else if (!this.#claim(this.#ports, portKey(nodePort, protocol), owner, dryRun)) {
        invalid(field, nodePort, 'provided port is already allocated');
      }
    });
    return found;
  }

  #claim(pool: Pool<string>, value: string, owner: string, dryRun: boolean): boolean {
    return dryRun ? pool.isFreeFor(value, owner) : pool.reserve(value, owner);
  }
}
