/** Gives services their cluster IP and node ports, and finds values that belong to others. */
import type { Env } from '@timonel/sdk';
import type { FieldError, Service, ServicePort } from '@timonel/sdk/kube';
import { AddressSlots } from './address-slots.ts';
import { familyProblems } from './families.ts';
import { familyOf, fillFamilies, textsOf, type Family } from './family-fill.ts';
import {
  addressesOf,
  addressName,
  addressTaken,
  finding,
  hasHealthCheck,
  healthCheckPortTaken,
  nodePortsOf,
  portName,
  portsOf,
  portTaken,
  type ValueName,
} from './held-values.ts';
import { Pool } from './pool.ts';
import { portKey, reservedPorts, type AddressRange } from './ranges.ts';

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

function usesNodePorts(spec: Service['spec']): boolean {
  if (spec.type === 'LoadBalancer') return spec['allocateLoadBalancerNodePorts'] !== false;
  return spec.type === 'NodePort';
}

/** Charts send `nodePort: null` whatever the type is, and a ClusterIP service may have no node port at all. */
function dropNulls(service: Service): void {
  for (const port of portsOf(service) as readonly { nodePort?: number | null }[])
    if (port.nodePort === null) delete port.nodePort;
}

/** A value that was filled in, and the way to take it out again. */
export interface Pick {
  readonly name: ValueName;
  /** It belongs to another: it is taken out of the object. It is not picked again for a while. */
  reject(): void;
}

/** As the cluster's services and the requests of this process show it. Other servers' requests are no part of it. */
export class Allocation {
  /** The cluster's first family first. */
  readonly #families: ReadonlyMap<Family, { readonly range: AddressRange; readonly pool: Pool<string> }>;
  readonly #ports: Pool<string>;
  readonly #portNumbers: Pool<number>;

