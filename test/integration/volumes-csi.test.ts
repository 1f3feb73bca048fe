/** Volumes of a CSI driver that is a process of its own, with real mounts: the node's side alone, without containers. Needs root. */
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import volumesCsi from '@timonel/plugin-volumes-csi';
import { nodeParts } from '@timonel/sdk/contracts/node-parts';
import { volumeDrivers, volumeKinds, type VolumeDriver, type VolumeKind } from '@timonel/sdk/contracts/volume';
import {
  csiDrivers,
  csiNodes,
  nodes,
  persistentVolumeClaims,
  volumeAttachments,
  type CsiDriver,
  type PersistentVolume,
  type Pod,
} from '@timonel/sdk/kube';
import { mountTable } from '@timonel/sdk/linux';
import { attachmentName, uniqueVolumeName } from '@timonel/sdk/volumes';
import { testVolumeNode, volumeMountRequest, volumeRequest } from '@timonel/testkit';
import { volumesContract } from '@timonel/testkit/contracts/volume';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';
import { CsiDriverProcess, type CsiDriverSettings } from '../support/csi-driver/index.ts';

const suite = process.getuid?.() === 0 ? describe : describe.skip;
const driverName = 'csi.example.com';

class Bed implements AsyncDisposable {
  readonly root: string = mkdtempSync(join(tmpdir(), 'timonel-csi-'));
  readonly kubelet: string = join(this.root, 'kubelet');
  readonly drivers: CsiDriverProcess[] = [];
  cluster: Cluster | undefined;

  async startNode(config: Record<string, unknown> = {}): Promise<this> {
    this.cluster = await startCluster({
      controllers: [],
      plugins: [volumesCsi],
      config: {
        'volumes-csi': { nodeName: 'node-0', kubeletDirectory: this.kubelet, attachTimeoutMs: 100, ...config },
      },
      nodes: 1,
      scheduler: false,
    });
    return this;
  }

  get api(): Cluster['api'] {
    if (this.cluster === undefined) throw new Error('the node was not started');
    return this.cluster.api;
  }

  get driver(): VolumeDriver {
    const found = this.cluster?.server.kernel.service(volumeDrivers).all()[0]?.service;
    if (found === undefined) throw new Error('nobody mounts volumes');
    return found;
  }

  get kind(): VolumeKind {
    const found = this.cluster?.server.kernel.service(volumeKinds).all()[0]?.service;
    if (found === undefined) throw new Error('nobody serves volumes of pods');
    return found;
  }

  async addDriver(
    spec: NonNullable<CsiDriver['spec']> | undefined = { attachRequired: false },
    settings: Partial<CsiDriverSettings> = {},
  ): Promise<CsiDriverProcess> {
    const process_ = new CsiDriverProcess({
      name: driverName,
      registry: join(this.kubelet, 'plugins_registry'),
      directory: join(this.root, settings.name ?? 'driver'),
      ...settings,
    });
    this.drivers.push(process_);
    await process_.start();
    const name = settings.name ?? driverName;
    if (spec !== undefined) await this.api.create(csiDrivers, { metadata: { name }, spec });
    await this.registered(name);
    return process_;
  }

  registered(name = driverName): Promise<unknown> {
    return this.until(`${name} to be registered`, async () => {
      const { spec } = await this.api.get(csiNodes, { name: 'node-0' });
      return spec?.drivers?.some((driver) => driver.name === name);
    });
  }

  until<T>(what: string, condition: () => T | Promise<T>): Promise<unknown> {
    if (this.cluster === undefined) throw new Error('the node was not started');
    return this.cluster.until(what, condition, 15_000);
  }

  async mounts(): Promise<string[]> {
    return (await mountTable()).map(({ path }) => path).filter((path) => path.startsWith(this.root));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster?.[Symbol.asyncDispose]();
    for (const driver of this.drivers) await driver.stop();
    const left = await this.mounts();
    const { execFileSync } = await import('node:child_process');
    for (const path of left.toReversed()) execFileSync('umount', ['--lazy', path]);
    rmSync(this.root, { recursive: true, force: true });
  }
}

