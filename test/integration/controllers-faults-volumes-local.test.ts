/** Volumes that are made on a node, under faults: none is made twice, none is left over, nor is its directory. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import persistentVolumeController from '@timonel/plugin-controller-persistentvolume';
import volumeExpandController from '@timonel/plugin-controller-volumeexpand';
import volumeProtectionController from '@timonel/plugin-controller-volumeprotection';
import volumesLocal from '@timonel/plugin-volumes-local';
import {
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
  type PersistentVolume,
  type PersistentVolumeClaim,
} from '@timonel/sdk/kube';
import { describeFaults } from '../support/controller-faults.ts';

const directory = mkdtempSync(join(tmpdir(), 'timonel-volumes-faults-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const provisioner = 'timonel.dev/local';

describeFaults({
  name: 'volumes-local',
  controllers: [volumesLocal],
  healthy: [persistentVolumeController, volumeProtectionController, volumeExpandController],
  config: {
    'volumes-local': { nodeName: 'node-0', directory, capacity: '10Mi', storageClass: '', namespace: 'default' },
  },
  nodes: 1,
  scheduler: false,
  counted: [persistentVolumeClaims, persistentVolumes],
  faultless: {
    persistentvolumeclaims: { made: 3, deleted: 3 },
    persistentvolumes: { made: 3, deleted: 3 },
  },
  belongs: (object, namespace) => {
    const { metadata, spec } = object as PersistentVolume;
    return metadata.namespace === namespace || spec?.claimRef?.namespace === namespace;
  },
  /** Two claims share the node, one grows, one waits for room until another goes. */
  async life(life) {
    const { api, namespace, reached, rests, remember } = life;
    const make = (name: string, storage: string): Promise<unknown> =>
      api.create(persistentVolumeClaims, {
        metadata: { namespace, name },
        spec: { accessModes: ['ReadWriteOnce'], storageClassName: namespace, resources: { requests: { storage } } },
      });
    const claim = (name: string): Promise<PersistentVolumeClaim> =>
      api.get(persistentVolumeClaims, { namespace, name });
    const has = (name: string, storage: string): Promise<void> =>
      reached(`claim ${name} to have ${storage}`, async () => {
        const { status } = await claim(name);
        return status?.phase === 'Bound' && status.capacity?.['storage'] === storage;
      });
    const remove = (name: string): Promise<unknown> => api.delete(persistentVolumeClaims, { namespace, name });
    await api.create(storageClasses, { metadata: { name: namespace }, provisioner, allowVolumeExpansion: true });
    await make('one', '4Mi');
    await has('one', '4Mi');
    await make('two', '2Mi');
    await has('two', '2Mi');
    const body = { spec: { resources: { requests: { storage: '3Mi' } } } };
    await api.patch(persistentVolumeClaims, { namespace, name: 'two' }, { type: 'merge', body });
    await has('two', '3Mi');
    await make('three', '5Mi');
    await rests();
    remember('waits for room', (await claim('three')).status?.phase);
    remember('directories', readdirSync(directory).length);
    await remove('one');
    await has('three', '5Mi');
    for (const name of ['two', 'three']) await remove(name);
    await reached('the end', async () => {
      const { items } = await api.list(persistentVolumes, {});
      return items.every(({ spec }) => spec?.claimRef?.namespace !== namespace);
    });
    await api.delete(storageClasses, { name: namespace });
    remember('directories at the end', readdirSync(directory));
  },
});
