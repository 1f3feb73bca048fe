import type { EndpointSlice, Service } from '@timonel/sdk/kube';

/** `key`: `namespace/name`. */
export function serviceOf(key: string, spec: Partial<Service['spec']>): Service {
  const [namespace = '', name = ''] = key.split('/');
  const metadata = { namespace, name, uid: `service-${key}`, resourceVersion: '1' };
  return { metadata, spec: { ports: [], ...spec } };
}

export interface SliceEndpoint {
  readonly address: string;
  readonly hostname?: string;
  readonly ready?: boolean;
}

export function sliceOf(key: string, ports: EndpointSlice['ports'], ...endpoints: SliceEndpoint[]): EndpointSlice {
  const [namespace = '', service = ''] = key.split('/');
  const ipv6 = (endpoints[0]?.address ?? '').includes(':');
  const name = `${service}-${ipv6 ? 6 : 4}`;
  const labels = { 'kubernetes.io/service-name': service };
  return {
    metadata: { namespace, name, uid: `slice-${namespace}-${name}`, resourceVersion: '1', labels },
    addressType: ipv6 ? 'IPv6' : 'IPv4',
    ...(ports === undefined ? {} : { ports }),
    endpoints: endpoints.map(({ address, hostname, ready = true }) => ({
      addresses: [address],
      conditions: { ready },
      ...(hostname === undefined ? {} : { hostname }),
    })),
  };
}
