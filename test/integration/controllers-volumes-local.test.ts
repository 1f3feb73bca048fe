import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import ephemeralVolumeController from '@timonel/plugin-controller-ephemeralvolume';
import gcController from '@timonel/plugin-controller-gc';
import persistentVolumeController from '@timonel/plugin-controller-persistentvolume';
import volumeExpandController from '@timonel/plugin-controller-volumeexpand';
import volumeProtectionController from '@timonel/plugin-controller-volumeprotection';
import schedulingVolumes from '@timonel/plugin-scheduling-volumes';
import volumesLocal from '@timonel/plugin-volumes-local';
import {
  csiStorageCapacities,
  namespaces,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
  type PersistentVolumeClaim,
  type Pod,
  type PodSpec,
} from '@timonel/sdk/kube';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';

const second = { ...volumesLocal, name: 'volumes-local-1' };

let cluster: Cluster;
let namespace: string;
let root: string;

const directory = (node: string): string => join(root, node);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'timonel-volumes-local-'));
  cluster = await startCluster({
    controllers: [
      persistentVolumeController,
      volumeProtectionController,
      volumeExpandController,
      ephemeralVolumeController,
      gcController,
      volumesLocal,
      second,
    ],
    plugins: [schedulingVolumes],
    config: {
      'volumes-local': { nodeName: 'node-0', capacity: '10Mi', directory: directory('node-0') },
      'volumes-local-1': { nodeName: 'node-1', capacity: '4Mi', directory: directory('node-1') },
    },
    nodes: 2,
  });
  await cluster.api.create(namespaces, { metadata: { name: 'kube-system' } }).catch(() => undefined);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

/** `node=free` of all nodes, in MiB. */
async function told(): Promise<string[]> {
  const { items } = await cluster.api.list(csiStorageCapacities, { namespace: 'kube-system' });
  return items
    .filter(({ storageClassName }) => storageClassName === 'local')
    .map(({ nodeTopology, capacity }) => `${nodeTopology?.matchLabels?.['kubernetes.io/hostname']}=${capacity}`)
    .toSorted();
}

beforeEach(async () => {
  namespace = await cluster.namespace();
  await cluster.until('both nodes to be empty', async () => (await told()).join() === 'node-0=10Mi,node-1=4Mi', 15_000);
});

const makeClaim = (
  name: string,
  storage: string,
  spec: PersistentVolumeClaim['spec'] = {},
): Promise<PersistentVolumeClaim> =>
  cluster.api.create(persistentVolumeClaims, {
    metadata: { name, namespace },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } }, ...spec },
  });

const makePod = (name: string, claimNames: readonly string[], spec: Partial<PodSpec> = {}): Promise<Pod> =>
  cluster.api.create(pods, {
    metadata: { name, namespace },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: 'web:1' }],
      volumes: claimNames.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })),
      ...spec,
    },
  });

const claim = (name: string): Promise<PersistentVolumeClaim> =>
  cluster.api.get(persistentVolumeClaims, { namespace, name });
const pod = (name: string): Promise<Pod> => cluster.api.get(pods, { namespace, name });
const running = (name: string): Promise<unknown> =>
  cluster.until(`pod ${name} to run`, async () => (await pod(name)).status?.phase === 'Running', 15_000);
const reasonsOf = async (name: string): Promise<string[]> =>
  (await cluster.eventsOf(await claim(name))).map(({ reason }) => reason ?? '');

/** The claims of the namespace and what was made for them are gone. */
async function cleared(): Promise<void> {
  for (const { metadata } of (await cluster.api.list(pods, { namespace })).items) {
    await cluster.api.delete(pods, { namespace, name: metadata.name ?? '' });
  }
  for (const { metadata } of (await cluster.api.list(persistentVolumeClaims, { namespace })).items) {
    await cluster.api.delete(persistentVolumeClaims, { namespace, name: metadata.name ?? '' }).catch(() => undefined);
  }
  await cluster.until(
    'the volumes to go',
    async () => (await cluster.api.list(persistentVolumes, {})).items.length === 0,
    15_000,
  );
  expect(await readdir(directory('node-0'))).toEqual([]);
  expect(await readdir(directory('node-1'))).toEqual([]);
}

