/** Devices of a device plugin that is a process of its own: the node's side alone, without containers. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core/env';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import nodeDevicesPlugin from '@timonel/plugin-node-devices';
import { nodeDevices, type NodeDevices } from '@timonel/sdk/contracts/devices';
import { nodeParts } from '@timonel/sdk/contracts/node-parts';
import { GrpcClient, grpcService } from '@timonel/sdk/grpc';
import type { Container, Pod } from '@timonel/sdk/kube';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';
import { DevicePluginProcess, type DevicePluginSettings } from '../support/device-plugin/index.ts';

const resource = 'example.com/null';

function container(name: string, count = 0, more: Partial<Container> = {}): Container {
  return {
    name,
    image: 'i',
    ...(count === 0 ? {} : { resources: { limits: { [resource]: String(count) } } }),
    ...more,
  };
}

function podOf(uid: string, containers: Container[], initContainers: Container[] = []): Pod {
  return { metadata: { name: uid, namespace: 'x', uid }, spec: { containers, initContainers } };
}

/** Field numbers of `podresources/v1`, written down apart from those of the code under test. */
const resources = grpcService(
  `message Empty {}
  message Devices { string resource = 1; repeated string ids = 2; }
  message Container { repeated Devices first = 1; repeated Devices devices = 2; }
  message Named { string name = 1; repeated Devices devices = 2; }
  message PodOne { string name = 1; string namespace = 2; repeated Named containers = 3; }
  message ListResponse { repeated PodOne pods = 1; }
  message GetRequest { string name = 1; string namespace = 2; }`,
  'v1.PodResourcesLister',
);

let root: string;
let kernel: TestKernel | undefined;
const plugins: DevicePluginProcess[] = [];
const kubelet = (): string => join(root, 'kubelet');

async function startNode(config: Record<string, unknown> = {}): Promise<void> {
  kernel = await startTestKernel({
    plugins: [
      { definition: nodeDevicesPlugin, source: 'built-in', config: { kubeletDirectory: kubelet(), ...config } },
    ],
    env: createRealEnv(),
    dataDir: join(root, 'data'),
  });
}

async function stopNode(): Promise<void> {
  await kernel?.[Symbol.asyncDispose]();
  kernel = undefined;
}

function devices(): NodeDevices {
  if (kernel === undefined) throw new Error('the node was not started');
  return kernel.service(nodeDevices);
}

function shown(): unknown {
  const { capacity, allocatable } = kernel?.service(nodeParts).all()[0]?.service.status() ?? {};
  return [capacity?.[resource], allocatable?.[resource]];
}

const shows = (...expected: readonly string[]): Promise<unknown> =>
  until(() => JSON.stringify(shown()) === JSON.stringify(expected), {
    what: `the node to show ${expected.join(' and ')}: ${JSON.stringify(shown())}`,
  });

async function startPlugin(
  known: Readonly<Record<string, 'Healthy' | 'Unhealthy'>>,
  settings: Partial<DevicePluginSettings> = {},
): Promise<DevicePluginProcess> {
  const plugin = new DevicePluginProcess({
    resource,
    directory: join(kubelet(), 'device-plugins'),
    own: join(root, `plugin-${plugins.length}`),
    ...settings,
  });
  plugins.push(plugin);
  return plugin.start(known);
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'timonel-devices-'));
});
afterEach(async () => {
  for (const plugin of plugins.splice(0)) await plugin.stop();
  await stopNode();
  rmSync(root, { recursive: true, force: true });
});

