import { describe, expect, it } from '@jest/globals';
import endpointSliceController from '@timonel/plugin-controller-endpointslice';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import {
  endpoints,
  endpointSlices,
  pods,
  replicaSets,
  services,
  type EndpointSlice,
  type Service,
} from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { inOrder, replicaSetOf, startTestCluster, type TestCluster } from './controllers-cluster.ts';

const at = { namespace: 'default', name: 'web' };
const controllers = [endpointSliceController, replicaSetController];

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
});
