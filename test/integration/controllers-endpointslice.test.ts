import { describe, expect, it } from '@jest/globals';
import endpointsController from '@timonel/plugin-controller-endpoints';
import endpointSliceController from '@timonel/plugin-controller-endpointslice';
import mirroringController from '@timonel/plugin-controller-endpointslicemirroring';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import { controller } from '@timonel/sdk/contracts/controller';
import {
  endpoints,
  endpointSlices,
  nodes,
  pods,
  replicaSets,
  services,
  type Endpoints,
  type EndpointSlice,
  type Pod,
  type Service,
} from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { startCluster } from '../conformance/support/cluster.ts';
import { describeFaults, type Life } from '../support/controller-faults.ts';
import { inOrder, replicaSetOf, startTestCluster, type TestCluster } from './controllers-cluster.ts';

type Subset = NonNullable<Endpoints['subsets']>[number];

const at = { namespace: 'default', name: 'web' };
const controllers = [endpointSliceController, endpointsController, replicaSetController];

function service(more: Partial<Service['spec']> = {}): Service {
  return {
    metadata: { name: 'web', namespace: 'default', labels: { team: 'a' } },
    spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...more },
  };
}

async function slicesOf({ api }: TestCluster): Promise<EndpointSlice[]> {
  return (await api.list(endpointSlices, { namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' }))
    .items;
}

async function readyEndpoints(cluster: TestCluster): Promise<number> {
  const all = (await slicesOf(cluster)).flatMap((slice) => slice.endpoints ?? []);
  return all.filter((endpoint) => endpoint.conditions?.ready === true).length;
}

describe('controller-endpointslice', () => {
  it('publishes ready pods in a slice and in Endpoints, follows them, and rests', async () => {
    await using cluster = await startTestCluster({ controllers });
    const writes = [cluster.record(endpointSlices), cluster.record(endpoints)];
    await cluster.api.create(services, service());
    await until(async () => (await slicesOf(cluster)).length === 1, { what: 'a slice for a service without pods' });
    await cluster.api.create(replicaSets, replicaSetOf('web', 3));
    await until(async () => (await readyEndpoints(cluster)) === 3, { what: 'three endpoints' });
    await cluster.quiet();
    const [slice, ...others] = await slicesOf(cluster);
    expect(others).toEqual([]);
    expect(slice).toMatchObject({
      addressType: 'IPv4',
      ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
      metadata: {
        labels: {
          team: 'a',
          'kubernetes.io/service-name': 'web',
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        },
        ownerReferences: [{ kind: 'Service', name: 'web', controller: true }],
      },
    });
    const all = (await cluster.api.list(pods, { namespace: 'default' })).items;
    expect(inOrder(slice?.endpoints.map(({ addresses, targetRef }) => [addresses[0], targetRef?.name]) ?? [])).toEqual(
      inOrder(all.map(({ metadata, status }) => [status?.podIP, metadata.name])),
    );
    const legacy = await cluster.api.get(endpoints, at);
    expect(legacy.subsets).toMatchObject([{ ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] }]);
    expect(inOrder(legacy.subsets?.[0]?.addresses?.map(({ ip }) => ip) ?? [])).toEqual(
      inOrder(all.map(({ status }) => status?.podIP)),
    );
    const total = (): number => writes.reduce((sum, events) => sum + events.length, 0);
    const before = total();
    await cluster.quiet();
    expect(total()).toBe(before);
  });

  it('shows pods that are not ready as such, and all as ready with publishNotReadyAddresses', async () => {
    await using cluster = await startTestCluster({ controllers });
    await cluster.api.create(services, service({ clusterIP: 'None' }));
    await cluster.api.create(replicaSets, replicaSetOf('web', 2));
    await until(async () => (await readyEndpoints(cluster)) === 2, { what: 'two endpoints' });
    const [pod] = (await cluster.api.list(pods, { namespace: 'default' })).items;
    if (pod === undefined) throw new Error('there must be a pod');
    const conditions = [{ type: 'Ready', status: 'False' as const }];
    await cluster.api.updateStatus(pods, { ...pod, status: { ...pod.status, conditions } });
    await until(async () => (await readyEndpoints(cluster)) === 1, { what: 'one ready endpoint' });
    await until(async () => (await cluster.api.get(endpoints, at)).subsets?.[0]?.notReadyAddresses?.length === 1, {
      what: 'a notReadyAddress',
    });
    const [slice] = await slicesOf(cluster);
    expect(slice?.endpoints.map((endpoint) => endpoint.conditions)).toContainEqual({
      ready: false,
      serving: false,
      terminating: false,
    });
    expect(slice?.metadata.labels?.['service.kubernetes.io/headless']).toBe('');
    await cluster.api.patch(services, at, { type: 'merge', body: { spec: { publishNotReadyAddresses: true } } });
    await until(async () => (await readyEndpoints(cluster)) === 2, { what: 'two published endpoints' });
  });

  it('spreads more than 100 endpoints over slices, and all goes with the service', async () => {
    await using cluster = await startTestCluster({ controllers });
    await cluster.api.create(services, service());
    await cluster.api.create(replicaSets, replicaSetOf('web', 130));
    await until(async () => (await readyEndpoints(cluster)) === 130, { what: '130 endpoints', timeoutMs: 15_000 });
    const sizes = (await slicesOf(cluster)).map((slice) => slice.endpoints.length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(130);
    expect(sizes).toHaveLength(2);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(100);
    await cluster.api.delete(services, at);
    await until(async () => (await slicesOf(cluster)).length === 0, { what: 'the slices to go' });
    await until(async () => (await cluster.api.list(endpoints, { namespace: 'default' })).items.length === 0, {
      what: 'the Endpoints to go',
    });
  });

  it('is asked about pods only when something of them changed that endpoints show', async () => {
    await using cluster = await startTestCluster({ controllers });
    await cluster.api.create(services, service());
    await cluster.api.create(replicaSets, replicaSetOf('web', 1));
    await until(async () => (await readyEndpoints(cluster)) === 1, { what: 'an endpoint' });
    await cluster.quiet();
    const reconciles = (): number[] =>
      cluster.kernel
        .service(controller)
        .all()
        .map(({ service: each }) => each.status())
        .filter(({ name }) => name.startsWith('endpoint'))
        .map((status) => status.reconciles);
    const before = reconciles();
    expect(before).toHaveLength(2);
    const [pod] = (await cluster.api.list(pods, { namespace: 'default' })).items;
    const name = pod?.metadata.name ?? '';
    const body = { metadata: { annotations: { seen: 'yes' } } };
    await cluster.api.patch(pods, { namespace: 'default', name }, { type: 'merge', body });
    await cluster.quiet();
    expect(reconciles()).toEqual(before);
  });

  it('follows the pods of a service whose deletion waits for a finalizer', async () => {
    await using cluster = await startTestCluster({ controllers });
    const made = service();
    await cluster.api.create(services, {
      ...made,
      metadata: { ...made.metadata, finalizers: ['test.timonel.dev/wait'] },
    });
    await cluster.api.create(replicaSets, replicaSetOf('web', 1));
    await until(async () => (await readyEndpoints(cluster)) === 1, { what: 'an endpoint' });
    await cluster.api.delete(services, at);
    await cluster.api.patch(replicaSets, at, { type: 'merge', body: { spec: { replicas: 2 } } });
    await until(async () => (await readyEndpoints(cluster)) === 2, { what: 'two endpoints' });
    await until(async () => (await cluster.api.get(endpoints, at)).subsets?.[0]?.addresses?.length === 2, {
      what: 'two addresses',
    });
    await cluster.api.patch(services, at, { type: 'merge', body: { metadata: { finalizers: [] } } });
    await until(async () => (await slicesOf(cluster)).length === 0, { what: 'the slices to go' });
  });

  it('can be switched off and on again on a live cluster: what changed meanwhile is caught up with', async () => {
    await using cluster = await startTestCluster({ controllers });
    const { control } = cluster.kernel;
    await cluster.api.create(services, service());
    await cluster.api.create(replicaSets, replicaSetOf('web', 2));
    await until(async () => (await readyEndpoints(cluster)) === 2, { what: 'two endpoints' });
    const uids = async (): Promise<(string | undefined)[]> =>
      (await slicesOf(cluster)).map(({ metadata }) => metadata.uid);
    const before = await uids();
    for (const name of ['controller-endpointslice', 'controller-endpoints']) await control.disable(name);
    await cluster.api.patch(replicaSets, at, { type: 'merge', body: { spec: { replicas: 4 } } });
    await until(async () => (await cluster.api.list(pods, { namespace: 'default' })).items.length === 4, {
      what: 'four pods',
    });
    expect(await readyEndpoints(cluster)).toBe(2);
    for (const name of ['controller-endpointslice', 'controller-endpoints']) await control.enable(name);
    await until(async () => (await readyEndpoints(cluster)) === 4, { what: 'four endpoints' });
    await until(async () => (await cluster.api.get(endpoints, at)).subsets?.[0]?.addresses?.length === 4, {
      what: 'four addresses',
    });
    expect(await uids()).toEqual(before);
  });

  it('leaves slices of others alone, and services without selector to people', async () => {
    await using cluster = await startTestCluster({ controllers });
    await cluster.api.create(services, service({ selector: {} }));
    const labels = { 'kubernetes.io/service-name': 'web' };
    const endpoint = { addresses: ['10.9.9.9'] };
    await cluster.api.create(endpointSlices, {
      metadata: { namespace: 'default', name: 'mine', labels },
      addressType: 'IPv4',
      endpoints: [endpoint],
      ports: [],
    });
    await cluster.quiet();
    expect((await slicesOf(cluster)).map(({ metadata }) => metadata.name)).toEqual(['mine']);
    await cluster.api.patch(services, at, { type: 'merge', body: { spec: { selector: { app: 'web' } } } });
    await until(async () => (await slicesOf(cluster)).length === 2, { what: 'a slice beside' });
    await cluster.api.delete(services, at);
    await until(async () => (await slicesOf(cluster)).length === 1, { what: 'the other slice to go' });
    expect((await slicesOf(cluster)).map(({ metadata, endpoints: list }) => [metadata.name, list])).toEqual([
      ['mine', [endpoint]],
    ]);
  });
});

describe('zones and hints', () => {
  it('follow the labels of nodes and what the service says, tell of it, and rest', async () => {
    await using cluster = await startCluster({
      controllers: [endpointSliceController, replicaSetController],
      nodes: 2,
    });
    const { api } = cluster;
    const namespace = await cluster.namespace();
    const name = 'web';
    const labelSelector = `kubernetes.io/service-name=${name}`;
    const list = async (): Promise<EndpointSlice['endpoints']> => {
      const { items } = await api.list(endpointSlices, { namespace, labelSelector });
      return items.flatMap((slice) => slice.endpoints);
    };
    const all = (what: string, holds: (endpoint: EndpointSlice['endpoints'][number]) => boolean): Promise<unknown> =>
      cluster.until(what, async () => {
        const found = await list();
        return found.length === 4 && found.every(holds);
      });
    const made = await api.create(services, { ...service(), metadata: { namespace, name } });
    await api.create(replicaSets, { ...replicaSetOf(name, 4), metadata: { namespace, name } });
    await all('endpoints without a zone', ({ zone, nodeName }) => zone === undefined && nodeName !== undefined);
    const change = (spec: object, annotations: object = {}): Promise<unknown> =>
      api.patch(services, { namespace, name }, { type: 'merge', body: { spec, metadata: { annotations } } });
    for (const node of cluster.nodes.names) {
      const labels = { 'topology.kubernetes.io/zone': `zone-of-${node}` };
      await api.patch(nodes, { name: node }, { type: 'merge', body: { metadata: { labels } } });
    }
    await all('zones', ({ zone, nodeName }) => zone === `zone-of-${nodeName}`);
    await change({ trafficDistribution: 'PreferSameNode' });
    await all('hints', ({ hints, nodeName, zone }) => {
      return hints?.forNodes?.[0]?.name === nodeName && hints?.forZones?.[0]?.name === zone;
    });
    await cluster.quiet();
    await change({ trafficDistribution: null });
    await all('no hints', ({ hints }) => hints === undefined);
    await change({}, { 'service.kubernetes.io/topology-mode': 'Auto' });
    await all('hints by CPU', ({ hints }) => hints?.forZones?.length === 1 && hints.forNodes === undefined);
    await api.patch(
      nodes,
      { name: 'node-1' },
      { type: 'merge', body: { metadata: { labels: { 'topology.kubernetes.io/zone': null } } } },
    );
    await all('no hints', ({ hints }) => hints === undefined);
    await cluster.until('both events', async () => {
      const reasons = (await cluster.eventsOf(made)).map(({ reason }) => reason);
      return reasons.includes('TopologyAwareHintsEnabled') && reasons.includes('TopologyAwareHintsDisabled');
    });
    await cluster.quiet();
    const events = cluster.record(endpointSlices, namespace);
    await cluster.until('the slice', () => events.length === 1);
    await cluster.quiet();
    expect(events).toHaveLength(1);
  });
});

/** A web service whose pods have two ports by turns, and a database by hand, from making to removal. */
async function serviceLife({ api, namespace, reached, rests }: Life): Promise<void> {
  const at = (name: string): { namespace: string; name: string } => ({ namespace, name });
  const addresses = async (name: string): Promise<string> => {
    const labelSelector = `kubernetes.io/service-name=${name}`;
    const { items } = await api.list(endpointSlices, { namespace, labelSelector });
    const all = items.flatMap(({ ports, endpoints: list }) =>
      list.filter(({ conditions }) => conditions?.ready !== false).map(() => String(ports?.[0]?.port)),
    );
    return all.toSorted().join();
  };
  const podAt = (name: string, containerPort: number): Pod => ({
    metadata: { ...at(name), labels: { app: 'web' } },
    spec: { containers: [{ name: 'main', image: 'web:1', ports: [{ name: 'http', containerPort }] }] },
  });
  const spec = { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] };
  await api.create(services, { metadata: at('web'), spec });
  await api.create(services, { metadata: at('db'), spec: { ports: [{ port: 5432 }] } });
  for (const name of ['a', 'b']) await api.create(pods, podAt(name, 8080));
  await reached('two endpoints', async () => (await addresses('web')) === '8080,8080');
  await api.create(pods, podAt('c', 9090));
  await reached('three endpoints', async () => (await addresses('web')) === '8080,8080,9090');
  const subset = (ip: string): Subset => ({ addresses: [{ ip }], ports: [{ port: 5432, protocol: 'TCP' }] });
  const made = await api.create(endpoints, { metadata: at('db'), subsets: [subset('10.9.9.9')] });
  await reached('a mirror', async () => (await addresses('db')) === '5432');
  await rests();
  await api.update(endpoints, { ...made, subsets: [subset('10.9.9.9'), subset('10.9.9.8')] });
  await reached('a larger mirror', async () => (await addresses('db')) === '5432,5432');
  await api.patch(services, at('web'), { type: 'merge', body: { spec: { ports: [{ port: 80, targetPort: 1234 }] } } });
  await reached('another port', async () => (await addresses('web')) === '1234,1234,1234');
  await api.delete(pods, at('b'));
  await reached('one endpoint less', async () => (await addresses('web')) === '1234,1234');
  await rests();
  await api.delete(endpoints, at('db'));
  for (const name of ['web', 'db']) await api.delete(services, at(name));
  for (const name of ['a', 'c']) await api.delete(pods, at(name));
  await reached('the end', async () => {
    const left = [await api.list(endpoints, { namespace }), await api.list(endpointSlices, { namespace })];
    return left.every(({ items }) => items.length === 0);
  });
}

describeFaults({
  name: 'endpoints-of-several-ports',
  controllers: [endpointSliceController, endpointsController, mirroringController],
  counted: [endpoints, endpointSlices],
  // Two port numbers need a slice each, one number one; the mirror has one.
  faultless: { endpoints: { made: 2, deleted: 2 }, endpointslices: { made: 3, deleted: 3 } },
  life: serviceLife,
});
