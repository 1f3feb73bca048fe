import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import persistentVolumeController from '@timonel/plugin-controller-persistentvolume';
import volumeExpandController from '@timonel/plugin-controller-volumeexpand';
import volumeProtectionController from '@timonel/plugin-controller-volumeprotection';
import { explainers, type Why } from '@timonel/sdk/contracts/why';
import {
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
  type PersistentVolume,
  type PersistentVolumeClaim,
} from '@timonel/sdk/kube';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';

const controllers = [persistentVolumeController, volumeProtectionController, volumeExpandController];

let cluster: Cluster;
let namespace: string;
let serial = 0;

function claimOf(name: string, spec: PersistentVolumeClaim['spec'] = {}): PersistentVolumeClaim {
  const common = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
  return { metadata: { name, namespace }, spec: { ...common, ...spec } };
}

const makeClaim = (name: string, spec?: PersistentVolumeClaim['spec']): Promise<PersistentVolumeClaim> =>
  cluster.api.create(persistentVolumeClaims, claimOf(name, spec));

const makeVolume = (name: string, spec: PersistentVolume['spec'] = {}): Promise<PersistentVolume> =>
  cluster.api.create(persistentVolumes, {
    metadata: { name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      hostPath: { path: `/data/${name}` },
      ...spec,
    },
  });

const claim = (name: string): Promise<PersistentVolumeClaim> =>
  cluster.api.get(persistentVolumeClaims, { namespace, name });
const volume = (name: string): Promise<PersistentVolume> => cluster.api.get(persistentVolumes, { name });
const phaseIs = (name: string, phase: string): Promise<unknown> =>
  cluster.until(`claim ${name} to be ${phase}`, async () => (await claim(name)).status?.phase === phase);
const volumeIs = (name: string, phase: string): Promise<unknown> =>
  cluster.until(`volume ${name} to be ${phase}`, async () => (await volume(name)).status?.phase === phase);
const patchClaim = (name: string, body: unknown): Promise<PersistentVolumeClaim> =>
  cluster.api.patch(persistentVolumeClaims, { namespace, name }, { type: 'merge', body });
const reasonsOf = async (name: string): Promise<string[]> =>
  (await cluster.eventsOf(await claim(name))).map(({ reason }) => reason ?? '');

async function why(resource: string, name: string, inNamespace?: string): Promise<Why | undefined> {
  const about = { group: '', resource, name, ...(inNamespace === undefined ? {} : { namespace: inNamespace }) };
  for (const { service } of cluster.server.kernel.service(explainers).all()) {
    if (!service.kinds().some((kind) => kind.resource === resource)) continue;
    const answer = await service.explain(about);
    if ((answer?.causes.length ?? 0) > 0) return answer;
  }
  return undefined;
}

/** A class of its own for each test: volumes are of the whole cluster. */
function className(): string {
  serial += 1;
  return `class-${serial}`;
}

beforeAll(async () => {
  cluster = await startCluster({ controllers, nodes: 0 });
  namespace = await cluster.namespace();
});
afterAll(() => cluster[Symbol.asyncDispose]());

