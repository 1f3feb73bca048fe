import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '../../contracts/api/index.ts';
import { ApiError, type Endpoints, type EndpointSlice, type KubeObject } from '../../kube/index.ts';
import { addressOfServer, endpointsOfServers, keepServerEndpoints, placeOfServer, slicesOfServers } from './index.ts';

const places = [
  { address: '10.0.0.2', port: 6443 },
  { address: '10.0.0.1', port: 6443 },
  { address: 'fd00::1', port: 6444 },
  { address: '10.0.0.1', port: 6443 },
];

describe('where servers are', () => {
  it('is said by addresses that others reach', () => {
    const urls = [
      'https://10.0.0.3',
      'https://[fd00::1]:6444',
      'https://127.0.0.1:6443',
      'https://[::1]:1',
      'https://a.b',
    ];
    expect(urls.map((url) => placeOfServer(url))).toEqual([
      { address: '10.0.0.3', port: 443 },
      { address: 'fd00::1', port: 6444 },
      undefined,
      undefined,
      undefined,
    ]);
    expect(addressOfServer('https://127.0.0.1:6443')).toEqual({ address: '127.0.0.1', port: 6443 });
  });

  it('is one subset and one slice for each port and family', () => {
    const { subsets, metadata } = endpointsOfServers(places);
    expect(subsets).toEqual([
      { addresses: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }], ports: [{ name: 'https', port: 6443, protocol: 'TCP' }] },
      { addresses: [{ ip: 'fd00::1' }], ports: [{ name: 'https', port: 6444, protocol: 'TCP' }] },
    ]);
    expect(metadata.labels).toEqual({ 'endpointslice.kubernetes.io/skip-mirror': 'true' });
    expect(
      slicesOfServers(places).map(({ metadata: { name }, addressType, endpoints, ports }) => [
        name,
        addressType,
        endpoints.flatMap(({ addresses }) => addresses),
        ports?.[0]?.port,
      ]),
    ).toEqual([
      ['kubernetes', 'IPv4', ['10.0.0.1', '10.0.0.2'], 6443],
      ['kubernetes-v6-6444', 'IPv6', ['fd00::1'], 6444],
    ]);
  });
});

it('a server on a node has the name of it in the slice', () => {
  const [slice] = slicesOfServers([{ address: '10.244.0.1', port: 6443, nodeName: 'n1' }]);
  expect(slice?.endpoints).toEqual([{ addresses: ['10.244.0.1'], conditions: { ready: true }, nodeName: 'n1' }]);
});

/** Keeps objects by kind and name, and notes what is written. */
class FakeApi {
  readonly objects = new Map<string, KubeObject>();
  readonly writes: string[] = [];
  isWithoutNamespace = false;

  client(): ApiClient {
    const key = ({ kind }: { kind: string }, name = ''): string => `${kind}/${name}`;
    const put = (verb: string) => async (type: { kind: string }, object: KubeObject) => {
      if (this.isWithoutNamespace) throw new ApiError('NotFound', 'namespaces "default" not found');
      this.writes.push(`${verb} ${key(type, object.metadata.name)}`);
      this.objects.set(key(type, object.metadata.name), object);
      return object;
    };
    const get = async (type: { kind: string }, { name }: { name: string }): Promise<KubeObject> => {
      const found = this.objects.get(key(type, name));
      if (found === undefined) throw new ApiError('NotFound', 'there is none');
      return found;
    };
    const remove = async (type: { kind: string }, { name }: { name: string }): Promise<void> => {
      this.writes.push(`delete ${key(type, name)}`);
      this.objects.delete(key(type, name));
    };
    const list = async ({ kind }: { kind: string }): Promise<unknown> => ({
      items: [...this.objects].filter(([name]) => name.startsWith(`${kind}/`)).map(([, object]) => object),
    });
    return { get, list, create: put('create'), update: put('update'), delete: remove } as unknown as ApiClient;
  }

  /** What has been written since the last call. */
  written(): readonly string[] {
    return this.writes.splice(0);
  }
}

describe('keepServerEndpoints', () => {
  it('makes what is missing, corrects what is not so, removes what is too much, and else writes nothing', async () => {
    const fake = new FakeApi();
    const api = fake.client();
    await keepServerEndpoints(api, []);
    expect(fake.written()).toEqual([]);
    await keepServerEndpoints(api, places);
    expect(fake.written()).toEqual([
      'create Endpoints/kubernetes',
      'create EndpointSlice/kubernetes',
      'create EndpointSlice/kubernetes-v6-6444',
    ]);
    await keepServerEndpoints(api, places.toReversed());
    expect(fake.written()).toEqual([]);
    await keepServerEndpoints(api, places.slice(1, 2));
    expect(fake.written()).toEqual([
      'update Endpoints/kubernetes',
      'delete EndpointSlice/kubernetes-v6-6444',
      'update EndpointSlice/kubernetes',
    ]);
  });

  it('says so when the namespace is not there yet', async () => {
    const fake = new FakeApi();
    fake.isWithoutNamespace = true;
    await expect(keepServerEndpoints(fake.client(), places)).rejects.toThrow('"default" not found');
  });

  it('leaves labels and slices of others alone, and makes a slice of another family anew', async () => {
    const fake = new FakeApi();
    const api = fake.client();
    await keepServerEndpoints(api, places.slice(0, 1));
    const stored = fake.objects.get('Endpoints/kubernetes') as Endpoints;
    fake.objects.set('Endpoints/kubernetes', { ...stored, metadata: { ...stored.metadata, labels: { mine: 'yes' } } });
    const others: EndpointSlice = {
      metadata: { name: 'other', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
      addressType: 'IPv4',
      endpoints: [],
    };
    fake.objects.set('EndpointSlice/other', others);
    fake.written();
    await keepServerEndpoints(api, places.slice(2, 3));
    expect(fake.written()).toEqual([
      'update Endpoints/kubernetes',
      'delete EndpointSlice/kubernetes',
      'create EndpointSlice/kubernetes',
    ]);
    expect(fake.objects.get('Endpoints/kubernetes')?.metadata.labels).toEqual({
      mine: 'yes',
      'endpointslice.kubernetes.io/skip-mirror': 'true',
    });
    expect(fake.objects.get('EndpointSlice/other')).toBe(others);
  });
});
