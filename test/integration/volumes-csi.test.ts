/** Volumes of a CSI driver that is a process of its own, with real mounts: the node's side alone, without containers. Needs root. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { nodeParts } from '@timonel/sdk/contracts/node-parts';
import { nodes, persistentVolumeClaims, volumeAttachments } from '@timonel/sdk/kube';
import { attachmentName, uniqueVolumeName } from '@timonel/sdk/volumes';
import { testVolumeNode, volumeRequest } from '@timonel/testkit';
import { volumesContract } from '@timonel/testkit/contracts/volume';
import { Bed, driverName, podA, requestOf, volumeOf } from '../support/csi-driver/bed.ts';

const suite = process.getuid?.() === 0 ? describe : describe.skip;

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
    for (const path of (await bed.mounts()).toReversed()) execFileSync('umount', [path]);
    expect(await bed.driver.mount(requestOf(volume))).toMatchObject({ hostPath });
    expect(driver.calls().map(({ method }) => method)).toEqual(['NodeStageVolume', 'NodePublishVolume']);
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