describe('controller-persistentvolume', () => {
  it('binds the smallest fitting volume, keeps it Released after the claim, and gives it to others when it is let go', async () => {
    const storageClassName = className();
    await makeVolume('large', { storageClassName, capacity: { storage: '9Gi' } });
    await makeVolume('fits', { storageClassName, capacity: { storage: '2Gi' } });
    await makeVolume('small', { storageClassName, capacity: { storage: '1Gi' } });
    await makeClaim('one', { storageClassName, resources: { requests: { storage: '2Gi' } } });
    await phaseIs('one', 'Bound');
    await volumeIs('fits', 'Bound');
    expect(await claim('one')).toMatchObject({
      spec: { volumeName: 'fits' },
      status: { accessModes: ['ReadWriteOnce'], capacity: { storage: '2Gi' } },
    });
    await cluster.api.delete(persistentVolumeClaims, { namespace, name: 'one' });
    await volumeIs('fits', 'Released');
    await makeClaim('two', { storageClassName, volumeName: 'fits' });
    await cluster.until('the refusal', async () => (await reasonsOf('two')).includes('FailedBinding'));
    expect((await why('persistentvolumes', 'fits'))?.causes).toMatchObject([{ code: 'released' }]);
    await cluster.api.patch(
      persistentVolumes,
      { name: 'fits' },
      { type: 'json', body: [{ op: 'remove', path: '/spec/claimRef' }] },
    );
    await phaseIs('two', 'Bound');
    await cluster.quiet();
  });

  it('gives one volume to one of many claims that ask for it at once, and writes nothing when it has come to rest', async () => {
    const storageClassName = className();
    const names = Array.from({ length: 10 }, (_, index) => `racer-${index}`);
    const seen = cluster.record(persistentVolumeClaims, namespace);
    await Promise.all(names.map((name) => makeClaim(name, { storageClassName })));
    await Promise.all(['r0', 'r1', 'r2'].map((name) => makeVolume(name, { storageClassName })));
    const bound = async (): Promise<PersistentVolumeClaim[]> =>
      (await Promise.all(names.map(claim))).filter(({ status }) => status?.phase === 'Bound');
    await cluster.until('three claims to be bound', async () => (await bound()).length === 3);
    await cluster.quiet();
    const holders = new Map((await bound()).map(({ spec, metadata }) => [spec?.volumeName, metadata.uid]));
    expect(new Set(holders.keys())).toEqual(new Set(['r0', 'r1', 'r2']));
    for (const [name = '', uid] of holders) expect((await volume(name)).spec?.claimRef?.uid).toBe(uid);
    const writes = seen.length;
    await cluster.quiet();
    expect(seen).toHaveLength(writes);
  });

  it('says what to do about a claim without a class, and gives it the default class as soon as there is one', async () => {
    await makeClaim('unnamed');
    await makeClaim('none', { storageClassName: '' });
    await cluster.until('the event', async () => (await reasonsOf('unnamed')).includes('FailedBinding'));
    const [event] = await cluster.eventsOf(await claim('unnamed'));
    expect(event?.message).toMatch(/no storage class is set: name a storage class .* or create a volume/);
    expect((await why('persistentvolumeclaims', 'unnamed', namespace))?.causes).toMatchObject([{ code: 'no-class' }]);
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    const name = className();
    await cluster.api.create(storageClasses, { metadata: { name, annotations }, provisioner: 'csi.example.com' });
    await cluster.until('the default class', async () => (await claim('unnamed')).spec?.storageClassName === name);
    await cluster.until('its provisioner', async () => (await reasonsOf('unnamed')).includes('ExternalProvisioning'));
    expect((await claim('unnamed')).metadata.annotations).toMatchObject({
      'volume.kubernetes.io/storage-provisioner': 'csi.example.com',
      'volume.beta.kubernetes.io/storage-provisioner': 'csi.example.com',
    });
    expect((await claim('none')).spec?.storageClassName).toBe('');
    await cluster.api.delete(storageClasses, { name });
  });

  it('takes a claim for lost when its volume is gone', async () => {
    const storageClassName = className();
    await makeVolume('fleeting', { storageClassName });
    await makeClaim('loser', { storageClassName });
    await phaseIs('loser', 'Bound');
    await volumeIs('fleeting', 'Bound');
    await cluster.api.delete(persistentVolumes, { name: 'fleeting' });
    expect((await volume('fleeting')).metadata.deletionTimestamp).toBeDefined();
    expect((await why('persistentvolumes', 'fleeting'))?.causes).toMatchObject([{ code: 'in-use' }]);
    await cluster.api.patch(
      persistentVolumes,
      { name: 'fleeting' },
      { type: 'merge', body: { metadata: { finalizers: null } } },
    );
    await phaseIs('loser', 'Lost');
    await cluster.until('the event', async () => (await reasonsOf('loser')).includes('ClaimLost'));
  });
});

describe('controller-volumeprotection', () => {
  it('keeps a claim until its last pod is gone, also one that has ended; then its volume can go, too', async () => {
    const storageClassName = className();
    await makeVolume('kept', { storageClassName });
    await makeClaim('used', { storageClassName });
    await phaseIs('used', 'Bound');
    await volumeIs('kept', 'Bound');
    await cluster.api.create(pods, {
      metadata: { name: 'user', namespace },
      spec: {
        nodeName: 'somewhere',
        restartPolicy: 'Never',
        containers: [{ name: 'main', image: 'web:1', command: ['fake:exit', '0'] }],
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'used' } }],
      },
    });
    await cluster.until(
      'the pod to end',
      async () => (await cluster.api.get(pods, { namespace, name: 'user' })).status?.phase === 'Succeeded',
    );
    await cluster.api.delete(persistentVolumeClaims, { namespace, name: 'used' });
    await cluster.api.delete(persistentVolumes, { name: 'kept' });
    await cluster.quiet();
    expect((await claim('used')).metadata.finalizers).toEqual(['kubernetes.io/pvc-protection']);
    expect((await why('persistentvolumeclaims', 'used', namespace))?.causes).toMatchObject([
      { code: 'in-use', detail: { pods: ['user'] } },
    ]);
    await cluster.api.delete(pods, { namespace, name: 'user' }, { gracePeriodSeconds: 0 });
    await cluster.until('claim and volume to go', async () => {
      const left = await Promise.allSettled([claim('used'), volume('kept')]);
      return left.every(({ status }) => status === 'rejected');
    });
  });
});

describe('controller-volumeexpand', () => {
  it('refuses growth where the class does not allow it, and hands the claim over where it does', async () => {
    const [fixed, growing] = [className(), className()];
    await cluster.api.create(storageClasses, { metadata: { name: fixed }, provisioner: 'csi.example.com' });
    await cluster.api.create(storageClasses, {
      metadata: { name: growing },
      provisioner: 'csi.example.com',
      allowVolumeExpansion: true,
    });
    for (const storageClassName of [fixed, growing]) {
      await makeVolume(`of-${storageClassName}`, { storageClassName });
      await makeClaim(`of-${storageClassName}`, { storageClassName });
      await phaseIs(`of-${storageClassName}`, 'Bound');
    }
    const more = { spec: { resources: { requests: { storage: '2Gi' } } } };
    await expect(patchClaim(`of-${fixed}`, more)).rejects.toMatchObject({ status: { code: 403, reason: 'Forbidden' } });
    await patchClaim(`of-${growing}`, more);
    await cluster.until('the hand-over', async () => (await reasonsOf(`of-${growing}`)).includes('ExternalExpanding'));
    expect((await claim(`of-${growing}`)).metadata.annotations?.['volume.kubernetes.io/storage-resizer']).toBe(
      'csi.example.com',
    );
    expect((await why('persistentvolumeclaims', `of-${growing}`, namespace))?.causes).toMatchObject([
      { code: 'expanding' },
    ]);
  });
});