let handles = 0;
function volumeOf(driver: CsiDriverProcess, more: PersistentVolume['spec'] = {}): PersistentVolume {
  handles += 1;
  const volumeHandle = `volume-${handles}`;
  driver.addVolume(volumeHandle);
  const { csi, ...rest } = more;
  return {
    metadata: { name: `pv-${handles}` },
    spec: { csi: { driver: driver.settings.name, volumeHandle, ...csi }, accessModes: ['ReadWriteOnce'], ...rest },
  };
}

function requestOf(
  volume: PersistentVolume,
  uid = 'pod-a',
  more: Partial<Parameters<typeof volumeMountRequest>[0]> = {},
) {
  const pod = { namespace: 'x', name: uid, uid };
  const podObject: Pod = {
    metadata: { ...pod },
    spec: {
      serviceAccountName: 'robot',
      containers: [],
      ...(more.fsGroup === undefined ? {} : { securityContext: { fsGroup: more.fsGroup } }),
    },
  };
  return volumeMountRequest({ volume, pod, podObject, ...more });
}

const podA = { namespace: 'x', name: 'pod-a', uid: 'pod-a' };

suite('volumes of CSI drivers', () => {
  let bed: Bed;
  afterEach(async () => {
    await bed?.[Symbol.asyncDispose]();
  });

  it('are staged once, published to each pod, and taken back, with nothing left', async () => {
    bed = await new Bed().startNode();
    const driver = await bed.addDriver();
    const volume = volumeOf(driver, {
      mountOptions: ['noatime'],
      csi: { fsType: 'ext4', volumeAttributes: { a: '1' } },
    });
    const { hostPath } = await bed.driver.mount(requestOf(volume));
    expect(hostPath).toBe(join(bed.kubelet, `pods/pod-a/volumes/kubernetes.io~csi/${volume.metadata.name}/mount`));
    writeFileSync(join(hostPath, 'file'), 'x');
    expect(readdirSync(driver.pathOf(volume.spec?.csi?.volumeHandle ?? ''))).toEqual(['file']);
    const [stage] = driver.calls('NodeStageVolume');
    expect(stage?.request).toMatchObject({
      volumeId: volume.spec?.csi?.volumeHandle,
      stagingTargetPath: expect.stringMatching(
        /plugins\/kubernetes\.io\/csi\/csi\.example\.com\/[0-9a-f]{64}\/globalmount$/,
      ),
      volumeCapability: { mount: { fsType: 'ext4', mountFlags: ['noatime'] }, accessMode: { mode: 1 }, block: null },
      volumeContext: { a: '1' },
    });
    await bed.driver.mount(requestOf(volume, 'pod-b', { readOnly: true }));
    expect(driver.calls('NodePublishVolume').map(({ request }) => request['readonly'])).toEqual([false, true]);
    await bed.driver.unmount(podA);
    expect(driver.calls('NodeUnstageVolume')).toEqual([]);
    await bed.driver.unmount({ ...podA, uid: 'pod-b' });
    expect(driver.calls('NodeUnstageVolume')).toHaveLength(1);
    expect(await bed.mounts()).toEqual([]);
    expect(readdirSync(join(bed.kubelet, 'pods'))).toEqual([]);
  });

  it('are not asked for again while they are there, and are made anew when they are not', async () => {
    bed = await new Bed().startNode();
    const driver = await bed.addDriver();
    const volume = volumeOf(driver);
    const { hostPath } = await bed.driver.mount(requestOf(volume));
    driver.forgetCalls();
    await bed.driver.mount(requestOf(volume));
    expect(driver.calls()).toEqual([]);
    // As after a start of the machine.
    const { execFileSync } = await import('node:child_process');
    for (const path of (await bed.mounts()).toReversed()) execFileSync('umount', [path]);
    expect(await bed.driver.mount(requestOf(volume))).toMatchObject({ hostPath });
    expect(driver.calls().map(({ method }) => method)).toEqual(['NodeStageVolume', 'NodePublishVolume']);
  });

  it('are taken back by the next agent, also what was only begun', async () => {
    bed = await new Bed().startNode();
    const driver = await bed.addDriver();
    const [whole, begun] = [volumeOf(driver), volumeOf(driver)];
    await bed.driver.mount(requestOf(whole));
    driver.fail({ NodePublishVolume: { code: 'INTERNAL', message: 'no room' } });
    await expect(bed.driver.mount(requestOf(begun))).rejects.toThrow(
      'NodePublishVolume of driver csi.example.com failed: rpc error: code = Internal desc = no room',
    );
    driver.fail({});
    await bed.cluster?.[Symbol.asyncDispose]();
    await bed.startNode();
    await bed.registered();
    driver.forgetCalls();
    expect(await bed.driver.mount(requestOf(whole))).toHaveProperty('hostPath');
    expect(driver.calls('NodePublishVolume')).toEqual([]);
    await bed.driver.unmount(podA);
    expect(await bed.mounts()).toEqual([]);
    expect(driver.calls('NodeUnstageVolume')).toHaveLength(2);
    expect(readdirSync(join(bed.kubelet, 'pods'))).toEqual([]);
  });

  it('wait for a driver that is away, crashes or hangs, and go on with the next one', async () => {
    bed = await new Bed().startNode({ callTimeoutMs: 400 });
    const driver = await bed.addDriver();
    const volume = volumeOf(driver);
    driver.fail({ NodeStageVolume: { code: 'hang' } });
    await expect(bed.driver.mount(requestOf(volume))).rejects.toThrow('code = DeadlineExceeded');
    driver.fail({ NodePublishVolume: { code: 'crash' } });
    await expect(bed.driver.mount(requestOf(volume))).rejects.toMatchObject({ name: 'VolumeError' });
    driver.fail({});
    rmSync(join(bed.kubelet, 'plugins_registry', `${driverName}-reg.sock`));
    await bed.until('the driver to be gone', async () => {
      const { spec } = await bed.api.get(csiNodes, { name: 'node-0' });
      return spec?.drivers?.length === 0;
    });
    const gone = 'driver name csi.example.com not found in the list of registered CSI drivers';
    await expect(bed.driver.mount(requestOf(volume))).rejects.toThrow(gone);
    await expect(bed.driver.unmount(podA)).rejects.toThrow(gone);
    await driver.start();
    await bed.registered();
    await bed.driver.mount(requestOf(volume));
    await bed.driver.unmount(podA);
    expect(await bed.mounts()).toEqual([]);
  });

  it.each(['NodeStageVolume', 'NodePublishVolume', 'NodeUnpublishVolume', 'NodeUnstageVolume'])(
    'leave nothing when driver and node die in the middle of %s',
    async (method) => {
      bed = await new Bed().startNode();
      const driver = await bed.addDriver();
      const volume = volumeOf(driver);
      driver.fail({ [method]: { code: 'crash' } });
      const both = async (): Promise<void> => {
        await bed.driver.mount(requestOf(volume));
        await bed.driver.unmount(podA);
      };
      await expect(both()).rejects.toMatchObject({ name: 'VolumeError' });
      await bed.cluster?.[Symbol.asyncDispose]();
      driver.fail({});
      await driver.start();
      await bed.startNode();
      await bed.api.create(csiDrivers, { metadata: { name: driverName }, spec: { attachRequired: false } });
      await bed.registered();
      await bed.driver.unmount(podA);
      expect(await bed.mounts()).toEqual([]);
      expect(readdirSync(join(bed.kubelet, 'pods'))).toEqual([]);
      await both();
      expect(await bed.mounts()).toEqual([]);
      expect(readdirSync(driver.pathOf(volume.spec?.csi?.volumeHandle ?? ''))).toEqual([]);
    },
  );

  it('that a driver says to have published are refused when the node sees no mount', async () => {
    bed = await new Bed().startNode();
    const driver = await bed.addDriver({ attachRequired: false }, { mountsNothing: true });
    await expect(bed.driver.mount(requestOf(volumeOf(driver)))).rejects.toThrow(
      'needs mountPropagation: Bidirectional',
    );
    await bed.driver.unmount(podA);
    expect(readdirSync(join(bed.kubelet, 'pods'))).toEqual([]);
  });

  it('are waited for until they are attached, and told to be in use', async () => {
    bed = await new Bed().startNode();
    const driver = await bed.addDriver({ attachRequired: true });
    const volume = volumeOf(driver);
    const handle = volume.spec?.csi?.volumeHandle ?? '';
    await expect(bed.driver.mount(requestOf(volume))).rejects.toThrow(
      `volume ${volume.metadata.name} is not attached to node node-0 yet: there is no VolumeAttachment for it`,
    );
    const inUse = [uniqueVolumeName(driverName, handle)];
    expect((await bed.api.get(nodes, { name: 'node-0' })).status?.volumesInUse).toEqual(inUse);
    expect(bed.cluster?.server.kernel.service(nodeParts).all()[0]?.service.status()).toEqual({ volumesInUse: inUse });
    const name = attachmentName(handle, driverName, 'node-0');
    const source = { persistentVolumeName: volume.metadata.name ?? '' };
    const made = await bed.api.create(volumeAttachments, {
      metadata: { name },
      spec: { attacher: driverName, nodeName: 'node-0', source },
    });
    const failed = { attached: false, attachError: { message: 'the disk is elsewhere' } };
    const wrong = await bed.api.updateStatus(volumeAttachments, { ...made, status: failed });
    await expect(bed.driver.mount(requestOf(volume))).rejects.toThrow('yet: the disk is elsewhere');
    const attached = { attached: true, attachmentMetadata: { device: '/dev/x' } };
    await bed.api.updateStatus(volumeAttachments, { ...wrong, status: attached });
    await bed.driver.mount(requestOf(volume));
    expect(driver.calls('NodeStageVolume')[0]?.request).toMatchObject({ publishContext: { device: '/dev/x' } });
    await bed.driver.unmount(podA);
    await bed.until('the volume not to be in use', async () => {
      return (await bed.api.get(nodes, { name: 'node-0' })).status?.volumesInUse?.length === 0;
    });
  });

  it('get what their driver asks for: the pod, tokens, secrets, the group; and again in time', async () => {
    bed = await new Bed().startNode({ republishIntervalMs: 1000 });
    const driver = await bed.addDriver({
      attachRequired: false,
      podInfoOnMount: true,
      requiresRepublish: true,
      fsGroupPolicy: 'File',
      tokenRequests: [{ audience: 'vault' }],
    });
    const data = { key: Buffer.from('value').toString('base64') };
    const node = testVolumeNode({
      secret: async (namespace, name) => (name === 'none' ? undefined : { metadata: { namespace, name }, data }),
      token: async () => ({ token: 'T', expiresAt: 0, renewAfterMs: 1 }),
    });
    const secret = { namespace: 's', name: 'n' };
    const volume = volumeOf(driver, { csi: { nodeStageSecretRef: secret, nodePublishSecretRef: secret } });
    const asked = requestOf(volume, 'pod-a', { node, fsGroup: 4711 });
    const { hostPath, refreshAfterMs } = await bed.driver.mount(asked);
    expect(refreshAfterMs).toBe(1000);
    expect(statSync(hostPath)).toMatchObject({ gid: 4711 });
    expect(driver.calls('NodeStageVolume')[0]?.request).toMatchObject({ secrets: { key: 'value' }, volumeContext: {} });
    expect(driver.calls('NodePublishVolume')[0]?.request).toMatchObject({
      secrets: { key: 'value' },
      volumeContext: {
        'csi.storage.k8s.io/pod.name': 'pod-a',
        'csi.storage.k8s.io/pod.namespace': 'x',
        'csi.storage.k8s.io/pod.uid': 'pod-a',
        'csi.storage.k8s.io/serviceAccount.name': 'robot',
        'csi.storage.k8s.io/ephemeral': 'false',
        'csi.storage.k8s.io/serviceAccount.tokens':
          '{"vault":{"token":"T","expirationTimestamp":"1970-01-01T00:00:00Z"}}',
      },
    });
    await bed.driver.mount(asked);
    expect(driver.calls('NodePublishVolume')).toHaveLength(2);
    expect(driver.calls('NodeStageVolume')).toHaveLength(1);
    driver.fail({ NodePublishVolume: { code: 'UNAVAILABLE', message: 'later' } });
    expect(await bed.driver.mount(asked)).toMatchObject({ hostPath, refreshAfterMs: 1000 });
    driver.fail({});
    const without = volumeOf(driver, { csi: { nodePublishSecretRef: { namespace: 's', name: 'none' } } });
    await expect(bed.driver.mount(requestOf(without, 'pod-a', { node }))).rejects.toThrow('secret s/none');
    await bed.driver.unmount(podA);
  });

  it('leave the group to drivers that set it, and to those that say so', async () => {
    bed = await new Bed().startNode();
    const sets = await bed.addDriver({ attachRequired: false, fsGroupPolicy: 'File' }, { capabilities: [1, 6] });
    const none = await bed.addDriver({ attachRequired: false, fsGroupPolicy: 'None' }, { name: 'none.example.com' });
    for (const driver of [sets, none]) {
      const { hostPath } = await bed.driver.mount(requestOf(volumeOf(driver), 'pod-a', { fsGroup: 4711 }));
      expect(statSync(hostPath).gid).toBe(0);
    }
    expect(sets.calls('NodePublishVolume')[0]?.request).toMatchObject({
      volumeCapability: { mount: { volumeMountGroup: '4711' } },
    });
    await bed.driver.unmount(podA);
  });

  it('of the pod itself live as long as it, for drivers that have such', async () => {
    bed = await new Bed().startNode();
    const modes = ['Persistent', 'Ephemeral'];
    const driver = await bed.addDriver({ attachRequired: true, podInfoOnMount: true, volumeLifecycleModes: modes });
    await bed.addDriver({ attachRequired: false }, { name: 'no.example.com' });
    const inline = (by: string, name = 'scratch') =>
      volumeRequest({ name, csi: { driver: by, readOnly: true } }, { directory: join(bed.root, 'unused') });
    const { hostPath, readOnly } = await bed.kind.prepare(inline(driverName));
    expect(readOnly).toBe(true);
    expect(readdirSync(hostPath)).toEqual([]);
    expect(driver.calls('NodeStageVolume')).toEqual([]);
    expect(driver.calls('NodePublishVolume')[0]?.request).toMatchObject({
      volumeId: expect.stringMatching(/^csi-[0-9a-f]{64}$/),
      volumeContext: { 'csi.storage.k8s.io/ephemeral': 'true' },
    });
    await expect(bed.kind.prepare(inline('no.example.com', 'other'))).rejects.toThrow(
      'volume mode "Ephemeral" not supported by driver no.example.com (only supports ["Persistent"])',
    );
    await bed.kind.remove({ namespace: 'default', name: 'web', uid: 'uid-1' }, '');
    expect(existsSync(hostPath)).toBe(false);
    expect(await bed.mounts()).toEqual([]);
  });

  it('are measured, and made larger when their claim was', async () => {
    bed = await new Bed().startNode();
    const driver = await bed.addDriver();
    const volume = volumeOf(driver, { capacity: { storage: '2Gi' } });
    await bed.driver.mount(requestOf(volume));
    expect(await bed.driver.usage(requestOf(volume))).toMatchObject({ inodesUsed: 7, medium: 'own' });
    const made = await bed.api.create(persistentVolumeClaims, {
      metadata: { name: 'c', namespace: 'default' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } } },
    });
    const status = {
      phase: 'Bound',
      capacity: { storage: '1Gi' },
      conditions: [{ type: 'FileSystemResizePending', status: 'True' as const }],
    };
    const claim = await bed.api.updateStatus(persistentVolumeClaims, { ...made, status });
    const larger = await bed.driver.mount(requestOf(volume, 'pod-a', { claim }));
    expect(larger.follows).toBe(true);
    expect(driver.calls('NodeExpandVolume')[0]?.request).toMatchObject({ capacityRange: { requiredBytes: 2 ** 31 } });
    const after = await bed.api.get(persistentVolumeClaims, { namespace: 'default', name: 'c' });
    expect(after.status).toMatchObject({ capacity: { storage: '2Gi' } });
    expect(after.status?.conditions ?? []).toEqual([]);
    await bed.driver.mount(requestOf(volume, 'pod-a', { claim: after }));
    expect(driver.calls('NodeExpandVolume')).toHaveLength(1);
    await bed.driver.unmount(podA);
  });

  it('of mode Block are devices', async () => {
    bed = await new Bed().startNode();
    const driver = await bed.addDriver();
    const { hostPath } = await bed.driver.mount(requestOf(volumeOf(driver, { volumeMode: 'Block' })));
    expect(statSync(hostPath).isCharacterDevice()).toBe(true);
    expect(driver.calls('NodePublishVolume')[0]?.request).toMatchObject({ volumeCapability: { mount: null } });
    await bed.driver.unmount(podA);
    expect(existsSync(hostPath)).toBe(false);
  });
});

