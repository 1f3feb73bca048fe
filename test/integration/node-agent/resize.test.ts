/** In-place resize through pods/resize, with the real API server and an agent that is restarted. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { pods, type Pod, type ResourceRequirements } from '@timonel/sdk/kube';
import runtimeFake from '@timonel/plugin-runtime-fake';
import { startBed, type Bed } from './bed.ts';

const agentConfig = { relistIntervalMs: 500, capacity: { cpu: '2', memory: '2Gi' }, onShutdown: 'keep' };

describe('resize of pods on a node', () => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await startBed({ runtime: runtimeFake, handler: 'fake', agentConfig });
  }, 30_000);
  afterAll(() => bed?.kernel.stop());

  const amounts = (cpu: string, memory = '64Mi'): ResourceRequirements => ({
    limits: { cpu, memory },
    requests: { cpu, memory },
  });
  const create = async (name: string, resources: Record<string, ResourceRequirements>): Promise<Pod> => {
    const containers = Object.entries(resources).map(([each, of]) => ({ name: each, image: 'img:1', resources: of }));
    await bed.create(name, { containers });
    return bed.pod(name, 'running', ({ status }) => status?.containerStatuses?.every(({ ready }) => ready));
  };
  const resize = (name: string, resources: Record<string, ResourceRequirements>): Promise<Pod> => {
    const containers = Object.entries(resources).map(([each, of]) => ({ name: each, resources: of }));
    const body = { spec: { containers } };
    return bed.api.patch(pods, { namespace: 'default', name }, { type: 'strategic', body }, { subresource: 'resize' });
  };
  const conditions = ({ status }: Pod) =>
    (status?.conditions ?? []).filter(({ type }) => type.startsWith('PodResize')).map(({ reason }) => reason);
  const resized = (name: string, expected: readonly ResourceRequirements[]): Promise<Pod> =>
    bed.pod(name, 'to be resized', (found) => {
      const shown = found.status?.containerStatuses?.map((each) => each.resources);
      const same = JSON.stringify(shown) === JSON.stringify(expected);
      return same && conditions(found).length === 0 && found.status?.observedGeneration === found.metadata.generation;
    });
  const inRuntime = async (found: Pod): Promise<(number | undefined)[]> => {
    const [provider] = bed.kernel.service(containerRuntime).all();
    const ids = found.status?.containerStatuses?.map(({ containerID }) => containerID?.replace('timonel://', '')) ?? [];
    const all = ids.map(async (id) => provider?.service.containerStatus(id ?? ''));
    return (await Promise.all(all)).map((status) => status?.resources?.cpuLimitMillis);
  };

  it('changes several containers of a guaranteed pod, without a restart', async () => {
    await create('pair', { a: amounts('100m'), b: amounts('200m') });
    await resize('pair', { a: amounts('300m'), b: amounts('150m', '32Mi') });
    const done = await resized('pair', [amounts('300m'), amounts('150m', '32Mi')]);
    expect(done.status?.containerStatuses?.map(({ restartCount }) => restartCount)).toEqual([0, 0]);
    expect(await inRuntime(done)).toEqual([300, 150]);
    await bed.api.delete(pods, { namespace: 'default', name: 'pair' }, { gracePeriodSeconds: 0 });
  });

  it('grants what waits as soon as another pod goes, also after a restart of the agent', async () => {
    await create('large', { a: amounts('1500m') });
    await create('small', { a: amounts('100m') });
    await resize('small', { a: amounts('1') });
    const waits = await bed.pod('small', 'to wait', (found) => conditions(found)[0] === 'Deferred');
    expect(waits.status?.containerStatuses).toMatchObject([{ resources: amounts('100m') }]);
    await bed.kernel.control.disable('node-agent');
    await bed.kernel.control.enable('node-agent', { nodeName: 'node-1', runtime: 'fake', ...agentConfig });
    await bed.pod('small', 'still to wait', (found) => conditions(found)[0] === 'Deferred');
    expect(await inRuntime(await bed.get('small'))).toEqual([100]);
    await bed.api.delete(pods, { namespace: 'default', name: 'large' }, { gracePeriodSeconds: 0 });
    const done = await resized('small', [amounts('1')]);
    expect(await inRuntime(done)).toEqual([1000]);
    expect(done.status?.containerStatuses).toMatchObject([{ restartCount: 0, allocatedResources: { cpu: '1' } }]);
  }, 30_000);

  it('finds what was resized while the agent was away', async () => {
    await create('away', { a: amounts('100m') });
    await bed.kernel.control.disable('node-agent');
    await resize('away', { a: amounts('200m') });
    await bed.kernel.control.enable('node-agent', { nodeName: 'node-1', runtime: 'fake', ...agentConfig });
    expect(await inRuntime(await resized('away', [amounts('200m')]))).toEqual([200]);
  }, 30_000);
});
