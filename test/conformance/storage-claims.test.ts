import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import ephemeralVolumeController from '@timonel/plugin-controller-ephemeralvolume';
import gcController from '@timonel/plugin-controller-gc';
import persistentVolumeController from '@timonel/plugin-controller-persistentvolume';
import volumeProtectionController from '@timonel/plugin-controller-volumeprotection';
import schedulingVolumes from '@timonel/plugin-scheduling-volumes';
import {
  isNotFound,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Volume,
} from '@timonel/sdk/kube';
import { startCluster, type Cluster } from './support/cluster.ts';

let cluster: Cluster;
let namespace: string;

const controllers = [persistentVolumeController, volumeProtectionController, ephemeralVolumeController, gcController];

beforeAll(async () => {
  cluster = await startCluster({ controllers, plugins: [schedulingVolumes] });
  namespace = await cluster.namespace();
});
afterAll(() => cluster[Symbol.asyncDispose]());

const makeVolume = (name: string, spec: PersistentVolume['spec'] = {}): Promise<PersistentVolume> =>
  cluster.api.create(persistentVolumes, {
    metadata: { name, labels: { made: 'here' } },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      hostPath: { path: `/data/${name}` },
      storageClassName: name,
      ...spec,
    },
  });
const makeClaim = (name: string, spec: PersistentVolumeClaim['spec'] = {}): Promise<PersistentVolumeClaim> =>
  cluster.api.create(persistentVolumeClaims, {
    metadata: { name, namespace, labels: { made: 'here' } },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: name,
      ...spec,
    },
  });
const makePod = (name: string, volume: Volume): Promise<unknown> =>
  cluster.api.create(pods, {
    metadata: { name, namespace },
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'web:1' }], volumes: [volume] },
  });
const claim = (name: string): Promise<PersistentVolumeClaim> =>
  cluster.api.get(persistentVolumeClaims, { namespace, name });
const volume = (name: string): Promise<PersistentVolume> => cluster.api.get(persistentVolumes, { name });
const isGone = (reading: Promise<unknown>): Promise<boolean> => reading.then(() => false, isNotFound);
const bound = (name: string): Promise<unknown> =>
  cluster.until(`claim ${name} to be bound`, async () => (await claim(name)).status?.phase === 'Bound', 10_000);
const running = (name: string): Promise<unknown> =>
  cluster.until(
    `pod ${name} to run`,
    async () => (await cluster.api.get(pods, { namespace, name })).status?.phase === 'Running',
    10_000,
  );

describe('storage: PersistentVolumeClaim', () => {
  it('has a life with all verbs: made, bound, read, patched, replaced, deleted, by collection too', async () => {
    await makeVolume('life');
    await makeClaim('life');
    await bound('life');
    await cluster.until('the phase of the volume', async () => (await volume('life')).status?.phase === 'Bound');
    const { items } = await cluster.api.list(persistentVolumeClaims, { namespace, labelSelector: 'made=here' });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['life']);
    const body = { metadata: { labels: { patched: 'yes' } } };
    await cluster.api.patch(persistentVolumeClaims, { namespace, name: 'life' }, { type: 'strategic', body });
    await cluster.api.patch(persistentVolumes, { name: 'life' }, { type: 'merge', body });
    const now = await volume('life');
    const labels = { ...now.metadata.labels, replaced: 'yes' };
    await cluster.api.update(persistentVolumes, { ...now, metadata: { ...now.metadata, labels } });
    expect((await volume('life')).metadata.labels).toEqual({ made: 'here', patched: 'yes', replaced: 'yes' });
    await cluster.server.send(
      'DELETE',
      `/api/v1/namespaces/${namespace}/persistentvolumeclaims?labelSelector=made%3Dhere`,
    );
    await cluster.until('the claim to go', () => isGone(claim('life')));
    await cluster.until('the volume to be released', async () => (await volume('life')).status?.phase === 'Released');
    await cluster.server.send('DELETE', '/api/v1/persistentvolumes?labelSelector=made%3Dhere');
    await cluster.until('the volume to go', () => isGone(volume('life')));
  });

  it('has a status of its own, and so has its volume', async () => {
    await makeVolume('state');
    await makeClaim('state');
    await bound('state');
    const condition = { type: 'StatusPatched', status: 'True', reason: 'Test', message: 'patched by a test' } as const;
    const body = { spec: { volumeName: 'ignored' }, status: { conditions: [condition] } };
    const options = { subresource: 'status' };
    await cluster.api.patch(persistentVolumeClaims, { namespace, name: 'state' }, { type: 'merge', body }, options);
    const found = await claim('state');
    expect(found.status).toMatchObject({ phase: 'Bound', conditions: [condition] });
    expect(found.spec?.volumeName).toBe('state');
    const message = { status: { message: 'patched by a test' } };
    const patched = await cluster.api.patch(
      persistentVolumes,
      { name: 'state' },
      { type: 'merge', body: message },
      options,
    );
    expect(patched.status?.message).toBe('patched by a test');
  });

  it('is kept as long as a pod uses it', async () => {
    await makeVolume('kept');
    await makeClaim('kept');
    await makePod('user', { name: 'data', persistentVolumeClaim: { claimName: 'kept' } });
    await running('user');
    await cluster.api.delete(persistentVolumeClaims, { namespace, name: 'kept' });
    await cluster.quiet();
    expect((await claim('kept')).metadata.deletionTimestamp).toBeDefined();
    await cluster.api.delete(pods, { namespace, name: 'user' });
    await cluster.until('the claim to go', () => isGone(claim('kept')));
  });

  it('waits for its first pod where the class says so, and takes a volume of the node where that pod can go', async () => {
    const provisioner = 'kubernetes.io/no-provisioner';
    await cluster.api.create(storageClasses, {
      metadata: { name: 'later' },
      provisioner,
      volumeBindingMode: 'WaitForFirstConsumer',
    });
    const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['node-1'] }];
    const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions }] } };
    await makeVolume('of-node-1', { storageClassName: 'later', nodeAffinity });
    await makeClaim('later');
    await cluster.quiet();
    expect((await claim('later')).status?.phase).toBe('Pending');
    await makePod('first', { name: 'data', persistentVolumeClaim: { claimName: 'later' } });
    await running('first');
    expect((await cluster.api.get(pods, { namespace, name: 'first' })).spec.nodeName).toBe('node-1');
    expect((await claim('later')).spec?.volumeName).toBe('of-node-1');
  });

  it('is made for a pod that brings its template along, and goes with the pod', async () => {
    await makeVolume('brought');
    const spec = {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: 'brought',
    };
    await makePod('bringer', { name: 'scratch', ephemeral: { volumeClaimTemplate: { spec } } });
    await running('bringer');
    expect((await claim('bringer-scratch')).spec?.volumeName).toBe('brought');
    await cluster.api.delete(pods, { namespace, name: 'bringer' });
    await cluster.until('the claim to go', () => isGone(claim('bringer-scratch')));
  });
});