  /** `ranges`: one, or one of each family. */
  constructor(env: Env, ranges: readonly AddressRange[], ports: PortRange) {
    this.#families = new Map(
      ranges.map((range) => [familyOf(range.first), { range, pool: new Pool<string>(env, range) }]),
    );
    const size = ports.last - ports.first + 1;
    const at = (index: number): number => ports.first + index;
    this.#portNumbers = new Pool(env, { size, reserved: reservedPorts(size), at });
    this.#ports = new Pool(env, { size: 0, reserved: 0, at: String });
  }

  /** What a stored service holds. */
  track(service: Service, owner: string): void {
    for (const address of addressesOf(service)) this.#families.get(familyOf(address))?.pool.use(address, owner);
    for (const port of nodePortsOf(service)) {
      this.#ports.use(port, owner);
      this.#portNumbers.use(Number.parseInt(port, 10), owner);
    }
  }

  untrack(service: Service, owner: string): void {
    for (const address of addressesOf(service)) this.#families.get(familyOf(address))?.pool.release(address, owner);
    for (const port of nodePortsOf(service)) {
      this.#ports.release(port, owner);
      this.#portNumbers.release(Number.parseInt(port, 10), owner);
    }
  }

  /** Fills in what the user left out. What cannot be had stays empty and is found by {@link problems}. Answers what it picked. */
  fill(service: Service, old: Service | undefined): Pick[] {
    const { spec } = service;
    if (spec === undefined) return [];
    dropNulls(service);
    if (spec.type === 'ExternalName') return [];
    return [
      ...this.#fillAddresses(spec, old),
      ...(usesNodePorts(spec) ? this.#fillPorts(service, old) : []),
      ...(hasHealthCheck(spec) && !spec.healthCheckNodePort ? this.#fillHealthCheckPort(service, old) : []),
    ];
  }

  /** Whether something was left out that could be had. */
  canFill(service: Service): boolean {
    const { spec } = service;
    if (spec === undefined || spec.type === 'ExternalName') return false;
    const lacking = new AddressSlots(spec, undefined).empty();
    if (lacking.length > 0)
      return lacking.every(({ family }) => this.#families.get(family)?.pool.pick(new Set()) !== undefined);
    const lacksNodePort = usesNodePorts(spec) && portsOf(service).some(({ nodePort }) => !nodePort);
    const lacksPort = lacksNodePort || (hasHealthCheck(spec) && !spec.healthCheckNodePort);
    return lacksPort && this.#portNumbers.pick(new Set()) !== undefined;
  }

  #fillAddresses(spec: Service['spec'], old: Service | undefined): Pick[] {
    const before = old?.spec?.type === 'ExternalName' ? undefined : old?.spec;
    fillFamilies(spec, before, [...this.#families.keys()]);
    const [listed] = textsOf(spec.clusterIPs);
    if (!spec.clusterIP && listed) spec.clusterIP = listed;
    if (spec.clusterIP === 'None') return [];
    const slots = new AddressSlots(spec, before);
    return slots.empty().flatMap(({ index, family }) => {
      const pool = this.#families.get(family)?.pool;
      const address = slots.formerly(index) ?? pool?.pick(new Set());
      if (address === undefined) return [];
      pool?.avoid(address);
      slots.set(index, address);
      if (slots.formerly(index) !== undefined) return [];
      return [{ name: addressName(address), reject: () => slots.clear(index) }];
    });
  }

  #fillPorts(service: Service, old: Service | undefined): Pick[] {
    const picks: Pick[] = [];
    const ports = portsOf(service);
    const taken = new Set(ports.map(({ nodePort }) => nodePort ?? 0));
    const before = old === undefined ? [] : portsOf(old);
    for (const port of ports) {
      if (port.nodePort) continue;
      const same = before.find((one) => one.port === port.port && (one.protocol ?? 'TCP') === (port.protocol ?? 'TCP'));
      const kept = same?.nodePort && !taken.has(same.nodePort) ? same.nodePort : undefined;
      const twin = old === undefined ? this.#twinOf(port, ports) : undefined;
      const number = kept ?? twin ?? this.#portNumbers.pick(taken);
      if (number === undefined) return picks;
      const key = portKey(number, port.protocol);
      this.#portNumbers.avoid(number);
      port.nodePort = number;
      taken.add(number);
      if (kept !== undefined) continue;
      const reject = (): void => {
        delete port.nodePort;
        this.#ports.avoid(key);
      };
      picks.push({ name: portName(key), reject });
    }
    return picks;
  }

  #fillHealthCheckPort(service: Service, old: Service | undefined): Pick[] {
    const { spec } = service;
    const before = old?.spec?.healthCheckNodePort;
    const taken = new Set(portsOf(service).map(({ nodePort }) => nodePort ?? 0));
    const number = before || this.#portNumbers.pick(taken);
    if (number === undefined) return [];
    spec.healthCheckNodePort = number;
    if (before) return [];
    this.#portNumbers.avoid(number);
    const key = portKey(number, 'TCP');
    const reject = (): void => {
      delete spec.healthCheckNodePort;
      this.#ports.avoid(key);
    };
    return [{ name: portName(key), reject }];
  }

  /** The node port of the same port with another protocol, as of DNS: in a new service both have one number, if it can be had. */
  #twinOf({ port, protocol }: ServicePort, ports: readonly ServicePort[]): number | undefined {
    const number = ports.find((one) => one.port === port && one.nodePort)?.nodePort;
    if (number === undefined) return undefined;
    const key = portKey(number, protocol);
    const isOwn = ports.some((one) => one.nodePort === number && portKey(number, one.protocol) === key);
    return !isOwn && this.#ports.isFree(key) ? number : undefined;
  }

  /** Findings by what the cluster's services hold. */
  problems(service: Service, owner: string, old?: Service): FieldError[] {
    const { spec } = service;
    if (spec === undefined || spec.type === 'ExternalName') return [];
    const found: FieldError[] = familyProblems(service, [...this.#families.keys()], old);
    for (const { family } of new AddressSlots(spec, undefined).empty()) {
      const range = this.#families.get(family)?.range;
      // Of a family that the cluster does not have, familyProblems tells.
      if (range === undefined) continue;
      found.push(finding('spec.clusterIPs', [], `failed to allocate an IP address: the range ${range.cidr} is full`));
    }
    for (const address of addressesOf(service)) {
      const { range, pool } = this.#families.get(familyOf(address)) ?? {};
      if (range === undefined || pool === undefined || !range.includes(address)) {
        const valid = range?.cidr ?? [...this.#families.values()].map((each) => each.range.cidr).join(', ');
        const why = `failed to allocate IP ${address}: the provided IP is not in the valid range ${valid}`;
        found.push(finding('spec.clusterIPs', [address], why));
      } else if (!pool.isFreeFor(address, owner)) found.push(addressTaken(address));
    }
    portsOf(service).forEach(({ nodePort, protocol }, index) => {
      if (nodePort) {
        if (!this.#ports.isFreeFor(portKey(nodePort, protocol), owner)) found.push(portTaken(index, nodePort));
      } else if (usesNodePorts(spec)) {
        found.push(finding(`spec.ports[${index}].nodePort`, 0, 'failed to allocate a node port: the range is full'));
      }
    });
    if (hasHealthCheck(spec)) found.push(...this.#healthCheckProblems(spec, owner));
    return found;
  }

  #healthCheckProblems({ healthCheckNodePort: port }: Service['spec'], owner: string): FieldError[] {
    if (!port) {
      const why = 'failed to allocate a HealthCheck NodePort: the range is full';
      return [finding('spec.healthCheckNodePort', 0, why)];
    }
    return this.#ports.isFreeFor(portKey(port, 'TCP'), owner) ? [] : [healthCheckPortTaken(port)];
  }
}
