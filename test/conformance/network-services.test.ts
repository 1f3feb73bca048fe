/** What users rely on of Services without any traffic: endpoints in both shapes, mirrors, the service of the API servers. */
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import endpointsController from '@timonel/plugin-controller-endpoints';
import endpointSliceController from '@timonel/plugin-controller-endpointslice';
import mirroringController from '@timonel/plugin-controller-endpointslicemirroring';
import {
  endpoints,
  endpointSlices,
  pods,
  services,
  type Endpoints,
  type EndpointSlice,
  type Pod,
} from '@timonel/sdk/kube';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { startCluster, type Cluster } from './support/cluster.ts';

const controllers = [endpointSliceController, endpointsController, mirroringController];

function aPod(
  namespace: string,
  name: string,
  labels: Record<string, string>,
  ports: Record<string, number> = {},
): Pod {
  const list = Object.entries(ports).map(([portName, containerPort]) => ({ name: portName, containerPort }));
  return {
    metadata: { namespace, name, labels },
    spec: { containers: [{ name: 'main', image: 'web:1', ports: list }] },
  };
}

/** `pod:port`, sorted, of slices and of Endpoints: the same pods with the same ports. */
function shownBySlices(slices: readonly EndpointSlice[]): string[] {
  const all = slices.flatMap(({ endpoints: list, ports = [] }) =>
    list.flatMap(({ targetRef, addresses }) => ports.map(({ port }) => `${targetRef?.name ?? addresses[0]}:${port}`)),
  );
  return all.sort((a, b) => (a < b ? -1 : 1));
}

function shownByEndpoints({ subsets = [] }: Endpoints): string[] {
  const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
    addresses.flatMap(({ targetRef, ip }) => ports.map(({ port }) => `${targetRef?.name ?? ip}:${port}`)),
  );
  return all.sort((a, b) => (a < b ? -1 : 1));
}

