/** The endpoints of a Service, and mirrored ones, under faults: see test/support/controller-faults.ts. */
import endpointsController from '@timonel/plugin-controller-endpoints';
import endpointSliceController from '@timonel/plugin-controller-endpointslice';
import mirroringController from '@timonel/plugin-controller-endpointslicemirroring';
import gcController from '@timonel/plugin-controller-gc';
import { endpoints, endpointSlices, pods, services, type EndpointSlice } from '@timonel/sdk/kube';
import { describeFaults } from '../support/controller-faults.ts';

/** The ready addresses of slices, with their ports. */
function addressesOf(slices: readonly EndpointSlice[]): string[] {
  return slices
    .flatMap(({ endpoints: all, ports = [] }) =>
      all
        .filter(({ conditions }) => conditions?.ready !== false)
        .flatMap(({ addresses }) => addresses.map((address) => `${address}:${ports.map(({ port }) => port).join()}`)),
    )
    .toSorted((a, b) => (a < b ? -1 : 1));
}

describeFaults({
  name: 'endpoints',
  controllers: [endpointSliceController, endpointsController, mirroringController],
  healthy: [gcController],
  nodes: 1,
  scheduler: false,
  counted: [endpointSlices, endpoints],
  faultless: { endpointslices: { made: 2, deleted: 2 }, endpoints: { made: 2, deleted: 2 } },
  /** Pods come, become unready and go; the port and the selector change; hand-made Endpoints beside them; all is deleted. */
  async life(life) {
    const { api, namespace, kubelet, reached, rests, remember } = life;
    const at = { namespace, name: 'web' };
    const manual = { namespace, name: 'manual' };
    const slicesOf = async (name: string): Promise<readonly EndpointSlice[]> => {
      const labelSelector = `kubernetes.io/service-name=${name}`;
      return (await api.list(endpointSlices, { namespace, labelSelector })).items;
    };
    const ready = (count: number, port: number): Promise<void> =>
      reached(`${count} addresses with port ${port}`, async () => {
        const found = addressesOf(await slicesOf('web'));
        const legacy = (await api.get(endpoints, at)).subsets ?? [];
        const same = legacy.flatMap((subset) =>
          (subset.addresses ?? []).flatMap(({ ip }) => (subset.ports ?? []).map((each) => `${ip}:${each.port}`)),
        );
        const isOfPort = found.every((address) => address.endsWith(`:${port}`));
        return (
          found.length === count && isOfPort && new Set([...found, ...same]).size === count && same.length === count
        );
      });
    const pod = (name: string, app: string): Promise<unknown> =>
      api.create(pods, {
        metadata: { namespace, name, labels: { app } },
        spec: { containers: [{ name: 'main', image: 'web:1' }] },
      });
    for (const name of ['a', 'b', 'c']) await pod(name, 'web');
    await pod('d', 'other');
    await api.create(services, {
      metadata: at,
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
    });
    await ready(3, 8080);
    kubelet.order(await api.get(pods, { namespace, name: 'b' }), 'running');
    await ready(2, 8080);
    await api.patch(services, at, { type: 'merge', body: { spec: { ports: [{ port: 80, targetPort: 9090 }] } } });
    await ready(2, 9090);
    await api.delete(pods, { namespace, name: 'a' });
    await ready(1, 9090);
    await api.patch(services, at, { type: 'merge', body: { spec: { selector: { app: 'other' } } } });
    await ready(1, 9090);
    await api.create(services, { metadata: manual, spec: { ports: [{ port: 80 }] } });
    await api.create(endpoints, {
      metadata: manual,
      subsets: [{ addresses: [{ ip: '192.0.2.10' }, { ip: '192.0.2.11' }], ports: [{ port: 80 }] }],
    });
    await reached('the mirror', async () => addressesOf(await slicesOf('manual')).length === 2);
    const subsets = [{ addresses: [{ ip: '192.0.2.12' }], ports: [{ port: 81 }] }];
    await api.patch(endpoints, manual, { type: 'merge', body: { subsets } });
    await reached('the new mirror', async () => addressesOf(await slicesOf('manual')).join() === '192.0.2.12:81');
    remember('mirror', addressesOf(await slicesOf('manual')));
    await rests();
    for (const name of ['web', 'manual']) {
      await api.delete(services, { namespace, name }, { propagationPolicy: 'Background' });
    }
    await api.delete(endpoints, manual).catch(() => undefined);
    for (const name of ['b', 'c', 'd']) await api.delete(pods, { namespace, name });
    await reached('the end', async () => {
      const left = [await api.list(endpointSlices, { namespace }), await api.list(endpoints, { namespace })];
      const count = (await api.list(pods, { namespace })).items.length;
      return count === 0 && left.every(({ items }) => items.length === 0);
    });
  },
});
