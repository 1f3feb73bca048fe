/** New nodes are kept free until they are ready; pods that are made on a node know where it is. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import admissionNode from '@timonel/plugin-admission-node';
import nodeLifecycle from '@timonel/plugin-controller-nodelifecycle';
import { nodes, pods, type Node, type Taint } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const notReady = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
const topology = { 'topology.kubernetes.io/region': 'r', 'topology.kubernetes.io/zone': 'z' };
let server: TestApiServer;

beforeAll(async () => {
  server = await startApiServer({ plugins: [admissionNode, nodeLifecycle] });
});
afterAll(() => server.stop());

const make = (name: string, taints: Taint[] = [], labels = {}): Promise<Node> =>
  server.api.create(nodes, { metadata: { name, labels }, spec: { taints } });

async function say(name: string, status: 'True' | 'False'): Promise<void> {
  const now = new Date().toISOString();
  const times = { lastHeartbeatTime: now, lastTransitionTime: now };
  const conditions = [{ type: 'Ready', status, reason: 'Test', message: '', ...times }];
  await server.api.patch(
    nodes,
    { name },
    { type: 'merge', body: { status: { conditions } } },
    { subresource: 'status' },
  );
}

describe('a new node', () => {
  it('has the taint of nodes that are not ready from its creation, once, beside others', async () => {
    const other = { key: 'gpu', effect: 'NoExecute' };
    expect((await make('plain')).spec.taints).toEqual([notReady]);
    expect((await make('tainted', [other, notReady])).spec.taints).toEqual([other, notReady]);
    const evicting = { ...notReady, effect: 'NoExecute' };
    expect((await make('evicting', [other, evicting])).spec.taints).toEqual([other, evicting, notReady]);
  });

  it('loses it when it says that it is ready, and not before', async () => {
    await make('silent');
    await make('speaking');
    const taints = async (name: string): Promise<unknown> => (await server.api.get(nodes, { name })).spec.taints ?? [];
    await say('speaking', 'False');
    await say('speaking', 'True');
    await until(async () => ((await taints('speaking')) as unknown[]).length === 0, { what: 'the taint to go' });
    expect(await taints('silent')).toEqual([notReady]);
  });

  it('that is written with taints which are none is refused for them', async () => {
    const body = { metadata: { name: 'bad' }, spec: { taints: 'none' } };
    expect((await server.send('POST', '/api/v1/nodes', { body })).status).toBeGreaterThanOrEqual(400);
    const text = { metadata: { name: 'bad' }, spec: 'abc' };
    expect((await server.send('POST', '/api/v1/nodes', { body: text })).status).toBe(400);
    const holes = { metadata: { name: 'bad' }, spec: { taints: [null] } };
    expect((await server.send('POST', '/api/v1/nodes', { body: holes })).status).toBeLessThan(500);
  });
});

describe('a pod that is made on a node', () => {
  const labelsOn = async (name: string, nodeName?: string): Promise<unknown> => {
    const spec = { containers: [{ name: 'c', image: 'i' }], ...(nodeName === undefined ? {} : { nodeName }) };
    const labels = { app: 'web', 'topology.kubernetes.io/zone': 'wrong' };
    const pod = await server.api.create(pods, { metadata: { namespace: 'default', name, labels }, spec });
    return pod.metadata.labels;
  };

  it('has the zone and region of that, whatever it says itself', async () => {
    await make('placed', [], { ...topology, 'kubernetes.io/hostname': 'placed' });
    expect(await labelsOn('on-placed', 'placed')).toEqual({ app: 'web', ...topology });
  });

  it('keeps its labels without a node, and on one that there is not', async () => {
    const own = { app: 'web', 'topology.kubernetes.io/zone': 'wrong' };
    expect(await labelsOn('unbound')).toEqual(own);
    expect(await labelsOn('on-nothing', 'nowhere')).toEqual(own);
  });
});