suite('registration of CSI drivers', () => {
  let bed: Bed;
  afterEach(async () => {
    await bed?.[Symbol.asyncDispose]();
  });

  it('is told to the cluster: id, topology, how many volumes; also when the driver comes back as another', async () => {
    bed = await new Bed().startNode();
    const driver = await bed.addDriver(undefined, { segments: { 'example.com/zone': 'z1' }, nodeId: 'first' });
    const told = async () => (await bed.api.get(csiNodes, { name: 'node-0' })).spec?.drivers;
    expect(await told()).toEqual([
      { name: driverName, nodeID: 'first', topologyKeys: ['example.com/zone'], allocatable: { count: 7 } },
    ]);
    await bed.until('the label of the zone', async () => {
      const { labels, annotations } = (await bed.api.get(nodes, { name: 'node-0' })).metadata;
      const ids = annotations?.['csi.volume.kubernetes.io/nodeid'];
      return labels?.['example.com/zone'] === 'z1' && ids === '{"csi.example.com":"first"}';
    });
    await bed.until('the driver to be told', () => driver.calls('NotifyRegistrationStatus').length > 0);
    const [notified] = driver.calls('NotifyRegistrationStatus');
    expect(notified?.request).toEqual({ pluginRegistered: true, error: '' });
    await driver.stop();
    const again = new CsiDriverProcess({ ...driver.settings, nodeId: 'second' });
    bed.drivers.push(again);
    await again.start();
    await bed.until('the new id', async () => (await told())?.[0]?.nodeID === 'second');
  });

  it('is refused for versions and names that are not of CSI, and the driver is told why', async () => {
    bed = await new Bed().startNode();
    const base = { registry: join(bed.kubelet, 'plugins_registry') };
    const old = new CsiDriverProcess({ ...base, name: 'old', directory: join(bed.root, 'old'), versions: ['0.3.0'] });
    const bad = new CsiDriverProcess({ ...base, name: 'bad_name', directory: join(bed.root, 'bad') });
    bed.drivers.push(old, bad);
    await Promise.all([old.start(), bad.start()]);
    const refusal = (driver: CsiDriverProcess) => driver.calls('NotifyRegistrationStatus')[0]?.request;
    await bed.until('both to be refused', () => refusal(old) !== undefined && refusal(bad) !== undefined);
    expect(refusal(old)).toMatchObject({
      pluginRegistered: false,
      error: expect.stringContaining('1.x (it has 0.3.0)'),
    });
    expect(refusal(bad)).toMatchObject({ pluginRegistered: false, error: '"bad_name" is no name of a CSI driver' });
  });

  it('survives files and sockets in its directory that are nobody', async () => {
    bed = await new Bed().startNode();
    const registry = join(bed.kubelet, 'plugins_registry');
    writeFileSync(join(registry, 'file.sock'), 'x');
    const { createServer } = await import('node:net');
    const silent = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => silent.listen(join(registry, 'silent.sock'), resolve));
    await bed.addDriver();
    await new Promise((resolve) => silent.close(resolve));
    expect(readFileSync(join(registry, 'file.sock'), 'utf8')).toBe('x');
  });
});

if (process.getuid?.() === 0) {
  let bed: Bed;
  beforeAll(async () => {
    bed = await new Bed().startNode();
    await bed.addDriver({ attachRequired: false, fsGroupPolicy: 'File' });
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  volumesContract('volumes-csi', async () => {
    const [driver] = bed.drivers;
    if (driver === undefined) throw new Error('there is no driver');
    return {
      driver: bed.driver,
      volume: async () => volumeOf(driver),
      broken: async () => ({
        metadata: { name: 'broken' },
        spec: { csi: { driver: driverName, volumeHandle: 'absent' }, accessModes: ['ReadWriteOnce'] },
      }),
      async close() {
        for (const uid of ['a', 'b', 'c']) await bed.driver.unmount({ ...podA, uid });
      },
    };
  });
}