describe('device plugins', () => {
  it('register, and tell what is healthy as it changes', async () => {
    await startNode();
    const plugin = await startPlugin({ a: 'Healthy', b: 'Healthy', c: 'Unhealthy' });
    await shows('3', '2');
    plugin.tell({ a: 'Healthy' });
    await shows('1', '1');
    await until(() => plugin.calls('Registered').length > 0, { what: 'the answer' });
    expect(plugin.calls('Registered')).toEqual([{ method: 'Registered', error: '' }]);
  });

  it('register by a socket where CSI drivers do, too', async () => {
    await startNode();
    const plugin = await startPlugin({ a: 'Healthy' }, { registry: join(kubelet(), 'plugins_registry') });
    await shows('1', '1');
    await until(() => plugin.calls('NotifyRegistrationStatus').length > 0, { what: 'the plugin to be told' });
    rmSync(join(kubelet(), 'plugins_registry', 'example.com_null.sock'));
    await shows('1', '0');
  });

  it.each([
    ['another version of the API', { version: 'v2' }, 'requested API version "v2" is not supported by this node'],
    ['a resource without a domain', { resource: 'null' }, 'the ResourceName "null" is invalid'],
    [
      'a resource of Kubernetes',
      { resource: 'kubernetes.io/null' },
      'the ResourceName "kubernetes.io/null" is invalid',
    ],
  ])('are refused for %s, and told why', async (_what, settings, message) => {
    await startNode();
    const plugin = await startPlugin({ a: 'Healthy' }, settings);
    await until(() => plugin.calls('Registered').length > 0, { what: 'the answer' });
    expect(plugin.calls('Registered')[0]?.error).toContain(message);
  });

  it('that die are counted for a while, but give nothing; the next one takes over', async () => {
    await startNode({ goneAfterMs: 300 });
    const plugin = await startPlugin({ a: 'Healthy' });
    await shows('1', '1');
    await plugin.stop();
    await shows('1', '0');
    expect(await devices().allocate(podOf('p', [container('c', 1)]), undefined)).toMatchObject({
      message: `Allocate failed due to no healthy devices present; cannot allocate unhealthy devices ${resource}, which is unexpected`,
    });
    await shows('0', '0');
    await startPlugin({ a: 'Healthy', b: 'Healthy' });
    await shows('2', '2');
  });

  it('register again with a node that was started anew; what pods have they keep', async () => {
    await startNode();
    const plugin = await startPlugin({ a: 'Healthy', b: 'Healthy' });
    await shows('2', '2');
    const pod = podOf('p', [container('c', 1)]);
    expect(await devices().allocate(pod, undefined)).toBeUndefined();
    await stopNode();
    expect(existsSync(join(kubelet(), 'device-plugins/kubelet.sock'))).toBe(false);
    await startNode();
    expect(shown()).not.toEqual([undefined, undefined]);
    await shows('2', '2');
    await until(() => plugin.calls('Registered').length > 1, { what: 'the plugin to have registered again' });
    expect(await devices().allocate(pod, undefined)).toBeUndefined();
    expect((await devices().grant(pod, 'c'))?.env).toEqual({ DEVICES: 'a' });
    expect(await devices().allocate(podOf('q', [container('c', 2)]), undefined)).toEqual({
      reason: 'UnexpectedAdmissionError',
      message: `Allocate failed due to requested number of devices unavailable for ${resource}. Requested: 2, Available: 1, which is unexpected`,
    });
  });

  it('have one node at a time: the next one serves when the first is gone', async () => {
    await startNode();
    const first = kernel;
    const config = { 'node-devices': { kubeletDirectory: kubelet() } };
    kernel = await startTestKernel({ plugins: [nodeDevicesPlugin], config, env: createRealEnv() });
    const plugin = await startPlugin({ a: 'Healthy' });
    await until(() => plugin.calls('Registered').length === 1, { what: 'the plugin to be registered with the first' });
    expect(shown()).toEqual([undefined, undefined]);
    await first?.stop();
    await shows('1', '1');
  });

  it('do not keep the node from starting when what was remembered is damaged, but say what to do', async () => {
    await startNode();
    await startPlugin({ a: 'Healthy' });
    await shows('1', '1');
    const file = join(root, 'data', 'node-devices', 'allocations.json');
    await until(() => existsSync(file), { what: 'the file' });
    await stopNode();
    writeFileSync(file, '{');
    await startNode();
    const told = JSON.stringify(kernel?.report);
    expect(told).toContain(`${file} is damaged, so which containers have which devices is not known`);
  });
});

