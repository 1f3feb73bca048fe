/** Which port is meant. */
import { ApiError, type Pod, type Service } from '@timonel/sdk/kube';
import type { Protocol } from './scene.ts';

type ServicePort = NonNullable<Service['spec']['ports']>[number];

function isNumber(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
}

/** @throws ApiError BadRequest */
function requireNumber(text: string | undefined): number {
  if (text !== undefined && isNumber(text)) return Number(text);
  throw new ApiError(
    'BadRequest',
    `a port from 1 to 65535 is needed, such as 80${text === undefined ? '' : `, not "${text}"`}`,
  );
}

function only<T>(list: readonly T[], what: string, shown: readonly string[]): T {
  const [first] = list;
  if (first !== undefined && list.length === 1) return first;
  const has = shown.length === 0 ? 'has none that it names' : `has ${shown.join(', ')}`;
  throw new ApiError('BadRequest', `name the port: ${what} ${has}`);
}

/** A number, the name of a container port, or the only container port. @throws ApiError BadRequest */
export function podPort({ metadata, spec }: Pod, wanted: string | undefined, protocol: Protocol): number {
  if (wanted !== undefined && isNumber(wanted)) return Number(wanted);
  const all = [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ ports = [] }) => ports);
  const fit = all.filter((port) => (port.protocol ?? 'TCP') === protocol);
  const found = wanted === undefined ? fit : fit.filter(({ name }) => name === wanted);
  const shown = all.map(
    ({ name, containerPort, protocol: own }) => `${name ? `${name} ` : ''}${containerPort}/${own ?? 'TCP'}`,
  );
  return only(found, `pod ${metadata.name}`, shown).containerPort;
}

/** Undefined: the service has no such port. @throws ApiError BadRequest when none is named and it has several */
export function servicePort(
  { metadata, spec }: Service,
  wanted: string | undefined,
  protocol: Protocol,
): ServicePort | undefined {
  const all = spec.ports ?? [];
  const fit = all.filter((port) => (port.protocol ?? 'TCP') === protocol);
  if (wanted === undefined) return only(fit, `service ${metadata.name}`, portsShown(all));
  return isNumber(wanted) ? fit.find(({ port }) => port === Number(wanted)) : fit.find(({ name }) => name === wanted);
}

export function portsShown(ports: readonly ServicePort[]): readonly string[] {
  return ports.map(({ name, port, protocol }) => `${name ? `${name} ` : ''}${port}/${protocol ?? 'TCP'}`);
}

/** @throws ApiError BadRequest */
export function addressPort(wanted: string | undefined): number {
  return requireNumber(wanted);
}