describe('network: Endpoints and EndpointSlices', () => {
  let cluster: Cluster;
  let namespace: string;
  beforeAll(async () => {
    cluster = await startCluster({ controllers, nodes: 2 });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  async function slicesOf(name: string): Promise<EndpointSlice[]> {
    const labelSelector = `kubernetes.io/service-name=${name}`;
    return (await cluster.api.list(endpointSlices, { namespace, labelSelector })).items;
  }

  /** In both shapes. */
  function shows(name: string, ...expected: string[]): Promise<unknown> {
    return cluster.until(`${name} to show ${expected.join()}`, async () => {
      const legacy = shownByEndpoints(await cluster.api.get(endpoints, { namespace, name }));
      return [legacy, shownBySlices(await slicesOf(name))].every((shown) => shown.join() === expected.join());
    });
  }

  const deleteService = (name: string): Promise<unknown> => cluster.api.delete(services, { namespace, name });

  it('show the pods that match each service, with the ports they have', async () => {
    namespace = await cluster.namespace();
    const { api } = cluster;
    await api.create(pods, aPod(namespace, 'one', { app: 'a', tier: 'x' }, { main: 3000 }));
    await api.create(pods, aPod(namespace, 'two', { app: 'a', tier: 'y' }, { main: 3001 }));
    const selectors = { both: { app: 'a' }, first: { app: 'a', tier: 'x' } };
    for (const [name, selector] of Object.entries(selectors))
      await api.create(services, {
        metadata: { namespace, name },
        spec: { selector, ports: [{ name: 'named', port: 80, targetPort: 'main' }] },
      });
    await shows('both', 'one:3000', 'two:3001');
    await shows('first', 'one:3000');
    for (const { endpoints: list } of await slicesOf('both')) {
      expect(list[0]?.conditions).toEqual({ ready: true, serving: true, terminating: false });
      expect(list[0]?.targetRef).toMatchObject({ kind: 'Pod', namespace, uid: expect.any(String) });
      expect(list[0]?.nodeName).toMatch(/^node-[01]$/);
    }
  });

  it('are empty for a selector that matches no pod, and go with the service', async () => {
    namespace = await cluster.namespace();
    const { api } = cluster;
    const spec = { selector: { app: 'nobody' }, ports: [{ port: 80 }] };
    await api.create(services, { metadata: { namespace, name: 'none' }, spec });
    await cluster.until('an empty slice', async () => (await slicesOf('none')).length === 1);
    expect((await slicesOf('none'))[0]?.endpoints).toEqual([]);
    const found = await cluster.until('Endpoints', () => api.get(endpoints, { namespace, name: 'none' }));
    expect(found.subsets ?? []).toEqual([]);
    await deleteService('none');
    await cluster.until('both to go', async () => {
      const left = [await api.list(endpoints, { namespace }), await api.list(endpointSlices, { namespace })];
      return left.every(({ items }) => items.length === 0);
    });
  });

  it('mirror hand-made Endpoints when they are made, changed and deleted', async () => {
    namespace = await cluster.namespace();
    const { api } = cluster;
    const at = { namespace, name: 'by-hand' };
    const subset = (ip: string, port: number): NonNullable<Endpoints['subsets']> => [
      { addresses: [{ ip }], ports: [{ name: 'p', port, protocol: 'TCP' }] },
    ];
    await api.create(services, { metadata: at, spec: { ports: [{ name: 'p', port: 80 }] } });
    const made = await api.create(endpoints, { metadata: at, subsets: subset('10.1.2.3', 80) });
    await shows('by-hand', '10.1.2.3:80');
    const [slice] = await slicesOf('by-hand');
    expect(slice?.metadata.labels?.['endpointslice.kubernetes.io/managed-by']).toBe(
      'endpointslicemirroring-controller.k8s.io',
    );
    await api.update(endpoints, { ...made, subsets: subset('10.2.3.4', 8080) });
    await shows('by-hand', '10.2.3.4:8080');
    await api.delete(endpoints, at);
    await cluster.until('the mirror to go', async () => (await slicesOf('by-hand')).length === 0);
  });

  it('an Endpoints object of no service lives by all verbs, and no controller minds it', async () => {
    namespace = await cluster.namespace();
    const { api } = cluster;
    const labels = { test: 'life' };
    const subsets = [{ addresses: [{ ip: '10.0.0.24' }], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] }];
    const events = cluster.record(endpoints, namespace);
    const made = await api.create(endpoints, { metadata: { namespace, name: 'life', labels }, subsets });
    const listed = await api.list(endpoints, { labelSelector: 'test=life' });
    expect(listed.items.map(({ metadata }) => metadata.uid)).toEqual([made.metadata.uid]);
    await api.update(endpoints, { ...made, metadata: { ...made.metadata, labels: { ...labels, more: 'yes' } } });
    const body = { metadata: { labels: { patched: 'yes' } }, subsets: [{ ...subsets[0], ports: [{ port: 8080 }] }] };
    const patched = await api.patch(endpoints, { namespace, name: 'life' }, { type: 'merge', body });
    expect(patched.subsets?.[0]?.ports).toEqual([{ port: 8080, protocol: 'TCP' }]);
    await cluster.quiet();
    await cluster.server.send('DELETE', `/api/v1/namespaces/${namespace}/endpoints?labelSelector=test%3Dlife`);
    await cluster.until('four events', () => events.length === 4);
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'MODIFIED', 'DELETED']);
  });

  it('follow one port as pods come and go', async () => {
    namespace = await cluster.namespace();
    const { api } = cluster;
    const spec = { selector: { app: 'one-port' }, ports: [{ port: 80, targetPort: 80 }] };
    await api.create(services, { metadata: { namespace, name: 'single' }, spec });
    const labels = { app: 'one-port' };
    await api.create(pods, aPod(namespace, 'a', labels));
    await shows('single', 'a:80');
    await api.create(pods, aPod(namespace, 'b', labels));
    await shows('single', 'a:80', 'b:80');
    await api.delete(pods, { namespace, name: 'a' });
    await shows('single', 'b:80');
    await api.delete(pods, { namespace, name: 'b' });
    await shows('single');
  });

  it('follow several ports, each by the pods that have it', async () => {
    namespace = await cluster.namespace();
    const { api } = cluster;
    const ports = [
      { name: 'p1', port: 80, targetPort: 'portname1' },
      { name: 'p2', port: 81, targetPort: 'portname2' },
    ];
    await api.create(services, { metadata: { namespace, name: 'several' }, spec: { selector: { app: 'm' }, ports } });
    await api.create(pods, aPod(namespace, 'pod1', { app: 'm' }, { portname1: 100 }));
    await shows('several', 'pod1:100');
    await api.create(pods, aPod(namespace, 'pod2', { app: 'm' }, { portname2: 101 }));
    await shows('several', 'pod1:100', 'pod2:101');
    await api.delete(pods, { namespace, name: 'pod1' });
    await shows('several', 'pod2:101');
  });

  it('follow a port that is changed or taken from the service', async () => {
    namespace = await cluster.namespace();
    const { api } = cluster;
    const at = { namespace, name: 'changing' };
    const ports = [
      { name: 'http', port: 80, targetPort: 8080 },
      { name: 'admin', port: 81, targetPort: 8081 },
    ];
    await api.create(services, { metadata: at, spec: { selector: { app: 'c' }, ports } });
    await api.create(pods, aPod(namespace, 'a', { app: 'c' }));
    await shows('changing', 'a:8080', 'a:8081');
    const to = (list: object[]): Promise<unknown> =>
      api.patch(services, at, { type: 'merge', body: { spec: { ports: list } } });
    await to([{ name: 'http', port: 80, targetPort: 9090 }]);
    await shows('changing', 'a:9090');
  });

  it('a pod that is not ready is shown as such at every port, and comes back', async () => {
    namespace = await cluster.namespace();
    const { api, kubelet } = cluster;
    const spec = { selector: { app: 'r' }, ports: [{ port: 80, targetPort: 80 }] };
    await api.create(services, { metadata: { namespace, name: 'readiness' }, spec });
    const made = await api.create(pods, aPod(namespace, 'a', { app: 'r' }));
    await shows('readiness', 'a:80');
    kubelet.order(made, 'running');
    await cluster.until('the pod not to be ready', async () => {
      const { subsets = [] } = await api.get(endpoints, { namespace, name: 'readiness' });
      const [slice] = await slicesOf('readiness');
      return subsets[0]?.notReadyAddresses?.length === 1 && slice?.endpoints[0]?.conditions?.ready === false;
    });
    kubelet.order(made, 'ready');
    await cluster.until('the pod to be ready', async () => {
      const { subsets = [] } = await api.get(endpoints, { namespace, name: 'readiness' });
      return subsets[0]?.addresses?.length === 1;
    });
  });

  it('are there soon for each of 100 services that are made one after the other', async () => {
    namespace = await cluster.namespace();
    const { api } = cluster;
    await api.create(pods, aPod(namespace, 'a', { app: 'latency' }));
    await cluster.until('the pod to run', async () => {
      const { status } = await api.get(pods, { namespace, name: 'a' });
      return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
    });
    const seen = cluster.record(endpoints, namespace);
    const spec = { selector: { app: 'latency' }, ports: [{ port: 80 }] };
    for (let index = 0; index < 100; index += 1)
      await api.create(services, { metadata: { namespace, name: `latency-${index}` }, spec });
    // The official test allows 50 s for nine of ten; the limit of the wait is far below.
    await cluster.until('all endpoints', () => {
      const names = seen.filter(({ object }) => shownByEndpoints(object).length === 1).map(({ object }) => object);
      return new Set(names.map(({ metadata }) => metadata.name)).size === 100;
    });
  });
});

