/** Volumes of a CSI driver and devices of a device plugin, each a program of its own, in real containers under real kubectl. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { attachmentName } from '@timonel/sdk/volumes';
import { TestCluster } from '../support/cluster.ts';
import { CsiDriverProcess } from '../support/csi-driver/index.ts';
import { DevicePluginProcess } from '../support/device-plugin/index.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

const driverName = 'csi.example.com';
const resource = 'example.com/null';
const patience = { timeoutMs: 30_000, intervalMs: 100 };

/** Adds a line to a file at each start, and stays. */
const writer =
  "require('fs').appendFileSync('/data/starts', 'x'); setInterval(() => {}, 1000); process.on('SIGTERM', () => process.exit(0));";

function podOf(name: string, container: object, volumes: readonly object[] = []): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'c', image: 'timonel.local/node:host', command: ['node', '-e', writer], ...container }],
      volumes,
    },
  };
}

const mounting = { volumeMounts: [{ name: 'data', mountPath: '/data' }] };
const ofClaim = (claimName: string): object => ({ name: 'data', persistentVolumeClaim: { claimName } });

const claimed = (name: string, more: object = {}): object[] => {
  const common = { accessModes: ['ReadWriteOnce'], storageClassName: '', ...more };
  return [
    {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: { ...common, capacity: { storage: '1Gi' }, csi: { driver: driverName, volumeHandle: name } },
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name },
      spec: { ...common, volumeName: name, resources: { requests: { storage: '1Gi' } } },
    },
  ];
};

