import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { podNetwork } from '@timonel/sdk/contracts/network';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { configMaps, leases, nodes, pods, type Pod } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import runtimeFake from '@timonel/plugin-runtime-fake';
import { startBed, type Bed } from './bed.ts';

const ready = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
const first = (pod: Pod) => pod.status?.containerStatuses?.[0];
const waitingFor = (reason: string) => (pod: Pod) => first(pod)?.state.waiting?.reason === reason;

describe('node agent on the real API server', () => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await startBed({ runtime: runtimeFake, handler: 'fake', agentConfig: { relistIntervalMs: 500 } });
  }, 30_000);
  afterAll(() => bed?.kernel.stop());

  it('registers its node and renews its lease', async () => {
    const node = await bed.api.get(nodes, { name: 'node-1' });
    expect(node.metadata.labels).toMatchObject({ 'kubernetes.io/hostname': 'node-1', 'kubernetes.io/os': 'linux' });
    expect(node.spec.podCIDR).toBe('127.80.0.0/16');
    expect(node.status?.capacity).toMatchObject({ cpu: expect.any(String), memory: expect.any(String), pods: '110' });
    expect(node.status?.conditions?.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']),
    );
    const lease = await until(() => bed.api.get(leases, { namespace: 'kube-node-lease', name: 'node-1' }), {
      what: 'the lease',
    });
    expect(lease.spec).toMatchObject({ holderIdentity: 'node-1', leaseDurationSeconds: 40 });
  });

  it('runs a pod and removes every trace of it when it is deleted', async () => {
    await bed.create('one', {});
    const pod = await bed.pod('one', 'ready', ready);
    expect(pod.status).toMatchObject({ phase: 'Running', hostIP: expect.any(String), qosClass: 'BestEffort' });
    expect(pod.status?.podIP).toMatch(/^127\.80\./);
    expect(first(pod)).toMatchObject({ name: 'app', ready: true, started: true, restartCount: 0, image: 'img:1' });
    await bed.api.delete(pods, { namespace: 'default', name: 'one' });
    await bed.gone('one');
    const [runtime] = bed.kernel.service(containerRuntime).all();
    expect((await runtime?.service.listSandboxes())?.filter(({ podName }) => podName === 'one')).toEqual([]);
    expect(await bed.kernel.service(podNetwork).list()).toEqual([]);
  });

  it('restarts a container that ends, at once the first time, then with back-off', async () => {
    const command = ['fake:exit', '3', '200'];
    await bed.create('loop', { containers: [{ name: 'app', image: 'img:1', command }] });
    const pod = await bed.pod('loop', 'CrashLoopBackOff', waitingFor('CrashLoopBackOff'));
    expect(first(pod)).toMatchObject({
      restartCount: 1,
      ready: false,
      lastState: { terminated: { exitCode: 3, reason: 'Error' } },
      state: { waiting: { message: expect.stringContaining('back-off 10s restarting failed container=app') } },
    });
    expect(pod.status?.phase).toBe('Running');
  });

  it.each([
    ['OnFailure', '0', 'Succeeded', 'Completed'],
    ['Never', '4', 'Failed', 'Error'],
  ])('with %s and exit code %s ends as %s', async (restartPolicy, code, phase, reason) => {
    const name = `once-${code}`;
    const containers = [{ name: 'app', image: 'img:1', command: ['fake:exit', code] }];
    await bed.create(name, { restartPolicy, containers });
    const pod = await bed.pod(name, phase, ({ status }) => status?.phase === phase);
    expect(first(pod)?.state.terminated).toMatchObject({ exitCode: Number(code), reason });
    await bed.api.delete(pods, { namespace: 'default', name });
    await bed.gone(name);
  });

  it('runs init containers in order before the others', async () => {
    const init = (name: string) => ({ name, image: 'img:1', command: ['fake:exit', '0', '100'] });
    await bed.create('inits', { initContainers: [init('a'), init('b')] });
    const pod = await bed.pod('inits', 'ready', ready);
    const [a, b] = pod.status?.initContainerStatuses ?? [];
    expect([a?.state.terminated?.reason, b?.state.terminated?.reason]).toEqual(['Completed', 'Completed']);
    expect(pod.status?.conditions?.find(({ type }) => type === 'Initialized')?.status).toBe('True');
  });

  it.each([
    ['absent-image', { image: 'absent:1' }, 'ImagePullBackOff'],
    ['bad-image-name', { image: 'ABSENT:1' }, 'InvalidImageName'],
    [
      'no-config-map',
      { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'x', key: 'k' } } }] },
      'CreateContainerConfigError',
    ],
  ])('%s: the pod waits and says why', async (name, changes, reason) => {
    await bed.create(name, { containers: [{ name: 'app', image: 'img:1', ...changes }] });
    await bed.pod(name, reason, waitingFor(reason));
    await bed.api.delete(pods, { namespace: 'default', name });
    await bed.gone(name);
  });

  it('says so when a command is not there', async () => {
    const containers = [{ name: 'app', image: 'img:1', command: ['fake:absent', 'nothing'] }];
    await bed.create('absent-command', { restartPolicy: 'Never', containers });
    const pod = await bed.pod('absent-command', 'Failed', ({ status }) => status?.phase === 'Failed');
    expect(first(pod)?.state.terminated).toMatchObject({ exitCode: 127, reason: 'StartError' });
  });

  it('starts a pod whose missing ConfigMap appears', async () => {
    const env = [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'later', key: 'k' } } }];
    await bed.create('mended', { containers: [{ name: 'app', image: 'img:1', env }] });
    await bed.pod('mended', 'config error', waitingFor('CreateContainerConfigError'));
    await bed.api.create(configMaps, { metadata: { name: 'later', namespace: 'default' }, data: { k: 'v' } });
    await bed.pod('mended', 'ready', ready, 20_000);
  }, 30_000);

  it('takes over what runs when the plugin is restarted', async () => {
    await bed.create('kept', {});
    const before = await bed.pod('kept', 'ready', ready);
    await bed.kernel.control.disable('node-agent');
    await bed.api.delete(pods, { namespace: 'default', name: 'inits' }, { gracePeriodSeconds: 0 });
    await bed.kernel.control.enable('node-agent', { nodeName: 'node-1', runtime: 'fake', relistIntervalMs: 500 });
    const [runtime] = bed.kernel.service(containerRuntime).all();
    const left = async (): Promise<boolean> => {
      const sandboxes = await runtime?.service.listSandboxes();
      return sandboxes?.every(({ podName }) => podName !== 'inits') ?? false;
    };
    await until(left, { what: 'the sandbox of the pod that was deleted meanwhile to be removed', timeoutMs: 10_000 });
    const after = await bed.pod('kept', 'still ready', ready);
    expect(first(after)).toEqual(first(before));
  });
});
