/** What a service holds that no other may hold: each value under a name, and where it stands in the object. */
import { formatIp, parseIp } from '@timonel/sdk/contracts/network';
import type { FieldError, Service, ServicePort } from '@timonel/sdk/kube';
import { portKey } from './ranges.ts';

/** `addresses/10.96.0.7` or `node-ports/30080-TCP`: the end of its key in the store. */
export type ValueName = string;

export interface HeldValue {
  readonly name: ValueName;
  /** The finding when it belongs to another service. */
  readonly taken: FieldError;
}

export function addressName(address: string): ValueName {
  return `addresses/${address}`;
}

/** `port`: as {@link portKey} makes it. */
export function portName(port: string): ValueName {
  return `node-ports/${port.replace('/', '-')}`;
}

export function portsOf(service: Service): readonly ServicePort[] {
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
  return addresses
    .filter((address): address is string => typeof address === 'string' && address !== '' && address !== 'None')
    .map(canonical);
}

/** One address has one name, however it is written. */
function canonical(text: string): string {
  const address = parseIp(text);
  return address === undefined ? text : formatIp(address);
}

/** Whether load balancers from outside ask each node about it: `spec.healthCheckNodePort` is for these. */
export function hasHealthCheck(spec: Service['spec']): boolean {
  return spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
}

function healthCheckPortOf({ spec }: Service): number | undefined {
  const port: unknown = spec?.healthCheckNodePort;
  return typeof port === 'number' && port > 0 && hasHealthCheck(spec) ? port : undefined;
}

/** The node ports a service holds, as `30080/TCP`. */
export function nodePortsOf(service: Service): string[] {
  const { type }: Partial<Service['spec']> = service.spec ?? {};
  if (type === 'ExternalName') return [];
  const ports = portsOf(service).filter(({ nodePort }) => typeof nodePort === 'number' && nodePort > 0);
  const healthCheck = healthCheckPortOf(service);
  return [
    ...ports.map(({ nodePort = 0, protocol }) => portKey(nodePort, protocol)),
    ...(healthCheck === undefined ? [] : [portKey(healthCheck, 'TCP')]),
  ];
}

export function finding(field: string, value: unknown, why: string): FieldError {
  return { field, reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(value)}: ${why}` };
}

export function addressTaken(address: string): FieldError {
  const why = `failed to allocate IP ${address}: provided IP is already allocated`;
  return finding('spec.clusterIPs', [address], why);
}

export function portTaken(index: number, nodePort: number): FieldError {
  return finding(`spec.ports[${index}].nodePort`, nodePort, 'provided port is already allocated');
}

export function healthCheckPortTaken(port: number): FieldError {
  return finding(
    'spec.healthCheckNodePort',
    port,
    `failed to allocate requested HealthCheck NodePort ${port}: provided port is already allocated`,
  );
}

export function heldValues(service: Service): HeldValue[] {
  const addresses = addressesOf(service).map((address) => ({
    name: addressName(address),
    taken: addressTaken(address),
  }));
  const ports = portsOf(service).flatMap(({ nodePort, protocol }, index) =>
    typeof nodePort === 'number' && nodePort > 0
      ? [{ name: portName(portKey(nodePort, protocol)), taken: portTaken(index, nodePort) }]
      : [],
  );
  const healthCheck = healthCheckPortOf(service);
  if (healthCheck !== undefined) {
    ports.push({ name: portName(portKey(healthCheck, 'TCP')), taken: healthCheckPortTaken(healthCheck) });
  }
  return [...addresses, ...(service.spec?.type === 'ExternalName' ? [] : ports)];
}

export function holds(service: Service, name: ValueName): boolean {
  return heldValues(service).some((value) => value.name === name);
}