describe('CSI drivers and device plugins', () => {
  let before: string[];
  let root: string;
  let kubelet: string;
  let cluster: TestCluster;
  let driver: CsiDriverProcess;
  let devices: DevicePluginProcess;

  const kubectl = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await cluster.kubectl(args);
    if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  const apply = async (...objects: object[]): Promise<void> => {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    const { status, stderr } = await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(list) });
    if (status !== 0) throw new Error(stderr);
  };
  const running = async (name: string): Promise<void> => {
    await until(async () => (await kubectl('get', 'pod', name, '-o', 'jsonpath={.status.phase}')) === 'Running', {
      what: () => `pod ${name} to run:\n${cluster.output.slice(-2000)}`,
      ...patience,
    });
  };
  const inContainer = (pod: string, script: string): Promise<string> =>
    kubectl('exec', pod, '--', 'node', '-e', `process.stdout.write(String(${script}))`);
  const mounts = (): string[] =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '')
      .filter((path) => path.startsWith(`${root}/`));

  beforeAll(async () => {
    before = traces();
    root = mkdtempSync(join(tmpdir(), 'timonel-csi-e2e-'));
    // As systemd has it: what a container mounts there is to be seen by the node.
    execFileSync('mount', ['--bind', root, root]);
    execFileSync('mount', ['--make-rshared', root]);
    kubelet = join(root, 'kubelet');
    const config = join(root, 'timonel.yaml');
    const own = { config: { kubeletDirectory: kubelet } };
    writeFileSync(config, JSON.stringify({ plugins: { 'volumes-csi': own, 'node-devices': own } }));
    cluster = await TestCluster.start({ args: ['--config', config] });
    driver = new CsiDriverProcess({
      name: driverName,
      registry: join(kubelet, 'plugins_registry'),
      directory: join(root, 'driver'),
    });
    devices = new DevicePluginProcess({
      resource,
      directory: join(kubelet, 'device-plugins'),
      own: join(root, 'devices'),
    });
    await Promise.all([driver.start(), devices.start({ a: 'Healthy', b: 'Healthy' })]);
    await apply({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSIDriver',
      metadata: { name: driverName },
      spec: { attachRequired: true, podInfoOnMount: true, volumeLifecycleModes: ['Persistent', 'Ephemeral'] },
    });
    await until(
      async () => (await kubectl('get', 'csinode', 'node-1', '-o', 'jsonpath={.spec.drivers[*].name}')) === driverName,
      { what: () => `the driver to be registered:\n${cluster.output.slice(-2000)}`, ...patience },
    );
  }, 90_000);
  afterAll(async () => {
    await cluster?.dispose();
    await driver?.stop();
    await devices?.stop();
    for (const path of [...mounts().toReversed(), root]) execFileSync('umount', ['--lazy', path]);
    rmSync(root, { recursive: true, force: true });
    expect(newTraces(before).filter((trace) => trace.includes(root))).toEqual([]);
  }, 60_000);

  /** As the container beside a driver does it, for each volume that is to be attached. */
  const attach = async (volume: string): Promise<void> => {
    const name = attachmentName(volume, driverName, 'node-1');
    await until(async () => (await kubectl('get', 'volumeattachment', name, '-o', 'name')) !== '', {
      what: 'the attachment',
      ...patience,
    });
    const status = JSON.stringify({ status: { attached: true, attachmentMetadata: { slot: '3' } } });
    await kubectl('patch', 'volumeattachment', name, '--subresource=status', '--type=merge', '-p', status);
  };

  it('a volume is attached, mounted, kept over the death of the node agent, and gone with its pod', async () => {
    driver.addVolume('disk');
    await apply(...claimed('disk'), podOf('web', mounting, [ofClaim('disk')]));
    await attach('disk');
    await running('web');
    expect(await inContainer('web', "require('fs').readFileSync('/data/starts', 'utf8')")).toBe('x');
    expect(driver.calls('NodeStageVolume')[0]?.request).toMatchObject({ publishContext: { slot: '3' } });
    expect(await kubectl('get', 'node', 'node-1', '-o', 'jsonpath={.status.volumesInUse[0]}')).toBe(
      `kubernetes.io/csi/${driverName}^disk`,
    );
    driver.forgetCalls();
    await cluster.signal('SIGKILL');
    await cluster.up();
    await running('web');
    expect(await inContainer('web', "require('fs').readFileSync('/data/starts', 'utf8')")).toBe('x');
    expect(driver.calls('NodePublishVolume')).toEqual([]);
    await kubectl('delete', 'pod', 'web');
    await until(() => mounts().length === 0, { what: 'the mounts to go', ...patience });
    expect(driver.calls('NodeUnstageVolume')).toHaveLength(1);
    await until(async () => (await kubectl('get', 'volumeattachment', '-o', 'name')) === '', {
      what: 'the attachment to go',
      ...patience,
    });
    expect(readdirSync(driver.pathOf('disk'))).toEqual(['starts']);
  }, 90_000);

  it('a volume of the pod itself lives as long as it; a block volume is a device', async () => {
    driver.addVolume('raw');
    const inline = { name: 'data', csi: { driver: driverName, volumeAttributes: { kind: 'scratch' } } };
    const devicesOf = {
      volumeDevices: [{ name: 'data', devicePath: '/dev/disk' }],
      command: ['node', '-e', 'setInterval(() => {}, 1000)'],
    };
    await apply(
      podOf('scratch', mounting, [inline]),
      ...claimed('raw', { volumeMode: 'Block' }),
      podOf('raw', devicesOf, [ofClaim('raw')]),
    );
    await attach('raw');
    await Promise.all([running('scratch'), running('raw')]);
    expect(await inContainer('scratch', "require('fs').readFileSync('/data/starts', 'utf8')")).toBe('x');
    expect(await inContainer('raw', "require('fs').readFileSync('/dev/disk').length")).toBe('0');
    await kubectl('delete', 'pod', 'scratch', 'raw');
    await until(() => mounts().length === 0, { what: 'the mounts to go', ...patience });
  }, 90_000);

  it('devices are counted, given to one container each, and really opened', async () => {
    const shown = (): Promise<string> => kubectl('get', 'node', 'node-1', '-o', 'jsonpath={.status.allocatable}');
    await until(async () => (await shown()).includes(`"${resource}":"2"`), { what: 'the devices', ...patience });
    const asking = (count: number): object => ({
      command: ['node', '-e', 'setInterval(() => {}, 1000)'],
      resources: { limits: { [resource]: String(count) } },
    });
    await apply(podOf('one', asking(1)));
    await running('one');
    expect(await inContainer('one', "process.env.DEVICES + require('fs').readFileSync('/dev/given-a').length")).toBe(
      'a0',
    );
    const bound = podOf('two', asking(2)) as { spec: object };
    await apply({ ...bound, spec: { ...bound.spec, nodeName: 'node-1' } });
    await until(async () => (await kubectl('get', 'pod', 'two', '-o', 'jsonpath={.status.phase}')) === 'Failed', {
      what: 'the second pod to be refused',
      ...patience,
    });
    expect(await kubectl('get', 'pod', 'two', '-o', 'jsonpath={.status.reason}')).toBe('UnexpectedAdmissionError');
    await kubectl('delete', 'pod', 'one', 'two');
    await apply(podOf('three', asking(2)));
    await running('three');
    expect(await inContainer('three', 'process.env.DEVICES')).toBe('a,b');
    await kubectl('delete', 'pod', 'three');
  }, 90_000);

  it('a driver that runs in a container mounts for the containers of others', async () => {
    const repository = join(import.meta.dirname, '..', '..');
    const own = join(kubelet, 'plugins', 'in-pod.example.com');
    const settings = {
      name: 'in-pod.example.com',
      registry: join(kubelet, 'plugins_registry'),
      directory: own,
      tools: { directory: '/tools', libraries: '/libraries' },
    };
    const paths: Record<string, string> = {
      [repository]: repository,
      [kubelet]: kubelet,
      '/tools': '/usr/bin',
      '/libraries': '/lib/x86_64-linux-gnu',
    };
    const names = Object.keys(paths).map((mountPath, index) => ({ mountPath, name: `v${index}` }));
    const program = join(repository, 'test/support/csi-driver/driver.mjs');
    const container = {
      command: ['node', program, JSON.stringify(settings)],
      securityContext: { privileged: true },
      volumeMounts: names.map(({ mountPath, name }) => ({
        name,
        mountPath,
        ...(mountPath === kubelet ? { mountPropagation: 'Bidirectional' } : { readOnly: true }),
      })),
    };
    const hostPaths = names.map(({ mountPath, name }) => ({ name, hostPath: { path: paths[mountPath] } }));
    const spec = { attachRequired: false, podInfoOnMount: true, volumeLifecycleModes: ['Ephemeral'] };
    await apply(
      { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', metadata: { name: settings.name }, spec },
      podOf('driver', container, hostPaths),
      podOf('user', mounting, [{ name: 'data', csi: { driver: settings.name } }]),
    );
    await running('user');
    expect(await inContainer('user', "require('fs').readFileSync('/data/starts', 'utf8')")).toBe('x');
    await kubectl('delete', 'pod', 'user');
    await until(() => mounts().length === 0, { what: 'the mounts to go', ...patience });
    await kubectl('delete', 'pod', 'driver');
  }, 90_000);
});