/** An address of this machine that others may know. */
function outerAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
}

const address = outerAddress();
const itOutside = address === undefined ? it.skip : it;

describe('network: kubernetes.default', () => {
  let server: TestApiServer;
  beforeAll(async () => {
    server = await startApiServer({
      apiserver: { listen: { port: 0, ...(address === undefined ? {} : { address }) } },
      plugins: controllers,
    });
  });
  afterAll(() => server.stop());

  const at = { namespace: 'default', name: 'kubernetes' };

  it('is there, and is found when the services of all namespaces are listed', async () => {
    const { items } = await server.api.list(services);
    const found = items.filter(({ metadata }) => metadata.name === 'kubernetes' && metadata.namespace === 'default');
    expect(found.map(({ spec }) => spec.ports)).toEqual([
      [{ name: 'https', protocol: 'TCP', port: 443, targetPort: Number(new URL(server.url).port) }],
    ]);
  });

  itOutside(
    'has Endpoints and an EndpointSlice that lead to the server, and none of a controller beside them',
    async () => {
      const port = Number(new URL(server.url).port);
      const legacy = await server.api.get(endpoints, at);
      expect(legacy.subsets).toEqual([
        { addresses: [{ ip: address }], ports: [{ name: 'https', port, protocol: 'TCP' }] },
      ]);
      const labelSelector = 'kubernetes.io/service-name=kubernetes';
      const { items } = await server.api.list(endpointSlices, { namespace: 'default', labelSelector });
      expect(items.map(({ endpoints: list, ports }) => [list[0]?.addresses, ports?.[0]?.port])).toEqual([
        [[address], port],
      ]);
    },
  );
});
