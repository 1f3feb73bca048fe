import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import attachDetachController from '@timonel/plugin-controller-attachdetach';
import persistentVolumeController from '@timonel/plugin-controller-persistentvolume';
import { explainers } from '@timonel/sdk/contracts/why';
import {
  csiDrivers,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
  type Pod,
  type VolumeAttachment,
} from '@timonel/sdk/kube';
import { attachmentName, uniqueVolumeName } from '@timonel/sdk/volumes';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';

const driver = 'csi.example.com';
let cluster: Cluster;
let namespace: string;
let serial = 0;

beforeAll(async () => {
  cluster = await startCluster({
    controllers: [attachDetachController, persistentVolumeController],
    nodes: 2,
    scheduler: false,
    config: { 'controller-attachdetach': { forceDetachAfterMs: 200 } },
  });
  namespace = await cluster.namespace();
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** A bound claim; answers its name, which is that of the volume and its handle, too. */
async function makeVolume(by = driver): Promise<string> {
  serial += 1;
  const name = `v${serial}`;
  const common = { accessModes: ['ReadWriteOnce'], storageClassName: name };
  await cluster.api.create(persistentVolumes, {
    metadata: { name },
    spec: { ...common, capacity: { storage: '1Gi' }, csi: { driver: by, volumeHandle: name } },
  });
  await cluster.api.create(persistentVolumeClaims, {
    metadata: { name, namespace },
    spec: { ...common, resources: { requests: { storage: '1Gi' } } },
  });
  await cluster.until('the claim to be bound', async () => {
    return (await cluster.api.get(persistentVolumeClaims, { namespace, name })).status?.phase === 'Bound';
  });
  return name;
}

const makePod = (name: string, claimName: string, nodeName: string): Promise<Pod> =>
  cluster.api.create(pods, {
    metadata: { name, namespace },
    spec: {
      nodeName,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'c', image: 'web:1' }],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }],
    },
  });

const removePod = (name: string): Promise<unknown> =>
  cluster.api.delete(pods, { namespace, name }, { gracePeriodSeconds: 0 });

async function attachmentOf(volume: string, node: string, by = driver): Promise<VolumeAttachment | undefined> {
  return cluster.api.get(volumeAttachments, { name: attachmentName(volume, by, node) }).catch(() => undefined);
}

const isMade = (volume: string, node: string): Promise<unknown> =>
  cluster.until(`the attachment of ${volume}`, () => attachmentOf(volume, node));
const isGone = (volume: string, node: string): Promise<unknown> =>
  cluster.until(`the attachment of ${volume} to go`, async () => (await attachmentOf(volume, node)) === undefined);

/** As the container beside a driver does it. */
async function answer(volume: string, node: string, status: VolumeAttachment['status']): Promise<void> {
  const found = await attachmentOf(volume, node);
  if (found === undefined || status === undefined) throw new Error('there is nothing to answer');
  await cluster.api.updateStatus(volumeAttachments, { ...found, status });
}

const setInUse = (node: string, volumesInUse: string[] | null): Promise<unknown> =>
  cluster.api.patch(
    nodes,
    { name: node },
    { type: 'merge', body: { status: { volumesInUse } } },
    { subresource: 'status' },
  );

describe('controller-attachdetach', () => {
  it('attaches volumes to the nodes of their pods, tells of it, and detaches them after the last one', async () => {
    const volume = await makeVolume();
    await makePod('first', volume, 'node-0');
    await isMade(volume, 'node-0');
    await answer(volume, 'node-0', { attached: true });
    await cluster.until('volumesAttached', async () => {
      const { volumesAttached = [] } = (await cluster.api.get(nodes, { name: 'node-0' })).status ?? {};
      return volumesAttached.some(({ name }) => name === uniqueVolumeName(driver, volume));
    });
    await removePod('first');
    await isGone(volume, 'node-0');
    await cluster.until('volumesAttached to be empty', async () => {
      return (await cluster.api.get(nodes, { name: 'node-0' })).status?.volumesAttached === undefined;
    });
  });

  it('leaves volumes of drivers alone that attach nothing, and attachments that others made', async () => {
    const none = 'none.example.com';
    await cluster.api.create(csiDrivers, { metadata: { name: none }, spec: { attachRequired: false } });
    const [volume, other] = [await makeVolume(none), await makeVolume()];
    const source = { persistentVolumeName: other };
    const spec = { attacher: driver, nodeName: 'node-1', source };
    await cluster.api.create(volumeAttachments, { metadata: { name: 'of-a-person' }, spec });
    await makePod('second', volume, 'node-0');
    await makePod('beside', other, 'node-0');
    await cluster.quiet();
    expect(await attachmentOf(volume, 'node-0', none)).toBeUndefined();
    expect(await cluster.api.get(volumeAttachments, { name: 'of-a-person' })).toMatchObject({ spec });
    for (const name of ['second', 'beside']) await removePod(name);
    await cluster.api.delete(volumeAttachments, { name: 'of-a-person' });
  });

  it('waits until the first node lets go, and says so to the pod and to who asks why', async () => {
    const volume = await makeVolume();
    await makePod('here', volume, 'node-0');
    await isMade(volume, 'node-0');
    await setInUse('node-0', [uniqueVolumeName(driver, volume)]);
    const there = await makePod('there', volume, 'node-1');
    await cluster.until('the pod to be told', async () => {
      const events = await cluster.eventsOf(there);
      const text = `Multi-Attach error for volume "${volume}" Volume is already used by pod(s) here`;
      return events.some(({ reason, message }) => reason === 'FailedAttachVolume' && message === text);
    });
    await removePod('here');
    const name = attachmentName(volume, driver, 'node-0');
    await cluster.until('the reason', async () => {
      for (const { service } of cluster.server.kernel.service(explainers).all()) {
        if (!service.kinds().some(({ resource }) => resource === 'volumeattachments')) continue;
        const about = { group: 'storage.k8s.io', resource: 'volumeattachments', name };
        if ((await service.explain(about))?.causes.some(({ code }) => code === 'in-use')) return true;
      }
      return false;
    });
    await cluster.quiet();
    expect(await attachmentOf(volume, 'node-0')).toBeDefined();
    await setInUse('node-0', null);
    await isGone(volume, 'node-0');
    await isMade(volume, 'node-1');
    await removePod('there');
    await isGone(volume, 'node-1');
  });
});
