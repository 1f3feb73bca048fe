/** Environment variables that name the Services a pod can reach, as the kubelet has them. Pure. */
import type { Pod, Service } from '@timonel/sdk/kube';

/** What is known of a Service with an address. */
export interface KnownService {
  readonly namespace: string;
  readonly name: string;
  readonly clusterIP: string;
  readonly ports: readonly { readonly name?: string; readonly protocol?: string; readonly port: number }[];
}

/** The API server's own: every pod is told of it, whatever its enableServiceLinks says. */
export const apiServerService = 'default/kubernetes';

/** Undefined: it has no address that a variable could name. */
export function knownService({ metadata, spec }: Service): KnownService | undefined {
  const { clusterIP = '', ports = [] } = spec;
  if (clusterIP === '' || clusterIP === 'None' || ports.length === 0) return undefined;
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name ?? '',
    clusterIP,
    ports: ports.map(({ name, protocol, port }) => ({
      ...(name === undefined ? {} : { name }),
      ...(protocol === undefined ? {} : { protocol }),
      port,
    })),
  };
}

const variableName = (text: string): string => text.toUpperCase().replaceAll('-', '_');

function variablesOf({ name, clusterIP, ports }: KnownService): [string, string][] {
  const prefix = variableName(name);
  const host = clusterIP.includes(':') ? `[${clusterIP}]` : clusterIP;
  const variables: [string, string][] = [
    [`${prefix}_SERVICE_HOST`, clusterIP],
    [`${prefix}_SERVICE_PORT`, String(ports[0]?.port ?? '')],
  ];
  for (const port of ports) {
    if (port.name !== undefined && port.name !== '')
      variables.push([`${prefix}_SERVICE_PORT_${variableName(port.name)}`, String(port.port)]);
  }
  for (const [index, { port, protocol = 'TCP' }] of ports.entries()) {
    const scheme = protocol.toLowerCase();
    const address = `${scheme}://${host}:${port}`;
    const own = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
    if (index === 0) variables.push([`${prefix}_PORT`, address]);
    variables.push([own, address], [`${own}_PROTO`, scheme], [`${own}_PORT`, String(port)], [`${own}_ADDR`, clusterIP]);
  }
  return variables;
}

/** Of the pod's own namespace, unless it does not want them, and of the API server. */
export function serviceVariables(pod: Pod, services: Iterable<KnownService>): Map<string, string> {
  const linked = pod.spec.enableServiceLinks !== false;
  const chosen = new Map<string, KnownService>();
  for (const service of services) {
    const isOwn = linked && service.namespace === pod.metadata.namespace;
    const isApiServer = `${service.namespace}/${service.name}` === apiServerService;
    // One of that name in the pod's namespace goes before the API server's.
    if (isOwn || (isApiServer && !chosen.has(service.name))) chosen.set(service.name, service);
  }
  return new Map([...chosen.values()].flatMap(variablesOf));
}
