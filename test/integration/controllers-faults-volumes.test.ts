/** Claims and volumes under faults: see test/support/controller-faults.ts. */
import ephemeralVolumeController from '@timonel/plugin-controller-ephemeralvolume';
import gcController from '@timonel/plugin-controller-gc';
import persistentVolumeController from '@timonel/plugin-controller-persistentvolume';
import volumeProtectionController from '@timonel/plugin-controller-volumeprotection';
import { persistentVolumeClaims, persistentVolumes, pods, type PersistentVolume } from '@timonel/sdk/kube';
import { describeFaults } from '../support/controller-faults.ts';

const run = 'run';

describeFaults({
  name: 'volumes',
  controllers: [persistentVolumeController, volumeProtectionController, ephemeralVolumeController],
  healthy: [gcController],
  nodes: 1,
  scheduler: false,
  counted: [persistentVolumeClaims, persistentVolumes, pods],
  faultless: {
    persistentvolumeclaims: { made: 3, deleted: 3 },
    persistentvolumes: { made: 2, deleted: 2 },
    pods: { made: 1, deleted: 1 },
  },
  belongs: ({ metadata }, namespace) => metadata.namespace === namespace || metadata.labels?.[run] === namespace,
  /** Two claims for one volume; the one that has it is deleted while a pod uses it; the volume is given away again; an ephemeral one. */
  async life(life) {
    const { api, namespace, reached, rests, remember } = life;
    const storageClassName = namespace;
    const common = { accessModes: ['ReadWriteOnce'], storageClassName };
    const claim = (name: string): Promise<unknown> =>
      api.create(persistentVolumeClaims, {
        metadata: { namespace, name },
        spec: { ...common, resources: { requests: { storage: '1Gi' } } },
      });
    const volume = (name: string): Promise<unknown> =>
      api.create(persistentVolumes, {
        metadata: { name: `${namespace}-${name}`, labels: { [run]: namespace } },
        spec: { ...common, capacity: { storage: '1Gi' }, hostPath: { path: `/data/${name}` } },
      });
    const getVolume = (name: string): Promise<PersistentVolume> =>
      api.get(persistentVolumes, { name: `${namespace}-${name}` });
    const phaseOf = async (name: string): Promise<string | undefined> =>
      (await api.get(persistentVolumeClaims, { namespace, name })).status?.phase;
    const volumePhase = async (name: string): Promise<string | undefined> => (await getVolume(name)).status?.phase;
    await claim('first');
    await volume('one');
    await reached('the first claim to be bound', async () => {
      return (await phaseOf('first')) === 'Bound' && (await volumePhase('one')) === 'Bound';
    });
    await claim('second');
    await reached('the second claim to wait', async () => (await phaseOf('second')) === 'Pending');
    const ephemeral = {
      volumeClaimTemplate: { spec: { ...common, resources: { requests: { storage: '1Gi' } } } },
    };
    await api.create(pods, {
      metadata: { namespace, name: 'user' },
      spec: {
        containers: [{ name: 'main', image: 'web:1' }],
        volumes: [
          { name: 'data', persistentVolumeClaim: { claimName: 'first' } },
          { name: 'scratch', ephemeral },
        ],
      },
    });
    await reached('the ephemeral claim', async () => (await phaseOf('user-scratch')) !== undefined);
    await reached('the finalizer', async () => {
      const { metadata } = await api.get(persistentVolumeClaims, { namespace, name: 'first' });
      return metadata.finalizers?.includes('kubernetes.io/pvc-protection') === true;
    });
    await api.delete(persistentVolumeClaims, { namespace, name: 'first' });
    await rests();
    const held = await api.get(persistentVolumeClaims, { namespace, name: 'first' });
    remember('is held while the pod uses it', held.metadata.deletionTimestamp !== undefined);
    await volume('two');
    await reached('the second volume to be bound', async () => (await volumePhase('two')) === 'Bound');
    await api.delete(pods, { namespace, name: 'user' });
    await reached('the volume to be released', async () => (await volumePhase('one')) === 'Released');
    for (const name of ['second', 'user-scratch']) {
      await api.delete(persistentVolumeClaims, { namespace, name }).catch(() => undefined);
    }
    for (const name of ['one', 'two']) await api.delete(persistentVolumes, { name: `${namespace}-${name}` });
    await reached('the end', async () => {
      const claims = (await api.list(persistentVolumeClaims, { namespace })).items;
      const volumes = (await api.list(persistentVolumes, { labelSelector: `${run}=${namespace}` })).items;
      return claims.length + volumes.length === 0;
    });
  },
});