describe('devices of containers', () => {
  it('are their own, and free again when the pod is gone', async () => {
    await startNode();
    const plugin = await startPlugin({ a: 'Healthy', b: 'Healthy', c: 'Healthy' });
    await shows('3', '3');
    const pod = podOf('p', [container('one', 1), container('none'), container('two', 2)]);
    expect(await devices().allocate(pod, undefined)).toBeUndefined();
    expect(await devices().grant(pod, 'one')).toEqual({
      env: { DEVICES: 'a' },
      mounts: [{ containerPath: '/etc/devices', hostPath: plugin.settings.own, readOnly: true }],
      devices: [{ containerPath: '/dev/given-a', hostPath: '/dev/null', permissions: 'rw' }],
    });
    expect((await devices().grant(pod, 'two'))?.env).toEqual({ DEVICES: 'b,c' });
    const lister = new GrpcClient({ socket: join(kubelet(), 'pod-resources/kubelet.sock'), env: createRealEnv() });
    const list = resources<object, object>('List', 'Empty', 'ListResponse');
    const containers = [
      { name: 'one', devices: [{ resource, ids: ['a'] }] },
      { name: 'two', devices: [{ resource, ids: ['b', 'c'] }] },
    ];
    expect(await lister.call(list, {}, 5000)).toEqual({ pods: [{ name: 'p', namespace: 'x', containers }] });
    const get = resources<{ name: string; namespace: string }, object>('Get', 'GetRequest', 'Empty');
    await expect(lister.call(get, { name: 'q', namespace: 'x' }, 5000)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const allocatable = resources<object, object>('GetAllocatableResources', 'Empty', 'Container');
    expect(await lister.call(allocatable, {}, 5000)).toMatchObject({ first: [{ resource, ids: ['a', 'b', 'c'] }] });
    lister.close();
    expect(await devices().grant(pod, 'none')).toBeUndefined();
    const next = podOf('q', [container('c', 1)]);
    expect(await devices().allocate(next, new Set(['p', 'q']))).toMatchObject({ reason: 'UnexpectedAdmissionError' });
    await devices().release('p');
    expect(await devices().allocate(next, undefined)).toBeUndefined();
    // The pod went while nobody looked.
    expect(await devices().allocate(podOf('r', [container('c', 3)]), new Set(['r']))).toBeUndefined();
  });

  it('pass from init containers to those after them, but not from sidecars', async () => {
    await startNode();
    await startPlugin({ a: 'Healthy', b: 'Healthy', c: 'Healthy' });
    await shows('3', '3');
    const inits = [container('init', 2), container('sidecar', 1, { restartPolicy: 'Always' })];
    const pod = podOf('p', [container('main', 2)], inits);
    expect(await devices().allocate(pod, undefined)).toBeUndefined();
    const names = ['init', 'sidecar', 'main'];
    const given = await Promise.all(names.map(async (name) => (await devices().grant(pod, name))?.env['DEVICES']));
    expect(given).toEqual(['a,b', 'a', 'b,c']);
  });

  it('are those that the plugin would have, made ready by it before each start', async () => {
    await startNode();
    const options = { preStartRequired: true, getPreferredAllocationAvailable: true };
    const plugin = await startPlugin({ a: 'Healthy', b: 'Healthy', c: 'Healthy' }, { options });
    await shows('3', '3');
    const pod = podOf('p', [container('c', 2)]);
    expect(await devices().allocate(pod, undefined)).toBeUndefined();
    expect((await devices().grant(pod, 'c'))?.env).toEqual({ DEVICES: 'b,c' });
    await devices().grant(pod, 'c');
    expect(plugin.calls('PreStartContainer').map(({ request }) => request)).toEqual([
      { ids: ['b', 'c'] },
      { ids: ['b', 'c'] },
    ]);
  });

  it('of a plugin that hangs keep only those waiting who want them, for a time', async () => {
    await startNode({ callTimeoutMs: 1000 });
    const other = 'example.com/other';
    await Promise.all([startPlugin({ a: 'Healthy' }), startPlugin({ b: 'Healthy' }, { resource: other, hangs: true })]);
    await shows('1', '1');
    const hung = { name: 'c', image: 'i', resources: { limits: { [other]: '1' } } };
    await until(() => kernel?.service(nodeParts).all()[0]?.service.status().allocatable?.[other] === '1', {
      what: 'the other resource',
    });
    let isOver = false;
    const waiting = devices()
      .allocate(podOf('p', [hung]), undefined)
      .finally(() => (isOver = true));
    expect(await devices().allocate(podOf('q', [container('c', 1)]), undefined)).toBeUndefined();
    expect(isOver).toBe(false);
    expect(await waiting).toMatchObject({ message: expect.stringContaining('Deadline exceeded') });
  });

  it('are waited for while they are not healthy', async () => {
    await startNode();
    const plugin = await startPlugin({ a: 'Healthy', b: 'Healthy' });
    await shows('2', '2');
    const pod = podOf('p', [container('c', 1)]);
    await devices().allocate(pod, undefined);
    plugin.tell({ a: 'Unhealthy', b: 'Healthy' });
    await shows('2', '1');
    await expect(devices().grant(pod, 'c')).rejects.toMatchObject({
      name: 'DeviceError',
      message: `devices of ${resource} cannot be used now: a`,
    });
  });

  it('are refused, with nothing kept, when the plugin wants what this node does not know', async () => {
    await startNode();
    await startPlugin({ a: 'Healthy' }, { cdi: true });
    await shows('1', '1');
    for (const uid of ['p', 'q']) {
      expect(await devices().allocate(podOf(uid, [container('c', 1)]), undefined)).toMatchObject({
        message: expect.stringContaining('asks for CDI devices (example.com/null=a), which this node does not know'),
      });
    }
  });
});
