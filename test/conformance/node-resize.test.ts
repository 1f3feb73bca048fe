import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { namespaces, pods, type Pod, type ResourceRequirements } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import networkLoopback from '@timonel/plugin-network-loopback';
import nodeAgent from '@timonel/plugin-node-agent';
import runtimeFake from '@timonel/plugin-runtime-fake';
import { fakeImages } from '../integration/node-agent/bed.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

type Sizes = Readonly<Record<string, ResourceRequirements>>;

const path = (name: string): string => `/api/v1/namespaces/default/pods/${name}`;
const strategic = 'application/strategic-merge-patch+json';
const equal = (cpu: string, memory: string): ResourceRequirements => ({
  limits: { cpu, memory },
  requests: { cpu, memory },
});
const between = (request: string, limit: string): ResourceRequirements => ({
  limits: { cpu: limit, memory: '128Mi' },
  requests: { cpu: request, memory: '64Mi' },
});
const merged = (pod: Pod, sizes: Sizes): Pod => {
  const containers = pod.spec.containers.map((each) => ({
    ...each,
    resources: sizes[each.name] ?? each.resources ?? {},
  }));
  return { ...pod, spec: { ...pod.spec, containers } };
};

/** A real node agent, on which containers run in name only. */
describe('node: in-place resize', () => {
  let server: TestApiServer;
  beforeAll(async () => {
    server = await startApiServer({
      plugins: [networkLoopback, nodeAgent, runtimeFake, fakeImages().definition],
      config: { 'node-agent': { nodeName: 'node-1', runtime: 'fake', capacity: { cpu: '4', memory: '8Gi' } } },
    });
    await server.api
      .create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
      .catch(() => undefined);
  }, 30_000);
  afterAll(() => server?.stop());

  const when = (name: string, what: string, fits: (pod: Pod) => unknown): Promise<Pod> =>
    until(
      async () => {
        const pod = await server.api.get(pods, { namespace: 'default', name });
        return fits(pod) ? pod : undefined;
      },
      { what: `${name} ${what}` },
    );
  const run = async (name: string, sizes: Sizes): Promise<Pod> => {
    const containers = Object.entries(sizes).map(([each, resources]) => ({ name: each, image: 'img:1', resources }));
    const spec = { containers, nodeName: 'node-1', terminationGracePeriodSeconds: 0 };
    await server.api.create(pods, { metadata: { name, namespace: 'default' }, spec });
    return when(name, 'to be ready', ({ status }) => status?.containerStatuses?.every(({ ready }) => ready));
  };
  const patch = (name: string, sizes: Sizes) => {
    const containers = Object.entries(sizes).map(([each, resources]) => ({ name: each, resources }));
    return server.send('PATCH', `${path(name)}/resize`, { type: strategic, body: { spec: { containers } } });
  };
  const replace = async (name: string, sizes: Sizes) => {
    const pod = await server.api.get(pods, { namespace: 'default', name });
    return server.send('PUT', `${path(name)}/resize`, { body: merged(pod, sizes) });
  };
  /** Its containers go on, and the status tells what holds. */
  const resized = async (before: Pod, sizes: Sizes): Promise<void> => {
    const name = before.metadata.name ?? '';
    const shown = (pod: Pod) =>
      Object.fromEntries(pod.status?.containerStatuses?.map((each) => [each.name, each.resources]) ?? []);
    const wanted = JSON.stringify(sizes);
    const after = await when(name, 'to be resized', (pod) => {
      const { generation } = pod.metadata;
      return JSON.stringify(shown(pod)) === wanted && pod.status?.observedGeneration === generation;
    });
    const kept = (pod: Pod) =>
      pod.status?.containerStatuses?.map(({ containerID, restartCount }) => [containerID, restartCount]);
    expect(kept(after)).toEqual(kept(before));
    expect(after.status?.conditions?.filter(({ type }) => type.startsWith('PodResize'))).toEqual([]);
    expect(after.status?.qosClass).toBe(before.status?.qosClass);
    await server.api.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
  };

  const guaranteed = { a: equal('300m', '96Mi') };
  const burstable = { a: between('150m', '600m') };
  const several = { a: equal('50m', '96Mi'), b: equal('250m', '32Mi'), c: equal('100m', '64Mi') };
  it.each([
    ['a guaranteed pod', 'patch', { a: equal('100m', '64Mi') }, guaranteed],
    ['a guaranteed pod', 'replace', { a: equal('100m', '64Mi') }, guaranteed],
    ['a burstable pod', 'patch', { a: between('100m', '400m') }, burstable],
    ['a burstable pod', 'replace', { a: between('100m', '400m') }, burstable],
    [
      'several containers',
      'patch',
      { a: equal('100m', '64Mi'), b: equal('200m', '64Mi'), c: equal('100m', '64Mi') },
      several,
    ],
    [
      'several containers',
      'replace',
      { a: equal('100m', '64Mi'), b: equal('200m', '64Mi'), c: equal('100m', '64Mi') },
      several,
    ],
  ] as const)('changes the resources of %s by %s, in place', async (what, verb, first, then) => {
    const before = await run(`${what.replaceAll(' ', '-')}-${verb}`, first);
    const answer = await (verb === 'patch' ? patch : replace)(before.metadata.name ?? '', then);
    expect(answer.status).toBe(200);
    await resized(before, then);
  });

  it('says what waits for room that the node does not have, until less is asked for', async () => {
    const before = await run('too-large', guaranteed);
    expect((await patch('too-large', { a: equal('100', '96Mi') })).status).toBe(200);
    const waits = (pod: Pod) => pod.status?.conditions?.find(({ type }) => type === 'PodResizePending');
    const pod = await when('too-large', 'to wait', waits);
    expect(waits(pod)).toMatchObject({ status: 'True', reason: 'Infeasible', message: expect.stringContaining('cpu') });
    expect(pod.status?.containerStatuses).toMatchObject([{ resources: guaranteed.a }]);
    await patch('too-large', guaranteed);
    await resized(before, guaranteed);
  });
});
