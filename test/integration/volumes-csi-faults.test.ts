/** Registration of CSI drivers, and their volumes when drivers and nodes die. Needs root. */
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { csiDrivers, csiNodes, nodes } from '@timonel/sdk/kube';
import { Bed, driverName, podA, requestOf, volumeOf } from '../support/csi-driver/bed.ts';
import { CsiDriverProcess } from '../support/csi-driver/index.ts';

const suite = process.getuid?.() === 0 ? describe : describe.skip;

suite('volumes of CSI drivers under faults', () => {
  let bed: Bed;
  afterEach(async () => {
    await bed?.[Symbol.asyncDispose]();
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
    const silent = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => silent.listen(join(registry, 'silent.sock'), resolve));
    await bed.addDriver();
    await new Promise((resolve) => silent.close(resolve));
    expect(readFileSync(join(registry, 'file.sock'), 'utf8')).toBe('x');
  });
});
