import { describe, expect, it } from '@jest/globals';
import mirroringController from '@timonel/plugin-controller-endpointslicemirroring';
import { endpoints, endpointSlices, services, type Endpoints, type EndpointSlice } from '@timonel/sdk/kube';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';

type Subset = NonNullable<Endpoints['subsets']>[number];

interface Bed {
  readonly cluster: Cluster;
  readonly at: { readonly namespace: string; readonly name: string };
  readonly slices: () => Promise<EndpointSlice[]>;
}

async function bed(): Promise<Bed> {
  const cluster = await startCluster({ controllers: [mirroringController], nodes: 0 });
  const namespace = await cluster.namespace();
  const labelSelector = 'kubernetes.io/service-name=db';
  return {
    cluster,
    at: { namespace, name: 'db' },
    slices: async () => (await cluster.api.list(endpointSlices, { namespace, labelSelector })).items,
  };
}

const subset = (...ips: string[]): Subset => ({ addresses: ips.map((ip) => ({ ip })), ports: [{ port: 5432 }] });
const spec = { ports: [{ port: 5432 }] };

describe('controller-endpointslicemirroring', () => {
  it('mirrors once there is a service without selector, and no more when it gets one', async () => {
    const { cluster, at, slices } = await bed();
    await using _ = cluster;
    const { api } = cluster;
    await api.create(endpoints, { metadata: at, subsets: [subset('10.9.9.9', 'fd00::9')] });
    await cluster.quiet();
    expect(await slices()).toEqual([]);
    await api.create(services, { metadata: at, spec });
    await cluster.until('a slice of each family', async () => (await slices()).length === 2);
    await api.patch(services, at, { type: 'merge', body: { spec: { selector: { app: 'db' } } } });
    await cluster.until('no slice', async () => (await slices()).length === 0);
    await api.patch(services, at, { type: 'merge', body: { spec: { selector: { app: null } } } });
    await cluster.until('slices again', async () => (await slices()).length === 2);
    await api.delete(services, at);
    await cluster.until('no slice again', async () => (await slices()).length === 0);
  });

  it('heeds the label that says not to, and repairs what others changed', async () => {
    const { cluster, at, slices } = await bed();
    await using _ = cluster;
    const { api } = cluster;
    await api.create(services, { metadata: at, spec });
    await api.create(endpoints, { metadata: at, subsets: [subset('10.9.9.9')] });
    const [slice] = await cluster.until('a slice', async () => ((await slices()).length === 1 ? slices() : undefined));
    const name = slice?.metadata.name ?? '';
    await api.patch(endpointSlices, { ...at, name }, { type: 'merge', body: { endpoints: [] } });
    await cluster.until('the endpoint again', async () => (await slices())[0]?.endpoints.length === 1);
    await api.delete(endpointSlices, { ...at, name });
    await cluster.until('the slice again', async () => (await slices()).length === 1);
    const skip = (value: string | null): object => ({
      metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': value } },
    });
    await api.patch(endpoints, at, { type: 'merge', body: skip('true') });
    await cluster.until('no slice', async () => (await slices()).length === 0);
    await api.patch(endpoints, at, { type: 'merge', body: skip(null) });
    await cluster.until('the slice once more', async () => (await slices()).length === 1);
    await cluster.quiet();
    const { resourceVersion } = (await slices())[0]?.metadata ?? {};
    await cluster.quiet();
    expect((await slices())[0]?.metadata.resourceVersion).toBe(resourceVersion);
  });

  it('says what it left out', async () => {
    const { cluster, at, slices } = await bed();
    await using _ = cluster;
    const { api } = cluster;
    await api.create(services, { metadata: at, spec });
    const many = Array.from({ length: 1001 }, (__, index) => `10.9.${index >> 8}.${index & 255}`);
    const made = await api.create(endpoints, { metadata: at, subsets: [subset(...many)] });
    await cluster.until('ten slices', async () => (await slices()).length === 10);
    const [event] = await cluster.until('an event', async () => {
      const events = await cluster.eventsOf(made);
      return events.length > 0 ? events : undefined;
    });
    expect([event?.type, event?.reason]).toEqual(['Warning', 'TooManyAddressesToMirror']);
  });
});