describe('volumes-local', () => {
  it('makes the default class, waits for the first pod, and makes a directory where that pod goes', async () => {
    expect(await cluster.api.get(storageClasses, { name: 'local' })).toMatchObject({
      metadata: { annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: 'timonel.dev/local',
      volumeBindingMode: 'WaitForFirstConsumer',
    });
    await makeClaim('data', '1Mi');
    await cluster.until('the wait', async () => (await reasonsOf('data')).includes('WaitForFirstConsumer'));
    expect((await claim('data')).status?.phase).toBe('Pending');
    await makePod('user', ['data']);
    await running('user');
    const { spec, status } = await claim('data');
    expect(status).toMatchObject({ phase: 'Bound', capacity: { storage: '1Mi' } });
    const volume = await cluster.api.get(persistentVolumes, { name: spec?.volumeName ?? '' });
    const { nodeName } = (await pod('user')).spec;
    expect(volume).toMatchObject({
      metadata: { annotations: { 'pv.kubernetes.io/provisioned-by': 'timonel.dev/local' } },
      spec: {
        persistentVolumeReclaimPolicy: 'Delete',
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ values: [nodeName] }] }] } },
      },
    });
    expect((await stat(volume.spec?.local?.path ?? '')).mode & 0o777).toBe(0o777);
    await cluster.until(
      'the phase',
      async () =>
        (await cluster.api.get(persistentVolumes, volume.metadata as { name: string })).status?.phase === 'Bound',
    );
    await cleared();
  });

  it('brings pods back to the node where their data is', async () => {
    await makeClaim('data', '1Mi');
    await makePod('first', ['data'], { nodeSelector: { 'kubernetes.io/hostname': 'node-1' } });
    await running('first');
    await cluster.api.delete(pods, { namespace, name: 'first' });
    for (const name of ['second', 'third']) await makePod(name, ['data']);
    await Promise.all([running('second'), running('third')]);
    expect([(await pod('second')).spec.nodeName, (await pod('third')).spec.nodeName]).toEqual(['node-1', 'node-1']);
    await cleared();
  });

  it('places pods where there is room for all their claims, and says how much is left', async () => {
    await makeClaim('large', '5Mi');
    await makeClaim('more', '3Mi');
    await makePod('user', ['large', 'more']);
    await running('user');
    expect((await pod('user')).spec.nodeName).toBe('node-0');
    await cluster.until('what is left', async () => (await told()).join() === 'node-0=2Mi,node-1=4Mi');
    await makeClaim('too-large', '6Mi');
    await makePod('waits', ['too-large']);
    await cluster.until('the reason', async () =>
      (await pod('waits')).status?.conditions?.some(({ message = '' }) =>
        message.includes('did not have enough free storage'),
      ),
    );
    await cluster.api.delete(pods, { namespace, name: 'user' });
    await cluster.api.delete(persistentVolumeClaims, { namespace, name: 'large' });
    await running('waits');
    await cleared();
  });

  it('never gives more than there is to claims that come at once, and finds another node for those that are refused', async () => {
    const names = Array.from({ length: 6 }, (_, index) => `c${index}`);
    await Promise.all(names.map((name) => makeClaim(name, '2Mi')));
    await Promise.all(names.map((name) => makePod(`of-${name}`, [name])));
    await Promise.all(names.map((name) => running(`of-${name}`)));
    const { items } = await cluster.api.list(persistentVolumes, {});
    const nodesOf = items.map(({ metadata }) => metadata.annotations?.['timonel.dev/node']);
    expect(nodesOf.filter((name) => name === 'node-0').length).toBeLessThanOrEqual(5);
    expect(nodesOf.filter((name) => name === 'node-1').length).toBeLessThanOrEqual(2);
    expect(nodesOf).toHaveLength(6);
    await cleared();
  }, 30_000);

  it('lets volumes grow while there is room, and says so when there is none', async () => {
    await makeClaim('data', '1Mi');
    await makePod('user', ['data'], { nodeSelector: { 'kubernetes.io/hostname': 'node-1' } });
    await running('user');
    const ask = (storage: string) =>
      cluster.api.patch(
        persistentVolumeClaims,
        { namespace, name: 'data' },
        { type: 'merge', body: { spec: { resources: { requests: { storage } } } } },
      );
    await ask('3Mi');
    await cluster.until('the growth', async () => (await claim('data')).status?.capacity?.['storage'] === '3Mi');
    expect(
      (await cluster.api.get(persistentVolumes, { name: (await claim('data')).spec?.volumeName ?? '' })).spec?.capacity,
    ).toEqual({ storage: '3Mi' });
    await cluster.until('what is left', async () => (await told()).includes('node-1=1Mi'));
    await ask('9Mi');
    await cluster.until('the refusal', async () => (await reasonsOf('data')).includes('VolumeResizeFailed'));
    await cluster.quiet();
    expect((await claim('data')).status).toMatchObject({
      capacity: { storage: '3Mi' },
      conditions: [{ type: 'ControllerResizeError', status: 'True', reason: 'NoRoom' }],
      allocatedResourceStatuses: { storage: 'ControllerResizeInfeasible' },
    });
    await cleared();
  });

  it('makes volumes of an Immediate class on the node with most room, and refuses what it cannot do', async () => {
    await cluster.api.create(storageClasses, { metadata: { name: 'now' }, provisioner: 'timonel.dev/local' });
    await makeClaim('data', '1Mi', { storageClassName: 'now' });
    await makeClaim('shared', '1Mi', { storageClassName: 'now', accessModes: ['ReadWriteMany'] });
    await cluster.until('the claim to be bound', async () => (await claim('data')).status?.phase === 'Bound', 10_000);
    const volume = await cluster.api.get(persistentVolumes, { name: (await claim('data')).spec?.volumeName ?? '' });
    expect(volume.metadata.annotations?.['timonel.dev/node']).toBe('node-0');
    await cluster.until('the refusal', async () => (await reasonsOf('shared')).includes('ProvisioningFailed'));
    await cluster.api.delete(storageClasses, { name: 'now' });
    await cleared();
  });

  it('makes the volumes that pods bring the template of, which go with the pod', async () => {
    const volumeClaimTemplate = {
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
    };
    await makePod('user', [], { volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate } }] });
    await running('user');
    expect((await claim('user-scratch')).status?.phase).toBe('Bound');
    await cluster.api.delete(pods, { namespace, name: 'user' });
    await cluster.until(
      'the claim to go',
      async () => (await cluster.api.list(persistentVolumeClaims, { namespace })).items.length === 0,
      10_000,
    );
    await cleared();
  });
});
