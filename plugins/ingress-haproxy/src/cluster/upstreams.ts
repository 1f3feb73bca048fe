/** The pods behind the ports of Services, straight from the EndpointSlices. */
import type { EndpointSlice, Service, ServicePort } from '@timonel/sdk/kube';
import type { Endpoint, Upstream, UpstreamProtocol } from '../routing/model.ts';
import type { ClusterObjects } from './objects.ts';

export type Resolved =
  | { readonly found: true; readonly id: string }
  | { readonly found: false; readonly reason: string; readonly message: string };

const protocols: Readonly<Record<string, UpstreamProtocol>> = {
  'kubernetes.io/h2c': 'h2c',
  grpc: 'h2c',
  https: 'https',
  'kubernetes.io/wss': 'https',
};

type SliceEndpoint = EndpointSlice['endpoints'][number];

const isReady = ({ conditions }: SliceEndpoint): boolean => conditions?.ready !== false;
const isServing = (endpoint: SliceEndpoint): boolean => endpoint.conditions?.serving ?? isReady(endpoint);

/** Those that are ready; where none is, those that still serve while they end. */
function endpointsOf(slices: readonly EndpointSlice[], portName: string): readonly Endpoint[] {
  const collect = (isUsed: (endpoint: SliceEndpoint) => boolean): Map<string, Endpoint> => {
    const found = new Map<string, Endpoint>();
    for (const { addressType, endpoints, ports = [] } of slices) {
      const port = ports.find(({ name = '', protocol = 'TCP' }) => name === portName && protocol === 'TCP')?.port;
      if (port === undefined || addressType === 'FQDN') continue;
      for (const endpoint of endpoints.filter(isUsed)) {
        const [address] = endpoint.addresses;
        if (address !== undefined) found.set(`${address} ${port}`, { address, port });
      }
    }
    return found;
  };
  const ready = collect(isReady);
  const found = ready.size > 0 ? ready : collect(isServing);
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
}

/** Collects the upstreams that routes name. */
export class Upstreams {
  readonly #objects: ClusterObjects;
  readonly #found = new Map<string, Upstream>();
  readonly #ports = new Map<string, { readonly key: string; readonly portName: string }>();

  constructor(objects: ClusterObjects) {
    this.#objects = objects;
  }

  get all(): ReadonlyMap<string, Upstream> {
    return this.#found;
  }

  /** Whether endpoints of the service matter. */
  uses(service: string): boolean {
    for (const { key } of this.#ports.values()) if (key === service) return true;
    return false;
  }

  /** The same ones with the endpoints that they have now. */
  refreshed(): ReadonlyMap<string, Upstream> {
    const now = new Map<string, Upstream>();
    for (const [id, upstream] of this.#found) {
      const { key, portName } = this.#ports.get(id) ?? { key: '', portName: '' };
      now.set(id, { ...upstream, endpoints: endpointsOf(this.#objects.slices(key), portName) });
    }
    return now;
  }

  /** The upstream of a Service's port, by its number or name. `protocol`: whatever the Service says of it. */
  resolve(namespace: string, name: string, port: number | string | undefined, protocol?: UpstreamProtocol): Resolved {
    const key = `${namespace}/${name}`;
    const service = this.#objects.service(key);
    if (service === undefined) return refused('ServiceNotFound', `there is no Service ${key}`);
    if (service.spec.type === 'ExternalName')
      return refused(
        'ServiceNotSupported',
        `the Service ${key} is an ExternalName: only services with endpoints are served`,
      );
    const found = portOf(service, port);
    if (found === undefined)
      return refused(
        'ServicePortNotFound',
        `the Service ${key} has no port ${port ?? ''}: it has ${portsText(service)}`,
      );
    const id = `${key}:${found.port}${protocol === undefined ? '' : `/${protocol}`}`;
    if (!this.#found.has(id)) {
      const portName = found.name ?? '';
      const endpoints = endpointsOf(this.#objects.slices(key), portName);
      this.#ports.set(id, { key, portName });
      this.#found.set(id, { id, protocol: protocol ?? protocols[found.appProtocol ?? ''] ?? 'http', endpoints });
    }
    return { found: true, id };
  }
}

function refused(reason: string, message: string): Resolved {
  return { found: false, reason, message };
}

function portOf({ spec }: Service, wanted: number | string | undefined): ServicePort | undefined {
  const ports = (spec.ports ?? []).filter(({ protocol = 'TCP' }) => protocol === 'TCP');
  if (wanted === undefined) return ports.length === 1 ? ports[0] : undefined;
  return ports.find(({ name, port }) => (typeof wanted === 'number' ? port === wanted : name === wanted));
}

function portsText({ spec }: Service): string {
  const ports = (spec.ports ?? []).map(({ name, port }) => (name === undefined ? String(port) : `${port} (${name})`));
  return ports.length === 0 ? 'none' : ports.join(', ');
}
