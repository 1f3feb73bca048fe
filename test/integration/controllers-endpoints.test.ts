import { describe, expect, it } from '@jest/globals';
import endpointsController from '@timonel/plugin-controller-endpoints';
import { endpoints, pods, services, type Endpoints, type Pod } from '@timonel/sdk/kube';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';

async function bed(): Promise<{ cluster: Cluster; namespace: string }> {
  const cluster = await startCluster({ controllers: [endpointsController], nodes: 0 });
  return { cluster, namespace: await cluster.namespace() };
}

function aPod(namespace: string, name: string, labels = { app: 'web' }): Pod {
  return { metadata: { namespace, name, labels }, spec: { containers: [{ name: 'main', image: 'web:1' }] } };
}

const spec = { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] };
const count = ({ subsets = [] }: Endpoints): number => subsets.flatMap(({ addresses = [] }) => addresses).length;

describe('controller-endpoints', () => {
  it('repairs what others changed or deleted, and rests', async () => {
    const { cluster, namespace } = await bed();
    await using _ = cluster;
    const { api } = cluster;
    const at = { namespace, name: 'web' };
    await api.create(services, { metadata: at, spec });
    await api.create(pods, aPod(namespace, 'a'));
    await cluster.until('an address', async () => count(await api.get(endpoints, at)) === 1);
    await api.patch(endpoints, at, { type: 'merge', body: { subsets: [] } });
    await cluster.until('the address again', async () => count(await api.get(endpoints, at)) === 1);
    const { metadata } = await api.get(endpoints, at);
    await api.delete(endpoints, at);
    await cluster.until('a new object', async () => {
      const made = await api.get(endpoints, at);
      return made.metadata.uid !== metadata.uid && count(made) === 1;
    });
    await cluster.quiet();
    const { resourceVersion } = (await api.get(endpoints, at)).metadata;
    await cluster.quiet();
    expect((await api.get(endpoints, at)).metadata.resourceVersion).toBe(resourceVersion);
  });

  it('leaves Endpoints alone that are made by hand or elect a leader, with a service of the name or without', async () => {
    const { cluster, namespace } = await bed();
    await using _ = cluster;
    const { api } = cluster;
    const leader = { 'control-plane.alpha.kubernetes.io/leader': '{}' };
    const byHand = await api.create(endpoints, { metadata: { namespace, name: 'by-hand' } });
    const elected = await api.create(endpoints, { metadata: { namespace, name: 'elected', annotations: leader } });
    await api.create(services, { metadata: { namespace, name: 'by-hand' }, spec: { ports: spec.ports } });
    await api.create(services, { metadata: { namespace, name: 'elected' }, spec });
    await api.create(pods, aPod(namespace, 'a'));
    await cluster.quiet();
    for (const name of ['by-hand', 'elected']) await api.delete(services, { namespace, name });
    await cluster.quiet();
    for (const { metadata } of [byHand, elected]) {
      const { name = '', resourceVersion } = metadata;
      expect((await api.get(endpoints, { namespace, name })).metadata.resourceVersion).toBe(resourceVersion);
    }
  });

  it('takes over a service that gets a selector, and leaves it where it was when that goes', async () => {
    const { cluster, namespace } = await bed();
    await using _ = cluster;
    const { api } = cluster;
    const at = { namespace, name: 'web' };
    await api.create(services, { metadata: at, spec: { ports: spec.ports } });
    await api.create(endpoints, { metadata: at, subsets: [{ addresses: [{ ip: '10.9.9.9' }], ports: [{ port: 1 }] }] });
    await api.create(pods, aPod(namespace, 'a'));
    await api.patch(services, at, { type: 'merge', body: { spec: { selector: { app: 'web' } } } });
    await cluster.until('the pod', async () => (await api.get(endpoints, at)).subsets?.[0]?.ports?.[0]?.port === 8080);
    await api.patch(services, at, { type: 'merge', body: { spec: { selector: { app: null } } } });
    await api.delete(pods, { namespace, name: 'a' });
    await cluster.quiet();
    expect(count(await api.get(endpoints, at))).toBe(1);
  });

  it('shows 1,000 addresses, and says that there are more', async () => {
    const { cluster, namespace } = await bed();
    await using _ = cluster;
    const { api } = cluster;
    const at = { namespace, name: 'web' };
    await Promise.all(Array.from({ length: 1005 }, (__, index) => api.create(pods, aPod(namespace, `p${index}`))));
    await cluster.until('all pods', async () => {
      const { items } = await api.list(pods, { namespace });
      return items.every(({ status }) =>
        status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
      );
    });
    await api.create(services, { metadata: at, spec });
    await cluster.until('a thousand addresses', async () => count(await api.get(endpoints, at)) === 1000);
    const over = { 'endpoints.kubernetes.io/over-capacity': 'truncated' };
    expect((await api.get(endpoints, at)).metadata.annotations).toMatchObject(over);
    for (let index = 0; index < 5; index += 1) await api.delete(pods, { namespace, name: `p${index}` });
    await cluster.until('no such word', async () => {
      const { annotations = {} } = (await api.get(endpoints, at)).metadata;
      return !('endpoints.kubernetes.io/over-capacity' in annotations);
    });
  }, 60_000);
});
